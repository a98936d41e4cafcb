"""Strict JSON reader (no NaN, no duplicate key, limited depth) that returns plain data or nodes with places."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner, missing in the stubs
from typing import Any

from evalgate.domain.strict_json import (
    DECODER,
    MAX_DEPTH,
    TOO_LARGE,
    UNKNOWN_NUMBER,
    JsonError,
    is_too_deep,
    load,
    read_float,
    read_integer,
)
from evalgate.errors import InputError
from evalgate.inputs.formats.nodes import Node, line_and_column, refuse

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"-?[A-Za-z_]+")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CONSTANTS = {"true": True, "false": False, "null": None}


def loads(text: str, path: str, *, first_line: int = 1) -> Any:
    """Parse one JSON value into plain data. `first_line` is the line of its file where the text starts.

    Raises InputError, with line and column, for invalid syntax, NaN and Infinity, a duplicate key, a number out of a
    float's range, half a surrogate pair, and more than 100 levels.
    """
    try:
        data = load(text, bounded=True)
        if not is_too_deep(data) and not _SURROGATE.search(text):
            return data
    except JsonError:
        pass
    # the text is invalid: the slow reader finds the place of the fault
    return parse(text, path, first_line=first_line).data


def parse(text: str, path: str, *, first_line: int = 1) -> Node:
    """Parse one JSON value into nodes. It raises the errors of `loads`, but is slower: use it if places are needed."""
    return _Reader(text, path, first_line).whole()


def dump(value: Any, *, indent: int | str | None = None) -> str:
    """Return a value as JSON that YAML reads as the same value: characters that are not shown are escaped."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return "".join(one if one == "\n" or (one.isprintable() and one not in "\ufeff") else _escape(one) for one in text)


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else json.dumps(character)[1:-1]


def elements(text: str, path: str) -> Iterator[tuple[Any, int, int]]:
    """Yield the values of a JSON list, each with its 1-based line and column. Raises InputError as `loads` does."""
    start = _skip(text, 0)
    if not text.startswith("[", start):
        parse(text, path)
        line, column = line_and_column(text, start)
        raise refuse("the file must contain a JSON list", path, line, column)
    data = loads(text, path)
    line, last, position = 1, 0, _skip(text, start + 1)
    for value in data:
        line += text.count("\n", last, position)
        last = position
        yield value, line, position - text.rfind("\n", 0, position)
        _, end = DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, end) + 1)


def _skip(text: str, position: int) -> int:
    hit = _BLANK.match(text, position)
    return hit.end() if hit else position


class _Reader:
    """A recursive descent parser for at most MAX_DEPTH levels."""

    def __init__(self, text: str, path: str, first_line: int) -> None:
        self._text = text
        self._path = path
        self._first_line = first_line
        # positions mostly increase, so each line is counted only once
        self._seen = 0
        self._line = first_line

    def whole(self) -> Node:
        start = _skip(self._text, 0)
        if start == len(self._text):
            raise self._refuse("is empty: a JSON value was expected", start)
        node, end = self._value(start, 0)
        rest = _skip(self._text, end)
        if rest != len(self._text):
            hint = "a file with one value a line is JSONL: name it .jsonl" if "\n" in self._text else None
            raise self._refuse("more text after the end of the JSON value", rest, hint)
        return node

    def _value(self, at: int, depth: int) -> tuple[Node, int]:
        line, column = self._place(at)
        first = self._text[at : at + 1]
        if first in ("{", "["):
            if depth >= MAX_DEPTH:
                raise self._refuse(f"nested more than {MAX_DEPTH} levels deep", at)
            node = Node(data=None, line=line, column=column)
            return node, (self._object if first == "{" else self._list)(node, at + 1, depth + 1)
        if first == '"':
            text, end = self._string(at)
            return Node(text, line, column, text=text), end
        number = _NUMBER.match(self._text, at)
        if number:
            return Node(self._number(number, at), line, column, text=number.group()), number.end()
        word = _WORD.match(self._text, at)
        if word and word.group() in _CONSTANTS:
            return Node(_CONSTANTS[word.group()], line, column, text=word.group()), word.end()
        if word and word.group().lstrip("-") in ("NaN", "Infinity"):
            raise self._refuse(f"{word.group()} {UNKNOWN_NUMBER}", at, "leave the value out, or write null")
        raise self._refuse("not valid JSON: a value was expected", at)

    def _object(self, node: Node, at: int, depth: int) -> int:
        children: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        at = _skip(self._text, at)
        while not self._text.startswith("}", at):
            if children:
                at = self._expect(",", at)
            if not self._text.startswith('"', at):
                raise self._refuse("not valid JSON: a key in double quotes was expected", at)
            place = self._place(at)
            key, end = self._string(at)
            if key in keys:
                raise self._refuse(f'the key "{key}" is given twice; first in line {keys[key][0]}', at)
            keys[key] = place
            children[key], end = self._value(self._expect(":", _skip(self._text, end)), depth)
            at = _skip(self._text, end)
        node.children, node.keys = children, keys
        node.data = {key: child.data for key, child in children.items()}
        return at + 1

    def _list(self, node: Node, at: int, depth: int) -> int:
        children: list[Node] = []
        at = _skip(self._text, at)
        while not self._text.startswith("]", at):
            if children:
                at = self._expect(",", at)
            child, end = self._value(at, depth)
            children.append(child)
            at = _skip(self._text, end)
        node.children = children
        node.data = [child.data for child in children]
        return at + 1

    def _expect(self, sign: str, at: int) -> int:
        if not self._text.startswith(sign, at):
            raise self._refuse(f'not valid JSON: "{sign}" was expected', at)
        return _skip(self._text, at + 1)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self._text, at + 1, True)
        except json.JSONDecodeError as error:
            raise self._refuse(f"not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}", error.pos) from None
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self._refuse("half a surrogate pair is not text", at) from None
        return text, end

    def _number(self, hit: re.Match[str], at: int) -> int | float:
        try:
            return read_float(hit.group()) if hit.group(1) or hit.group(2) else read_integer(hit.group())
        except ValueError:
            raise self._refuse(TOO_LARGE, at) from None

    def _place(self, at: int) -> tuple[int, int]:
        if at < self._seen:
            line, column = line_and_column(self._text, at)
            return line + self._first_line - 1, column
        self._line += self._text.count("\n", self._seen, at)
        self._seen = at
        return self._line, at - self._text.rfind("\n", 0, at)

    def _refuse(self, message: str, at: int, hint: str | None = None) -> InputError:
        return refuse(message, self._path, *self._place(at), hint=hint)
