"""Choose the parts of a long page that fit into a size limit: whole parts only, by rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

JOINT = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a page; `what` names it in the note on parts that are left out.

    Parts of `rank` 0 are always kept. Once a part of a `chain` is left out, later parts of it are left out too, and so
    are those of chains below it: "1/cases" is below "1".
    """

    text: str
    what: str = ""
    rank: int = 0
    chain: str = ""


def choose_parts(parts: Sequence[Part], most: int, size: Callable[[str], int]) -> tuple[bool, ...]:
    """Return which parts to keep so that they fit, joined by `JOINT`, into `most` units of `size`; low ranks first."""
    left = most - sum(size(part.text + JOINT) for part in parts if part.rank == 0)
    kept = [part.rank == 0 for part in parts]
    broken: set[str] = set()
    for position in sorted(range(len(parts)), key=lambda place: (parts[place].rank, place)):
        part = parts[position]
        if part.rank == 0 or any(part.chain == chain or part.chain.startswith(f"{chain}/") for chain in broken):
            continue
        cost = size(part.text + JOINT)
        if cost <= left:
            left -= cost
            kept[position] = True
        elif part.chain:
            broken.add(part.chain)
    return tuple(kept)


def utf16(text: str) -> int:
    """Return the length of a text in UTF-16 units, as GitHub counts the body of a comment."""
    return len(text) + sum(char > "\uffff" for char in text)


def utf8(text: str) -> int:
    """Return the length of a text in bytes of UTF-8."""
    return len(text.encode("utf-8"))
