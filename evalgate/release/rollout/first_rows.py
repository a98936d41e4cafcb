"""Rows as columns of numbers, put in order: the first row of each key, and some later ones. numpy is loaded for that.

A row takes about 60 bytes and the bytes of its id, so that a million rows fit in 100 MB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from struct import Struct
from typing import TYPE_CHECKING, Final

from evalgate.release.rollout.traffic_rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FAILED: Final = 1
SLOW: Final = 2
EXPENSIVE: Final = 4
SAMPLED: Final = 8
TEXTS: Final = 16
UNSAID: Final = 32
"""The bits of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRows:
    """One row of each key, in the order of (at, id): the first one. `scores` are NaN where a row has no such score.

    `keys` are the numbers of the keys, and `places` those by which `RowColumns.read_id` knows the rows. `is_single` is
    False for a row whose id another row has too.
    `arm_rows` are all rows of the control and of the candidate, `arm_doubled` those of them that are doubled. `later`
    has the second rows of the keys in place of the first ones, then the 4th, the 8th and so on, while there are any.
    """

    at: NDArray[np.float64]
    arms: NDArray[np.int8]
    bits: NDArray[np.int8]
    scores: tuple[NDArray[np.float64], ...]
    doubled: int
    keys: NDArray[np.uint64]
    places: NDArray[np.int64]
    is_single: NDArray[np.bool_]
    arm_rows: tuple[int, int]
    arm_doubled: tuple[int, int]
    later: tuple[FirstRows, ...] = ()

    def list_unsaid(self, until: float) -> NDArray[np.int8]:
        """Return the arms of the answers up to a time that have no score, and whose rows do not say `sampled`.

        One whose judge failed looks like one that was not chosen. If an answer is chosen without a look at it, such
        answers are of both arms alike.
        """
        found: NDArray[np.int8] = self.arms[(self.bits & (FAILED | UNSAID) == UNSAID) & (self.at <= until)]
        return found


class RowColumns:
    """Rows in the order in which they came, as packed records and the bytes of their ids."""

    def __init__(self, scores: Sequence[str]) -> None:
        self._names = tuple(scores)
        self._record = Struct(f"<dqQQbb{len(self._names)}d")
        self._records = bytearray()
        self._ids = bytearray()
        self.ends = [-math.inf, -math.inf]
        """The times of the newest row of the control and of the candidate."""
        self.oldest: float | None = None

    def __len__(self) -> int:
        return len(self._records) // self._record.size

    def add(self, row: Row, key: int, arm: int, bits: int) -> None:
        """Add a row. `key` is the number of 64 bits by which its key is known."""
        id = row.id
        self._ids += id.encode() if id.isascii() else id.encode("utf-8", "surrogatepass")
        scores = row.scores
        values = [scores.get(name, math.nan) for name in self._names]
        # Python's hash is of 64 bits: among a million texts, two are taken for one with a chance of 3e-8
        self._records += self._record.pack(row.at, hash(id), key, len(self._ids), arm, bits, *values)
        self.ends[arm] = max(self.ends[arm], row.at)
        if self.oldest is None or row.at < self.oldest:
            self.oldest = row.at

    @property
    def newest(self) -> float | None:
        """The time of the newest row; None without one."""
        return None if self.oldest is None else max(self.ends)

    def find_firsts(self) -> FirstRows:
        """Return the first row of each key. Of rows with one id, only the first counts, and the others are `doubled`.

        It does not depend on the order in which the rows came.
        """
        import numpy as np

        rows = self._view()
        order = self._sort(rows)
        ids = rows["id"][order]
        _, firsts = np.unique(ids, return_index=True)
        firsts.sort()
        again = np.delete(ids, firsts)
        order = order[firsts]
        every, once = count_arms(rows["arm"]), count_arms(rows["arm"][order])
        del ids
        numbers = _count_rows(rows["key"][order])
        most = int(numbers.max(initial=0))

        def take(number: int) -> FirstRows:
            chosen = order[numbers == number]
            return FirstRows(
                at=rows["at"][chosen],
                arms=rows["arm"][chosen],
                bits=rows["bits"][chosen],
                scores=tuple(rows["scores"][chosen, column] for column in range(len(self._names))),
                doubled=len(again),
                keys=rows["key"][chosen],
                places=chosen,
                is_single=~np.isin(rows["id"][chosen], again),
                arm_rows=every,
                arm_doubled=(every[0] - once[0], every[1] - once[1]),
            )

        return replace(take(1), later=tuple(take(2**power) for power in range(1, most.bit_length())))

    def read_id(self, place: int) -> str:
        """Return the id of a row by its place in the order in which the rows came."""
        return self._read_id_bytes(place).decode("utf-8", "surrogatepass")

    def _view(self) -> NDArray[np.void]:
        import numpy as np

        fields = [("at", "<f8"), ("id", "<i8"), ("key", "<u8"), ("end", "<u8"), ("arm", "i1"), ("bits", "i1")]
        scores = [("scores", "<f8", (len(self._names),))]
        return np.frombuffer(self._records, dtype=[*fields, *scores])

    def _sort(self, rows: NDArray[np.void]) -> NDArray[np.int64]:
        """Return the positions of the rows in the order of (at, id)."""
        import numpy as np

        at = rows["at"]
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
        size = self._record.size
        _, _, key, _, arm, bits, *scores = self._record.unpack_from(self._records, position * size)
        sign = 1.0 if arm else -1.0
        content = [-sign * bits, float(arm), *(sign * one for one in scores if not math.isnan(one))]
        return self._read_id_bytes(position), (float(sum(map(math.isnan, scores))), *content), key

    def _read_id_bytes(self, position: int) -> bytes:
        size = self._record.size
        end = self._record.unpack_from(self._records, position * size)[3]
        start = self._record.unpack_from(self._records, (position - 1) * size)[3] if position else 0
        return bytes(self._ids[start:end])


def add_arms(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """Return the sums of two counts of each arm."""
    return one[0] + other[0], one[1] + other[1]


def count_arms(arms: NDArray[np.int8]) -> tuple[int, int]:
    """Return how many of some rows are the control's and the candidate's."""
    candidates = int(arms.sum(dtype="int64"))
    return len(arms) - candidates, candidates


def _count_rows(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return which row of its key each row is, from 1, by the keys of rows that are in order."""
    import numpy as np

    by_key = np.argsort(keys, kind="stable")
    places = np.arange(len(keys))
    is_first = np.ones(len(keys), dtype=bool)
    is_first[1:] = keys[by_key][1:] != keys[by_key][:-1]
    numbers = np.empty(len(keys), dtype=np.int64)
    numbers[by_key] = places - np.maximum.accumulate(np.where(is_first, places, 0)) + 1
    return numbers
