"""Rows as columns of numbers, put in order: the first row of each key. numpy is loaded when they are put in order.

A row takes about 60 bytes and the bytes of its id, so that a million rows fit in 100 MB.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evalgate.release.rollout.traffic_rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FAILED: Final = 1
SLOW: Final = 2
EXPENSIVE: Final = 4
SAMPLED: Final = 8
"""The bits of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRows:
    """The first row of each key, in the order of (at, id). `scores` are NaN where a row does not have the score."""

    at: NDArray[np.float64]
    arms: NDArray[np.int8]
    bits: NDArray[np.int8]
    scores: tuple[NDArray[np.float64], ...]
    doubled: int


class RowColumns:
    """Rows in the order in which they came."""

    def __init__(self, scores: Sequence[str]) -> None:
        self._names = tuple(scores)
        self._at = array("d")
        self._arms = array("b")
        self._bits = array("b")
        self._scores = tuple(array("d") for _ in scores)
        # Python's hash is of 64 bits: among a million texts, two are taken for one with a chance of 3e-8
        self._id_hashes = array("q")
        self._keys = array("Q")
        self._ids = bytearray()
        self._ends = array("Q")

    def __len__(self) -> int:
        return len(self._at)

    def add(self, row: Row, key: int, arm: int, bits: int) -> None:
        """Add a row. `key` is the number of 64 bits by which its key is known."""
        self._at.append(row.at)
        self._arms.append(arm)
        self._bits.append(bits)
        for name, column in zip(self._names, self._scores, strict=True):
            column.append(row.scores.get(name, math.nan))
        self._id_hashes.append(hash(row.id))
        self._keys.append(key)
        self._ids += row.id.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._ids))

    def find_newest(self) -> float | None:
        """Return the time of the newest row; None without a row."""
        return max(self._at, default=None)

    def find_firsts(self) -> FirstRows:
        """Return the first row of each key. Of rows with one id, only the first counts, and the others are `doubled`.

        It does not depend on the order in which the rows came.
        """
        import numpy as np

        order = self._sort()
        _, firsts = np.unique(np.frombuffer(self._id_hashes, dtype=np.int64)[order], return_index=True)
        firsts.sort()
        doubled = len(order) - len(firsts)
        order = order[firsts]
        _, firsts = np.unique(np.frombuffer(self._keys, dtype=np.uint64)[order], return_index=True)
        firsts.sort()
        order = order[firsts]
        return FirstRows(
            at=np.frombuffer(self._at, dtype=np.float64)[order],
            arms=np.frombuffer(self._arms, dtype=np.int8)[order],
            bits=np.frombuffer(self._bits, dtype=np.int8)[order],
            scores=tuple(np.frombuffer(one, dtype=np.float64)[order] for one in self._scores),
            doubled=doubled,
        )

    def _sort(self) -> NDArray[np.int64]:
        """Return the positions of the rows in the order of (at, id)."""
        import numpy as np

        at = np.frombuffer(self._at, dtype=np.float64)
        order = np.argsort(at, kind="stable")
        ordered = at[order]
        is_tie = np.zeros(len(order) + 1, dtype=bool)  # whether a row has the time of the one before
        is_tie[1:-1] = ordered[1:] == ordered[:-1]
        starts = np.flatnonzero(~is_tie[:-1] & is_tie[1:])
        ends = np.flatnonzero(is_tie[:-1] & ~is_tie[1:]) + 1
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            order[start:end] = sorted(order[start:end].tolist(), key=self._make_tie_key)
        return order

    def _make_tie_key(self, position: int) -> tuple[bytes, tuple[float, ...], int]:
        """Return what orders rows of one time: the id; then, of rows with one id, the one with the most scores.

        Two rows with one id that both have a score are ordered by their numbers, so that the order in which they came
        does not matter: what speaks against the candidate comes first.
        """
        start = self._ends[position - 1] if position else 0
        id = bytes(self._ids[start : self._ends[position]])
        arm = self._arms[position]
        sign = 1.0 if arm else -1.0
        scores = [column[position] for column in self._scores]
        content = [-sign * self._bits[position], float(arm)]
        content += [sign * one for one in scores if not math.isnan(one)]
        return id, (float(sum(map(math.isnan, scores))), *content), self._keys[position]
