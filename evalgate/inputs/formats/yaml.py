"""YAML reader with JSON's rules for scalars. It refuses ambiguous syntax and documents that expand to a huge size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.domain.strict_json import MAX_DEPTH, read_float
from evalgate.errors import InputError
from evalgate.inputs.formats.nodes import Node, line_and_column, refuse

MAX_NODES = 1_000_000
MAX_ALIASED = 100_000
_CHARACTERS = 100
"""Each such number of characters in an aliased text counts as one more value, because each alias copies the text."""

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?[0-9]+")
_CORE_FLOAT = re.compile(r"-?(?:\.[0-9]+|[0-9]+\.)(?:[eE][+-]?[0-9]+)?")
_CONSTANTS = {"true": True, "false": False, "null": None, "": None}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD_BREAK = re.compile("[\x85\u2028\u2029]")
"""A line break of YAML 1.1 and of this reader. For YAML 1.2 it is a character, behind which a line goes on."""
_MERGE = "<<"
"""The key of YAML 1.1 that takes over the keys of another mapping. As a key of its own it would lose them, silently."""
_STRING_TAGS = (None, "!", "tag:yaml.org,2002:str")


def parse(text: str, path: str, *, first_line: int = 1, is_foreign: bool = False) -> Node:
    """Parse a text as one YAML document. A text with only blanks and comments is null.

    A plain scalar is true, false, null, a JSON number or else a string, so that `yes`, `on`, `0x1` and dates are text.
    Raises InputError, with line and column, for invalid syntax, a line break of YAML 1.1 that makes it another document
    for readers of YAML 1.2, a duplicate key, a second document, a tag, a key that is not a scalar, a merge key (`<<`),
    an alias inside its own anchor, aliases that expand to more than 100,000 values (100 characters of a text count as
    one), more than 1,000,000 values, more than 100 levels, and a number that JSON does not support. In a file of
    another tool (`is_foreign`), merge keys are filled in, and plain scalars are read by the core schema of YAML 1.2, as
    in `True`, `~` and `.5`.
    """
    hit = _UNPRINTABLE.search(text)
    if hit:
        line, column = line_and_column(text, hit.start())
        raise refuse(f"control character U+{ord(hit.group()):04X}", path, line + first_line - 1, column)
    odd = _ODD_BREAK.search(text)
    if odd is None:
        return _parse(text, path, first_line, is_foreign)
    others = _parse_without_breaks(text, is_foreign)
    try:
        root = _parse(text, path, first_line, is_foreign)
    except InputError:
        if not others:
            raise  # it is wrong for all readers
    else:
        if others == [_squash(root.data)]:
            return root
    line, column = line_and_column(text, odd.start())
    message = f"U+{ord(odd.group()):04X} ends a line for some readers of YAML, and not for others"
    raise refuse(message, path, line + first_line - 1, column, "end the line as usual, or take the character out")


def _parse(text: str, path: str, first_line: int, is_foreign: bool) -> Node:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    builder = _Builder(path, first_line, is_foreign=is_foreign)
    try:
        while loader.check_event():
            builder.take(loader.get_event())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refuse(
            f"not valid YAML: {error.problem or error.context}",
            path,
            (mark.line if mark else 0) + first_line,
            mark.column + 1 if mark else 0,
            hint=_hint(error.problem or ""),
        ) from None
    except yaml.YAMLError as error:
        raise refuse(f"not valid YAML: {str(error).splitlines()[0]}", path) from None
    finally:
        loader.dispose()
    return builder.root or Node(data=None, line=first_line, column=1, text="")


def _parse_without_breaks(text: str, is_foreign: bool) -> list[Any]:
    """Return the value of a document in which the odd line breaks are characters, as `_squash` does; [] if invalid."""
    mark = next((char for char in map(chr, range(0xE000, 0xF900)) if char not in text), None)
    if mark is None:
        return []
    try:
        return [_squash(_parse(_ODD_BREAK.sub(mark, text), "", 1, is_foreign).data, mark)]
    except InputError:
        return []


def _squash(value: Any, mark: str = " ") -> Any:
    """Return a value with each run of white space and marks in its texts as one space."""
    if isinstance(value, str):
        return " ".join(value.replace(mark, " ").split())
    if isinstance(value, dict):
        return {_squash(key, mark): _squash(inner, mark) for key, inner in value.items()}
    return [_squash(inner, mark) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingText:
    """Where the keys of a mapping and their values begin and end in its text, in characters.

    `keys` maps each key to where it begins, `values` to where its value begins and ends. `is_flow`: it is in braces.
    """

    keys: Mapping[str, int]
    values: Mapping[str, tuple[int, int]]
    is_flow: bool


def locate_keys(text: str) -> MappingText | None:
    """Return the places of the keys of a mapping, which a valid document is, in its text; None if it is not a mapping.

    The text is as in the file, with its line ends. JSON is a mapping in braces.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    keys: dict[str, int] = {}
    values: dict[str, tuple[int, int]] = {}
    root: Any = None
    depth, key, begun = 0, "", 0
    try:
        while loader.check_event():
            event = loader.get_event()
            start, end = event.start_mark.index, event.end_mark.index
            opens = isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if opens and depth == 0:
                root = event
            elif depth == 1 and isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                begun = start if isinstance(event, yaml.NodeEvent) else begun
                if not key:
                    key = event.value if isinstance(event, yaml.ScalarEvent) else "?"
                    keys[key] = begun
                elif not opens:
                    values[key] = (begun, end)
                    key = ""
            depth += opens
    except yaml.YAMLError:
        return None
    finally:
        loader.dispose()
    if not isinstance(root, yaml.MappingStartEvent):
        return None
    return MappingText(keys=keys, values=values, is_flow=bool(root.flow_style))


def scalar(text: str) -> Any:
    """Read a plain scalar by JSON's rules. Raises ValueError for a number that is too large for JSON readers."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not NUMBER.fullmatch(text):
        return text
    number = read_float(text)
    return int(text) if _INTEGER.fullmatch(text) else number


def core_scalar(text: str) -> Any:
    """Read a plain scalar by the core schema of YAML 1.2. Raises ValueError as `scalar` does."""
    if text.lower() in ("true", "false", "null", "~") and text in (text.lower(), text.capitalize(), text.upper()):
        return _CONSTANTS[text.lower().replace("~", "")]
    written = text.removeprefix("+")
    if _CORE_FLOAT.fullmatch(written):
        sign = "-" if written.startswith("-") else ""
        whole, _, rest = written.removeprefix("-").partition(".")
        written = f"{sign}{whole or '0'}.{rest}" if rest[:1].isdigit() else f"{sign}{whole or '0'}{rest}"
    return scalar(written if NUMBER.fullmatch(written) else text)


def _size(text: str) -> int:
    return 1 + len(text) // _CHARACTERS


def _hint(problem: str) -> str | None:
    if "mapping values are not allowed" in problem:
        return 'put quotes around a text that contains ": "'
    if "cannot start any token" in problem:
        return "indent with spaces, and put quotes around a text that starts with a special character"
    return None


class _Frame:
    """An open list or mapping. `size` is the number of its values with all aliases expanded."""

    __slots__ = ("anchor", "key", "merged", "node", "size")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | None = None
        self.merged: list[Node] = []
        self.size = 1


class _Builder:
    """Builds nodes from the parser's events, one at a time: it does not recurse, and checks the size as it grows."""

    def __init__(self, path: str, first_line: int, *, is_foreign: bool) -> None:
        self.root: Node | None = None
        self._path = path
        self._is_foreign = is_foreign
        self._first_line = first_line
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self._aliased = 0

    def take(self, event: Any) -> None:
        match type(event).__name__:
            case "ScalarEvent":
                self._scalar(event)
            case "SequenceStartEvent":
                self._open(event, [], [])
            case "MappingStartEvent":
                self._open(event, {}, {})
            case "SequenceEndEvent" | "MappingEndEvent":
                self._close(event)
            case "AliasEvent":
                self._alias(event)
            case "DocumentStartEvent" if self.root is not None:
                raise self._refuse("a second document starts here", event, "write only one document per file")

    def _scalar(self, event: Any) -> None:
        if event.tag not in _STRING_TAGS:
            raise self._refuse(f"the tag {event.tag} is not supported", event)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is None and isinstance(frame.node.data, dict):
            self._key(frame, event)
            return
        data = event.value
        try:
            if event.implicit[0] and event.tag is None and event.style in (None, ""):
                data = core_scalar(event.value) if self._is_foreign else scalar(event.value)
            elif event.value:
                event.value.encode()
        except ValueError as error:
            shown = "half a surrogate pair is not text" if isinstance(error, UnicodeError) else "the number is too long"
            raise self._refuse(shown, event) from None
        node = Node(data=data, line=self._line(event), column=event.start_mark.column + 1, text=event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, _size(event.value))
        self._put(node, _size(event.value), event)

    def _key(self, frame: _Frame, event: Any) -> None:
        keys = frame.node.keys
        if keys is None:
            raise AssertionError("a mapping has keys")
        if event.value == _MERGE and event.implicit[0] and not event.style:
            if self._is_foreign:
                frame.key = _MERGE
                return
            raise self._refuse(
                f"the merge key {_MERGE} is not supported", event, "write the keys out, or quote a key of that name"
            )
        if event.value in keys:
            first = keys[event.value][0]
            raise self._refuse(f'the key "{event.value}" is given twice; first in line {first}', event)
        if event.anchor is not None:
            node = Node(event.value, self._line(event), 0, text=event.value)
            self._anchors[event.anchor] = (node, _size(event.value))
        keys[event.value] = (self._line(event), event.start_mark.column + 1)
        frame.key = event.value
        frame.size += len(event.value) // _CHARACTERS

    def _open(self, event: Any, data: Any, children: Any) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"):
            raise self._refuse(f"the tag {event.tag} is not supported", event)
        if len(self._stack) >= MAX_DEPTH:
            raise self._refuse(f"nested more than {MAX_DEPTH} levels deep", event)
        self._refuse_as_key(event)
        keys: dict[str, tuple[int, int]] | None = {} if isinstance(children, dict) else None
        node = Node(data, self._line(event), event.start_mark.column + 1, children=children, keys=keys)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Frame(node, event.anchor))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        for merged in frame.merged:
            self._merge(frame.node, merged, event)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.node, frame.size)
        self._put(frame.node, frame.size, event)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            inside = any(frame.anchor == event.anchor for frame in self._stack)
            what = "is inside its own anchor" if inside else "has no anchor before it"
            raise self._refuse(f'the alias "*{event.anchor}" {what}', event)
        self._refuse_as_key(event)
        node, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise self._refuse(f"the aliases expand to more than {MAX_ALIASED:,} values", event)
        self._put(node, size, event)

    def _put(self, node: Node, size: int, event: Any) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._refuse(f"contains more than {MAX_NODES:,} values", event)
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.size += size
        if isinstance(frame.node.children, list):
            frame.node.children.append(node)
            frame.node.data.append(node.data)
        elif frame.key == _MERGE and frame.key not in (frame.node.keys or {}):
            frame.merged += list(node) if isinstance(node.children, list) else [node]
            frame.key = None
        elif isinstance(frame.node.children, dict) and frame.key is not None:
            frame.node.children[frame.key] = node
            frame.node.data[frame.key] = node.data
            frame.key = None

    def _merge(self, node: Node, merged: Node, event: Any) -> None:
        """Add the keys of a merged mapping that a mapping does not have itself."""
        if not isinstance(node.children, dict) or node.keys is None or not isinstance(merged.children, dict):
            raise self._refuse(f"the merge key {_MERGE} names no mapping", event)
        for key, child in merged.children.items():
            if key not in node.children:
                node.children[key] = child
                node.data[key] = child.data
                node.keys[key] = (merged.keys or {})[key]

    def _refuse_as_key(self, event: Any) -> None:
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.node.data, dict) and frame.key is None:
            raise self._refuse("a key must be plain text", event, "put quotes around {{variables}}")

    def _line(self, event: Any) -> int:
        return int(event.start_mark.line) + self._first_line

    def _refuse(self, message: str, event: Any, hint: str | None = None) -> Exception:
        return refuse(message, self._path, self._line(event), event.start_mark.column + 1, hint)
