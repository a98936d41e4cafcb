"""Jinja templates: compiled and rendered in a sandbox, with bounded time and size, and without any file access.

A template reads the fields of a case, and the files that were loaded with its prompt. It reaches no attribute of
Python's objects, no environment and no random number: the same case always renders the same text.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from evalgate.domain.expressions import Placeholder, RenderingError
from evalgate.domain.text import Json, digest, normalize

MOST_TEMPLATE = 512 * 1024
"""The maximum number of characters in a jinja template, or in a file that it includes."""
_MAIN = "<prompt>"
_GUARDS = frozenset({"defined", "undefined"})
_DEFAULTS = frozenset({"default", "d"})
_UNDEFINED = re.compile(r"'([^']+)' is undefined")
_TAGS = {
    "If": "a condition",
    "For": "a loop",
    "Assign": "{% set %}",
    "AssignBlock": "{% set %}",
    "Include": "an included file",
    "Import": "an imported file",
    "FromImport": "an imported file",
    "Extends": "an extended file",
    "Block": "a block",
    "Macro": "a macro",
    "CallBlock": "a call",
    "FilterBlock": "a filter",
    "With": "{% with %}",
}
_OPENING = frozenset({"autoescape", "block", "call", "filter", "for", "if", "macro", "with"})
_BRANCHES = frozenset({"elif", "else"})
_COMMENTS = frozenset({"comment", "comment_begin", "comment_end", "linecomment"})
_DEEP = "is nested too deeply, or includes or calls itself without end"

Files: TypeAlias = tuple[tuple[str, str], ...]


def find_names(text: str, files: Files = ()) -> tuple[str, ...]:
    """Return the names that a template and the files that it includes take from the case, sorted."""
    return tuple(sorted(_analyse(text, files)[0]))


def find_optional_names(text: str, files: Files = ()) -> frozenset[str]:
    """Return the names that a template tests with `is defined`, or gives a default: a case may lack them."""
    return _analyse(text, files)[1]


def list_includes(text: str) -> list[tuple[str | None, int, bool]]:
    """Return the files that a template includes, imports or extends, as (name, line, is_needed).

    The name is None if it is computed. Raises RenderingError for a template that cannot be parsed.
    """
    from jinja2 import nodes

    found: list[tuple[str | None, int, bool]] = []
    for node in parse(text).find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        named: Any = node.template
        names = [named] if not isinstance(named, nodes.List | nodes.Tuple) else named.items
        is_needed = not getattr(node, "ignore_missing", False) and len(names) == 1
        for name in names:
            value = name.value if isinstance(name, nodes.Const) else None
            given = [value] if not isinstance(value, tuple | list) else list(value)
            needed = is_needed and len(given) == 1
            found += [(one if isinstance(one, str) else None, node.lineno, needed) for one in given]
    return found


def list_logic(text: str) -> tuple[str, ...]:
    """Return the tags and expressions of a template without its text and its white space control, to compare them."""
    from jinja2 import TemplateError

    try:
        tokens = [(kind, value) for _, kind, value in _get_lexer().lex(text)]
    except (TemplateError, RecursionError):
        return (text,)
    skipped = {"data", "whitespace", *_COMMENTS}
    return tuple(
        value.strip("-+ \t\n") if kind.endswith(("_begin", "_end")) else value
        for kind, value in tokens
        if kind not in skipped
    )


def list_passages(text: str) -> list[tuple[str, str]]:
    """Return the texts and expressions of a template without its comments and tags, each with a key of the tags around.

    These tags decide whether and how a text is sent. The key is "" where there is none, else a digest of a fixed
    length: a template may have many tags in one another.
    """
    from jinja2 import TemplateError

    found: list[tuple[str, list[str]]] = []
    around: list[str] = []
    tag: list[str] | None = None
    try:
        for _, kind, value in _get_lexer().lex(text):
            if kind == "block_begin":
                tag = []
            elif kind == "block_end" and tag is not None:
                _enter(around, tag)
                tag = None
            elif tag is not None:
                tag += [value] if kind != "whitespace" else []
            elif kind not in _COMMENTS and not kind.startswith("raw_"):
                key = around[-1] if around else ""
                if not found or found[-1][0] != key:
                    found.append((key, []))
                found[-1][1].append(value)
    except (TemplateError, RecursionError):
        return [("", text)]
    return [(key, "".join(parts)) for key, parts in found]


def _enter(around: list[str], tag: list[str]) -> None:
    """Change the keys of the tags around a text by the next tag."""
    name = tag[0] if tag else ""
    key = digest([around[-1] if around else "", *tag])[:16]
    if name in _OPENING or (name == "set" and "=" not in tag):
        around.append(key)
    elif name in _BRANCHES and around:
        around[-1] = key
    elif name.startswith("end") and around:
        around.pop()


def list_read_texts(text: str, files: Files = ()) -> tuple[str, ...]:
    """Return the texts of a template and its files whose white space decides what is rendered.

    These are the literal strings (`" " in query`), if normalising changes one of them. They are all texts if one is
    read as a value: a block that is set, filtered or called, a macro, an inherited block.
    """
    from jinja2 import nodes

    sources = (text, *(source for _, source in files))
    reading = (
        nodes.AssignBlock, nodes.FilterBlock, nodes.CallBlock, nodes.Macro, nodes.Import, nodes.FromImport,
        nodes.Block, nodes.Extends,
    )  # fmt: skip
    found: list[str] = []
    for source in sources:
        try:
            tree = parse(source)
        except RenderingError:
            return sources
        if next(tree.find_all(reading), None) is not None:
            return sources
        found += [node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)]
    return tuple(found) if any(normalize(one) != one for one in found) else ()


def split_template(text: str) -> list[str | Placeholder]:
    """Split a template of text and plain names into what is sent as it is, and the placeholders of the names.

    Texts are those that jinja renders, without its white space control. The placeholders have no position. Raises
    RenderingError, with the line, for anything else: tags, filters, attributes, calculations.
    """
    from jinja2 import nodes

    found: list[str | Placeholder] = []
    for node in parse(text).body:
        if not isinstance(node, nodes.Output):
            raise RenderingError(
                f"has logic ({_TAGS.get(type(node).__name__, type(node).__name__.lower())})", node.lineno
            )
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                found.append(part.data)
            elif isinstance(part, nodes.Const) and isinstance(part.value, str):
                found.append(part.value)
            elif isinstance(part, nodes.Name) and _is_plain_name(part.name):
                found.append(Placeholder(name=part.name, written=f"{{{{ {part.name} }}}}", position=0))
            else:
                raise RenderingError(
                    f"has an expression that is not a plain name ({_describe_node(part)})", part.lineno
                )
    return found


def check_template(text: str, files: Files = ()) -> None:
    """Compile a template. Raises RenderingError with the line of a syntax error, or of an unknown filter."""
    _compile(text, files)


def render(text: str, variables: Mapping[str, Json], files: Files = ()) -> str:
    """Render a template for the fields of a case. Raises RenderingError, with a place, if that fails."""
    from evalgate.domain.jinja_sandbox import MOST_RENDERED, TooMuchError, start_budget

    template = _compile(text, files)
    parts: list[str] = []
    size = 0
    with start_budget():
        try:
            for part in template.generate(dict(variables)):
                size += len(part)
                if size > MOST_RENDERED:
                    raise TooMuchError(f"renders more than {MOST_RENDERED:,} characters")
                parts.append(part)
        except Exception as error:
            raise _make_fault(error) from None
    return "".join(parts)


@lru_cache(maxsize=256)
def _compile(text: str, files: Files) -> Any:
    """Return a compiled template, which all cases share."""
    from jinja2 import FunctionLoader

    from evalgate.domain.jinja_sandbox import make_environment

    sources = {**dict(files), _MAIN: text}

    def load(name: str) -> tuple[str, str, Any] | None:
        return None if name not in sources else (sources[name], name, lambda: True)

    environment = make_environment(FunctionLoader(load), sum(map(len, sources.values())))
    for name, source in sources.items():
        _refuse_large(source, None if name == _MAIN else name)
    try:
        for name in (*dict(files), _MAIN):
            template = environment.get_template(name)
    except Exception as error:
        raise _make_fault(error) from None
    return template


@lru_cache(maxsize=256)
def _analyse(text: str, files: Files) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that are taken from the case, and those of them that it may lack."""
    from jinja2 import meta, nodes

    from evalgate.domain.jinja_sandbox import GLOBALS

    names: set[str] = set()
    optional: set[str] = set()
    trees = []
    for source in (text, *dict(files).values()):
        with contextlib.suppress(RenderingError):  # an invalid template is reported where it is compiled
            trees.append(parse(source))
    own = {name.name for tree in trees for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    for position, tree in enumerate(trees):
        found = meta.find_undeclared_variables(tree)
        names |= found if position == 0 else found - own  # an included file sees what the others set
        for test in tree.find_all(nodes.Test):
            optional |= {test.node.name} if test.name in _GUARDS and isinstance(test.node, nodes.Name) else set()
        for used in tree.find_all(nodes.Filter):
            optional |= {used.node.name} if used.name in _DEFAULTS and isinstance(used.node, nodes.Name) else set()
    names -= GLOBALS
    return frozenset(names), frozenset(optional & names)


def _is_plain_name(name: str) -> bool:
    """Return whether a name is that of a field: not one of jinja's own, and not another spelling of an equal one."""
    from evalgate.domain.jinja_sandbox import GLOBALS

    # jinja compiles to Python, which takes two spellings of a name for one
    return name not in GLOBALS and name != "self" and unicodedata.normalize("NFKC", name) == name


def _describe_node(node: Any) -> str:
    from jinja2 import nodes

    if isinstance(node, nodes.Filter):
        own = {"_start": "an included file", "_concat": "joined texts"}  # of the sandbox
        return own.get(node.name, f"the filter {node.name}")
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return "a part of a value"
    if isinstance(node, nodes.Call):
        return "a call"
    if isinstance(node, nodes.CondExpr):
        return "a condition"
    if isinstance(node, nodes.Name):
        return f"{node.name}, which jinja gives a meaning"
    return "a calculation"


def parse(text: str) -> Any:
    """Return the syntax tree of a template. Raises RenderingError with the line of a syntax error."""
    _refuse_large(text, None)
    try:
        return _get_lexer().parse(text)
    except Exception as error:
        raise _make_fault(error) from None


@lru_cache(maxsize=1)
def _get_lexer() -> Any:
    from jinja2 import BaseLoader

    from evalgate.domain.jinja_sandbox import make_environment

    return make_environment(BaseLoader(), 0)


def _refuse_large(text: str, file: str | None) -> None:
    if len(text) > MOST_TEMPLATE:
        raise RenderingError(f"has {len(text):,} characters; a template may have {MOST_TEMPLATE:,}", 1, file)


def _make_fault(error: Exception) -> RenderingError:
    """Return a fault with the line in the template that an exception comes from."""
    from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
    from jinja2.exceptions import SecurityError

    if isinstance(error, RenderingError):
        return error
    if isinstance(error, TemplateSyntaxError):
        file = error.name if error.name not in (None, _MAIN) else None
        return RenderingError(f"is not valid jinja: {str(error.message).rstrip('.')}", error.lineno, file)
    line, file = _find_line(error)
    name = None
    if isinstance(error, UndefinedError):
        missing = _UNDEFINED.fullmatch(str(error.message or ""))
        name = missing[1] if missing is not None else None
        problem = f"cannot be rendered: {error.message}"
    elif isinstance(error, TemplateNotFound):
        problem = f'includes "{error.name}", which is not in the folder of the prompt'
    elif isinstance(error, RecursionError | MemoryError):
        problem = _DEEP
    elif isinstance(error, SecurityError):
        problem = f"is not rendered: {str(error.message).rstrip('.')}"
    else:
        problem = f"cannot be rendered: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return RenderingError(problem, line, file, name=name)


def _find_line(error: BaseException) -> tuple[int, str | None]:
    """Return the line and the file of the innermost frame of a template: jinja gives them in its tracebacks."""
    found: tuple[int, str | None] = (0, None)
    trace = error.__traceback__
    while trace is not None:
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            name = trace.tb_frame.f_code.co_filename
            found = (trace.tb_lineno, None if name == _MAIN else name)
        trace = trace.tb_next
    return found
