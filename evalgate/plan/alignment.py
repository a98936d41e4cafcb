"""What was edited between two sequences: a longest common subsequence, in bounded time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

MOST_ALIGNED = 20_000
"""Items of either side: where more lie between the first and the last edit, all of them count as edited."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The items from `i1` to `i2` of the old sequence became those from `j1` to `j2` of the new one."""

    i1: int
    i2: int
    j1: int
    j2: int


def find_edits(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Edit]:
    """What was edited, in order; no two edits touch. Equal ends are cut off first.

    What remains equal is a longest common subsequence, found with one integer of as many bits as the new side has
    items for each item of the old one (Hyyro 2004): a tenth of a second for 20,000 on either side.
    """
    start, end = 0, 0
    shorter = min(len(old), len(new))
    while start < shorter and old[start] == new[start]:
        start += 1
    while end < shorter - start and old[len(old) - 1 - end] == new[len(new) - 1 - end]:
        end += 1
    last_old, last_new = len(old) - end, len(new) - end
    if start == last_old and start == last_new:
        return []
    kept: list[tuple[int, int]] = []
    if max(last_old, last_new) - start <= MOST_ALIGNED:
        kept = _common(old[start:last_old], new[start:last_new])
    found = []
    i, j = start, start
    for a, b in [*((a + start, b + start) for a, b in kept), (last_old, last_new)]:
        if a > i or b > j:
            found.append(Edit(i, a, j, b))
        i, j = a + 1, b + 1
    return found


def is_bounded(found: Sequence[Edit]) -> bool:
    """Whether something was too much to align."""
    return any(max(edit.i2 - edit.i1, edit.j2 - edit.j1) > MOST_ALIGNED for edit in found)


def _common(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence in both, in order."""
    places: dict[Hashable, int] = {}
    for position, item in enumerate(new):
        places[item] = places.get(item, 0) | 1 << position
    everything = (1 << len(new)) - 1
    row = everything
    rows = [row]
    for item in old:
        matching = row & places.get(item, 0)
        row = ((row + matching) | (row - matching)) & everything
        rows.append(row)
    found = []
    i, j = len(old), len(new)
    while i and j:
        if old[i - 1] == new[j - 1]:
            i, j = i - 1, j - 1
            found.append((i, j))
        elif rows[i] >> (j - 1) & 1:  # the last item of the new side adds nothing
            j -= 1
        else:
            i -= 1
    return found[::-1]
