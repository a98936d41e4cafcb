"""Assertions of promptfoo that stay code: the module that runs them as checks of type `python`."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalgate.domain import Json
from evalgate.errors import EvalgateError
from evalgate.inputs.importers.promptfoo_criteria import NotCarriedError
from evalgate.inputs.importers.promptfoo_file import SCHEME, ForeignFiles
from evalgate.inputs.importers.promptfoo_tests import ForeignTest
from evalgate.inputs.python_modules import find_imported
from evalgate.inputs.tree import Tree, is_absolute

FOLDER = "checks"
_RUNTIME = Path(__file__).with_name("promptfoo_runtime.py")
_TYPED = (".ts", ".cts", ".mts")
_JAVASCRIPT = (".js", ".cjs", ".mjs", *_TYPED)
_KNOWN = frozenset({"vars", "config"})
_CONTEXT = re.compile(
    r"\b(?:context|ctx)\s*(?:\?\.|\.)\s*(?:get\(\s*['\"])?(\w+)|\b(?:context|ctx)\s*(?:\?\.)?\[\s*['\"](\w+)"
)
_DECLARED = re.compile(r"[{,]\s*vars\s*[,}]|\{[^{}]*\}\s*=\s*(?:\w+\s*\.\s*)?vars\b|\bvars\s*[:=]\s*\{[^{}]*\}")
"""Where code names the variables, or takes some of them by name: `{vars}`, `{a, b} = context.vars`, `vars: {a, b}`."""
_BY_NAME = (
    r"""(?:\?\.|\.)\s*(?!get\b)\w+\b(?!\s*\()|(?:\?\.)?\[\s*(?:'[^']*'|"[^"]*")\s*\]|\.get\(\s*(?:'[^']*'|"[^"]*")"""
)
_ALL_VARIABLES = re.compile(rf"\bvars\b(?!['\"]?\]?\s*(?:{_BY_NAME}))")
_ELSEWHERE = re.compile(r"\b(providerResponse|logProbs|traceData)\b")
_NEEDED = re.compile(r"(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['\"`](\.{1,2}/[^'\"`]+)['\"`]")
_ENDINGS = ("", ".js", ".cjs", ".mjs", ".json", ".ts", "/index.js", "/index.ts")
_WIDTH = 100
_MOST_FILES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCode:
    """Code of the configuration or of one of its files: `options` as the module has them, and all its texts."""

    options: Mapping[str, Json]
    texts: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads_variables(self) -> bool:
        return any(re.search(r"\bvars\b", text) for text in self.texts)

    @property
    def reads_all_variables(self) -> bool:
        """Whether it takes variables in another way than each by its name."""
        return any(_ALL_VARIABLES.search(_DECLARED.sub("", text)) for text in self.texts)


@dataclass(slots=True)
class CodeModule:
    """The functions of assertions, each once, by what they run."""

    name: str = "promptfoo_code"
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def needs(self) -> str:
        """What the functions need beside Python, as a part of a sentence."""
        parts = [part for one in self.functions.values() for part in (one, *one.get("transforms", ()))]
        if any(str(part.get("file", "")).endswith(_TYPED) for part in parts):
            return ", with node 22.18 or later"
        return ", with node" if any(part["language"] == "javascript" for part in parts) else ""

    def add(self, assertion: Mapping[str, Any]) -> str:
        """Return the path of the function of an assertion, as a check has it."""
        held = next((name for name, one in self.functions.items() if one == assertion), None)
        name = held or f"check_{len(self.functions) + 1}"
        self.functions[name] = dict(assertion)
        return f"{FOLDER}.{self.name}.{name}"

    def make_text(self) -> str:
        """Return the text of the module."""
        functions = [
            f"def {name}(output: str, case: dict[str, Any]) -> tuple[bool, str]:\n"
            f"    return decide(output, case, {_write(assertion, 4)})\n"
            for name, assertion in self.functions.items()
        ]
        return "\n\n".join([_RUNTIME.read_text("utf-8"), *functions])


def find_name(tree: Tree) -> str:
    """Return a name for the module that no file of the tree has."""
    names = ("promptfoo_code", *(f"promptfoo_code_{number}" for number in range(2, 1_000)))
    return next(name for name in names if not tree.exists(f"{FOLDER}/{name}.py"))


def read_inline(code: str, language: str, files: ForeignFiles) -> ForeignCode:
    """Return code that stands in the configuration. Raises NotCarriedError for what it cannot know in evalgate."""
    ending = ".py" if language == "python" else ".js"
    needed = _find_needed(f"code{ending}", textwrap.dedent(code), files)
    found = {path: text for each in needed for path, text in _list_files(each, files)}
    _require_known((code, *found.values()))
    options = {"language": language, "code": code}
    return ForeignCode(options=options, texts=(code, *found.values()), files=_digest_files(found, files))


def read_file(name: str, function: str | None, files: ForeignFiles) -> ForeignCode:
    """Return the code of a file, as `file://path` or `file://path:function`.

    `function` is the one of a Python file without a name. Raises NotCarriedError for a file that is not at hand, or
    whose code cannot run in evalgate.
    """
    bare, _, wanted = name.removeprefix(SCHEME).partition(":")
    if not bare.endswith((*_JAVASCRIPT, ".py")):
        raise NotCarriedError(f"{bare} is neither JavaScript nor Python")
    path = files.resolve(bare)
    if is_absolute(path) or not files.exists(bare):
        raise NotCarriedError(f"{bare} is not at hand")
    found = dict(_list_files(path, files))
    _require_known(tuple(found.values()))
    language = "python" if bare.endswith(".py") else "javascript"
    named = wanted or function
    options: dict[str, Json] = {"language": language, "file": path}
    if named and (wanted or language == "python"):
        options["name"] = named
    return ForeignCode(options=options, texts=tuple(found.values()), files=_digest_files(found, files))


def _digest_files(paths: Iterable[str], files: ForeignFiles) -> dict[str, str]:
    return {path: hashlib.sha256(files.tree.read(path)).hexdigest() for path in paths}


def _list_files(path: str, files: ForeignFiles) -> Iterator[tuple[str, str]]:
    """Yield the path and text of a file of code, and of the files of the repository that it needs."""
    left, seen = [path], set[str]()
    while left:
        each = left.pop()
        if each in seen:
            continue
        seen.add(each)
        if len(seen) > _MOST_FILES:
            raise NotCarriedError(f"{path} needs more than {_MOST_FILES} files")
        try:
            text = files.read(posixpath.relpath(each, files.folder or "."))
        except EvalgateError as error:
            raise NotCarriedError(f"{each}: {error.faults[0].message}") from None
        yield each, text
        left += _find_needed(each, text, files)


def _find_needed(path: str, text: str, files: ForeignFiles) -> list[str]:
    folder = posixpath.dirname(path)
    if path.endswith(".py"):
        try:  # the folder of the file is searched for modules, and that of the configuration
            return list(find_imported(files.tree, dict.fromkeys((folder, "")), text, path))
        except EvalgateError as error:
            raise NotCarriedError(f"{path}: {error.faults[0].message}") from None
    found: list[str] = []
    for hit in _NEEDED.finditer(text) if path.endswith(_JAVASCRIPT) else ():
        base = posixpath.normpath(posixpath.join(folder, hit[1]))
        needed = next((f"{base}{end}" for end in _ENDINGS if files.tree.exists(f"{base}{end}")), None)
        if needed is None or base.startswith(".."):
            raise NotCarriedError(f"{hit[1]}, which {path} needs, is not at hand")
        if path.endswith(_TYPED) and needed != base:
            raise NotCarriedError(f"{path} imports {hit[1]} without its ending, which node does not find")
        found.append(needed)
    return found


def _require_known(texts: Sequence[str]) -> None:
    """Raise NotCarriedError if code reads something of promptfoo's context that a check does not get."""
    for text in texts:
        used = {hit[1] or hit[2] for hit in _CONTEXT.finditer(text)} - _KNOWN - {"get"}
        used |= {hit[1] for hit in _ELSEWHERE.finditer(text)}
        if used:
            raise NotCarriedError(f"its code reads {', '.join(sorted(used))} of the context, which no check gets")


def list_variables(
    code: Sequence[ForeignCode], tests: Sequence[ForeignTest], renamed: Mapping[str, str], *, is_merged: bool
) -> dict[str, list[str]]:
    """Return the variables that code may read: the field of each, and how its value becomes that of promptfoo.

    Raises NotCarriedError for a variable whose values are of several types, and for tests that became one case.
    """
    texts = [text for each in code if each.reads_variables for text in each.texts]
    names = sorted({name for test in tests for name in test.variables})
    takes_all = any(each.reads_all_variables for each in code)
    used = [name for name in names if takes_all or any(re.search(rf"\b{re.escape(name)}\b", text) for text in texts)]
    found: dict[str, list[str]] = {}
    for name in used if texts else ():
        values = [test.variables[name] for test in tests if name in test.variables]
        if is_merged and len({json.dumps(value, sort_keys=True) for value in values}) > 1:
            raise NotCarriedError(f"its code reads the variable {name}, in which tests differ that are one case")
        is_data = [isinstance(value, bool | dict | list) for value in values]
        if any(is_data) is not all(is_data) or None in values:
            raise NotCarriedError(f"its code reads the variable {name}, whose values are of several types")
        missing = len(values) < len(tests) and "" not in values
        found[name] = [renamed.get(name, name), "json" if any(is_data) else "optional" if missing else ""]
    return found


def _write(value: Any, indent: int) -> str:
    """Return data as a Python expression, with each line of a text on a line of its own."""
    plain = repr(value)
    if len(plain) + indent < _WIDTH and "\\n" not in plain:
        return plain
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, Mapping):
        pairs = "".join(f"{inner}{key!r}: {_write(each, indent + 4)},\n" for key, each in value.items())
        return f"{{\n{pairs}{outer}}}"
    if isinstance(value, list):
        items = "".join(f"{inner}{_write(each, indent + 4)},\n" for each in value)
        return f"[\n{items}{outer}]"
    if isinstance(value, str) and "\n" in value:
        lines = "".join(f"{inner}{line!r}\n" for line in value.splitlines(keepends=True))
        return f"(\n{lines}{outer})"
    return plain
