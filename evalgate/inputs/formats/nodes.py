"""Nodes: data with its place in a file. Also the limits and faults that all readers share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evalgate.errors import Fault, InputError, Place

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_FAULTS = 100


@dataclass(slots=True)
class Node:
    """A value with its place. `data` is the whole subtree as plain data; `text` is a scalar as written in the file.

    `children` are the nodes of a list, or those of a mapping by key. `keys` maps each key to its own (line, column).
    """

    data: Any
    line: int
    column: int
    text: str | None = None
    children: list[Node] | dict[str, Node] | None = None
    keys: dict[str, tuple[int, int]] | None = None

    def get(self, key: str) -> Node | None:
        """Return the node of a mapping's `key`; None if it is absent or if this node is not a mapping."""
        return self.children.get(key) if isinstance(self.children, dict) else None

    def __getitem__(self, key: str) -> Node:
        child = self.get(key)
        if child is None:
            raise KeyError(key)
        return child

    def items(self) -> Iterator[tuple[str, Node]]:
        """Return the keys and nodes of a mapping, in file order; nothing for any other node."""
        return iter(self.children.items() if isinstance(self.children, dict) else ())

    def __iter__(self) -> Iterator[Node]:
        return iter(self.children if isinstance(self.children, list) else ())

    def key_place(self, key: str, path: str) -> Place:
        """Return the place of a mapping's key, or that of the mapping if it has no such key."""
        line, column = (self.keys or {}).get(key, (self.line, self.column))
        return Place(path=path, line=line, column=column)

    def place(self, path: str) -> Place:
        return Place(path=path, line=self.line, column=self.column)


def refuse(message: str, path: str, line: int = 0, column: int = 0, hint: str | None = None) -> InputError:
    """Return an InputError with one fault at a place, for the caller to raise."""
    return InputError(message, place=Place(path=path, line=line, column=column), hint=hint)


def raise_faults(faults: list[Fault], path: str) -> None:
    """Raise an InputError with all faults, if there are any.

    Duplicates are removed, and the faults are sorted by place, those of `path` first. Of more than MAX_FAULTS faults,
    only the number of the others is given.
    """
    if not faults:
        return
    files = dict.fromkeys((path, *(fault.place.path for fault in faults if fault.place)))
    order = {file: index for index, file in enumerate(files)}

    def key(fault: Fault) -> tuple[int, int, int]:
        place = fault.place or Place(path=path)
        return order[place.path], place.line, place.column

    unique = sorted(dict.fromkeys(faults), key=key)
    rest = len(unique) - MAX_FAULTS
    if rest > 0:
        unique = [*unique[:MAX_FAULTS], Fault(message=f"and {rest} more", place=Place(path=path))]
    raise InputError(faults=unique)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Return the 1-based line and column of a position in a text whose lines end with a newline."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
