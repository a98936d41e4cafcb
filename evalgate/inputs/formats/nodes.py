"""Data that remembers where it stands: a tree of nodes, and the limits every reader keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evalgate.errors import Fault, InputError, Place

MAX_LINE_BYTES = 16 * 1024 * 1024
MAX_FAULTS = 100


@dataclass(slots=True)
class Node:
    """A value with its place. `data` is the whole subtree as plain data; `text` a scalar as it was written.

    `children` are the nodes of a list, or of a mapping by key; `keys` gives each key's own (line, column).
    """

    data: Any
    line: int
    column: int
    text: str | None = None
    children: list[Node] | dict[str, Node] | None = None
    keys: dict[str, tuple[int, int]] | None = None

    def get(self, key: str) -> Node | None:
        """The node under `key` of a mapping; None when it is absent, or when this is no mapping."""
        return self.children.get(key) if isinstance(self.children, dict) else None

    def __getitem__(self, key: str) -> Node:
        child = self.get(key)
        if child is None:
            raise KeyError(key)
        return child

    def items(self) -> Iterator[tuple[str, Node]]:
        """Keys and nodes of a mapping, in file order; nothing for anything else."""
        return iter(self.children.items() if isinstance(self.children, dict) else ())

    def __iter__(self) -> Iterator[Node]:
        return iter(self.children if isinstance(self.children, list) else ())

    def key_place(self, key: str, path: str) -> Place:
        """Where a mapping's key is written; the mapping's own place when it has no such key."""
        line, column = (self.keys or {}).get(key, (self.line, self.column))
        return Place(path=path, line=line, column=column)

    def place(self, path: str) -> Place:
        return Place(path=path, line=self.line, column=self.column)


def refuse(message: str, path: str, line: int = 0, column: int = 0, hint: str | None = None) -> InputError:
    """An InputError with one fault at a place, ready to be raised."""
    return InputError(message, place=Place(path=path, line=line, column=column), hint=hint)


def raise_faults(faults: list[Fault], path: str) -> None:
    """Raises all faults, each once, in the order of their places, `path` first; beyond MAX_FAULTS their number only."""
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
    """The 1-based line and column of a position in a text whose lines end with a newline."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
