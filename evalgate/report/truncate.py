"""What of a long page is kept where room is limited: whole parts only, the most telling first, never half of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

JOINT = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a page that stands for itself, and `what` it is, for the reader who has to do without.

    `rank` 0 is always kept. Of a `chain`, nothing is kept after a gap, nor of one below it: "1/cases" is below "1".
    """

    text: str
    what: str = ""
    rank: int = 0
    chain: str = ""


def choose_parts(parts: Sequence[Part], most: int, size: Callable[[str], int]) -> tuple[bool, ...]:
    """Which parts to keep so that they fit, joined by `JOINT`, into `most` units of `size`; lower ranks first."""
    room = most - sum(size(part.text + JOINT) for part in parts if part.rank == 0)
    kept = [part.rank == 0 for part in parts]
    broken: set[str] = set()
    for position in sorted(range(len(parts)), key=lambda place: (parts[place].rank, place)):
        part = parts[position]
        if part.rank == 0 or any(part.chain == chain or part.chain.startswith(f"{chain}/") for chain in broken):
            continue
        cost = size(part.text + JOINT)
        if cost <= room:
            room -= cost
            kept[position] = True
        elif part.chain:
            broken.add(part.chain)
    return tuple(kept)


def utf16(text: str) -> int:
    """The length of a text in UTF-16 units, as GitHub counts the body of a comment."""
    return len(text) + sum(char > "\uffff" for char in text)


def utf8(text: str) -> int:
    """The length of a text in bytes of UTF-8."""
    return len(text.encode("utf-8"))
