"""Files that measure a prompt and that the prompt includes: it could cut the expected answers out of them."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from evalgate.domain import Config, PromptVersion
from evalgate.domain.expressions import RenderingError
from evalgate.domain.jinja_templates import list_includes
from evalgate.errors import EvalgateError, Fault, Place
from evalgate.inputs.tree import Tree

_HINT = "write what the model has to know into the prompt itself, or into a file of its own"
_SHORTEST_LINE = 20
_COPIED = 0.5


def find_measuring_includes(
    version: PromptVersion, config: Config, tree: Tree, named: str | None = None
) -> Iterator[Fault]:
    """Yield a fault for each place where a jinja prompt includes a file by which some gate is measured.

    These are the configuration, and the datasets, schemas, rubrics and recorded outputs of all gates. A file with half
    of the lines of a dataset or of recorded outputs is a copy of it. Includes of included files count as well. `named`
    is the file that an option gives as the version; its path counts from the current folder.
    """
    if not version.template.files:
        return
    is_named = named is not None and version.source == named and Path(named).is_file()
    base = Path.cwd().as_posix() if is_named else tree.root
    found = _list_measuring(config, tree.root)
    answers = _list_answers(config)
    texts = dict(version.template.files)
    folder = posixpath.dirname(version.path)
    for place, name in _list_places(version, folder):
        path = posixpath.normpath(posixpath.join(folder, name))
        what = found.get(_fold(path, base))
        copied = _find_copied(texts[name], answers, tree) if what is None and name in texts else None
        if copied is not None:
            what = f"a copy of {copied}, {answers[copied]}"
        if what is not None:
            yield Fault(message=f'the prompt includes "{path}", {what}', place=place, hint=_HINT)


def _list_measuring(config: Config, root: str) -> Mapping[str, str]:
    """Return what each file is, by its folded path. The prompts of the gates are none of them."""
    found: dict[str, str] = {}
    for gate in config.gates:
        found |= {_fold(path, root): f"a schema or rubric of the gate {gate.name}" for path in gate.files}
    for gate in config.gates:
        for prompt in filter(None, (gate.prompt, gate.baseline)):
            found.pop(_fold(prompt, root), None)
    found[_fold(config.path, root)] = "the configuration of its gate"
    return found | {_fold(path, root): what for path, what in _list_answers(config).items()}


def _list_answers(config: Config) -> Mapping[str, str]:
    """Return what each file with expected answers or with outputs is, by its path."""
    found: dict[str, str] = {}
    for target in config.targets.values():
        own = [target.location if target.kind == "recorded" else None, target.recordings]
        found |= {path: f"the recorded outputs of the target {target.name}" for path in own if path is not None}
    return found | {gate.dataset: f"the golden dataset of the gate {gate.name}" for gate in config.gates}


def _find_copied(text: str, answers: Mapping[str, str], tree: Tree) -> str | None:
    """Return the path of the file of which a text has all, or half of the lines that are long enough to be its own."""
    lines = _list_lines(text)
    for path in answers:
        with suppress(EvalgateError):  # a file that cannot be read is reported where it is used
            original = tree.read(path).decode("utf-8", "replace")
            own = {line for line in _list_lines(original) if len(line) >= _SHORTEST_LINE}
            if (own and len(own & lines) >= _COPIED * len(own)) or original.split() == text.split():
                return path
    return None


def _list_lines(text: str) -> set[str]:
    return {" ".join(line.removeprefix("\ufeff").split()) for line in text.splitlines()}


def _list_places(version: PromptVersion, folder: str) -> Iterator[tuple[Place, str]]:
    """Yield the place and the name of each file that the templates of a version include."""
    for position, text in version.list_templates():
        for name, line in _list_names(text):
            found = version.locate_line(position, line)
            yield Place(path=version.path) if found is None else Place(path=version.path, line=found[0]), name
    for file, text in version.template.files:
        for name, line in _list_names(text):
            yield Place(path=posixpath.normpath(posixpath.join(folder, file)), line=line), name


def _list_names(text: str) -> list[tuple[str, int]]:
    with suppress(RenderingError):  # an invalid template is reported where the prompt is read
        return [(name, line) for name, line, _ in list_includes(text) if name is not None]
    return []


def _fold(path: str, root: str) -> str:
    """Return a path in one form for all its spellings: absolute, and without the case that some systems ignore."""
    return unicodedata.normalize("NFC", posixpath.normpath(posixpath.join(root, path))).casefold()
