"""Which answers evalgate scores itself: as many of each arm, spread over the day, so many in 24 hours at most. Pure.

Time is cut into slots of 15 minutes, counted from the beginning of the stage. An answer is chosen when its slot is over
and settled, and what is chosen of a slot depends on no later row: a later look has the same answers and more. So the
e-values of these answers are those of one sequence, at which one may look at any time.

A token bucket limits how many: it is empty when a stage begins, is refilled by each slot, and holds a twelfth of
`per_day` at most. In a slot the arms take turns, and each takes the answer with the least hash of its key under the
rollout's salt. So these are not the first answers of a slot, and no application chooses them.
Whether an answer is chosen depends on the times, the keys and the arms, never on a text or a score.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evalgate.release.rollout.e_values import CANDIDATE, CONTROL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLOT_SECONDS: Final = 900
SLOTS_OF_A_DAY: Final = 96
_PARTS: Final = SLOTS_OF_A_DAY + 1
"""A part of an answer, which a slot adds so many times, is 1/97: sums of whole numbers are exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAnswers:
    """The answers that can be scored, one of each key, in any order but without two equal ones.

    `at` are seconds, `arms` those of `e_values`, and `ranks` the numbers that order the answers of a slot.
    """

    at: NDArray[np.float64]
    arms: NDArray[np.int8]
    ranks: NDArray[np.uint64]


def choose_answers(
    offered: OfferedAnswers, *, began: float, until: float, per_day: int, is_paired: bool
) -> NDArray[np.int64]:
    """Return the positions of the chosen answers, in no order.

    `began` is the beginning of the stage in seconds since 1970; only slots that end at `until` or before count. With
    `is_paired` the arms never differ by more than one answer; else all answers are of one arm.

    Any 24 hours meet 97 slots at most, whose first one finds a bucket that is full at best. The largest sum is
    therefore that bucket and 96 slots, which is `per_day` less one slot. The bucket is empty when a stage begins, so it
    holds across stages as well.
    """
    import numpy as np

    slots = np.floor((offered.at - began) / SLOT_SECONDS)
    positions = np.flatnonzero((slots >= 0) & (began + (slots + 1) * SLOT_SECONDS <= until))
    if not len(positions):
        return positions
    slots = slots[positions].astype(np.int64)
    order = np.lexsort((offered.at[positions], offered.ranks[positions], slots))
    positions, slots = positions[order], slots[order]
    numbers, starts = np.unique(slots, return_index=True)
    bucket, chosen = _TokenBucket(per_day), _Turns(is_paired=is_paired)
    for number, members in zip(numbers.tolist(), np.split(positions, starts[1:]), strict=True):
        took = chosen.take(offered.arms[members].tolist(), members.tolist(), bucket.refill(number))
        bucket.spend(took)
    return np.array(chosen.positions, dtype=np.int64)


def count_in_a_day(per_day: int) -> float:
    """Return how many answers are chosen in a day that has enough of them."""
    return SLOTS_OF_A_DAY * (per_day - _find_capacity(per_day)) / _PARTS


def _find_capacity(per_day: int) -> int:
    return max(2, per_day // 12)


class _TokenBucket:
    """How many answers may be chosen, in parts of one."""

    def __init__(self, per_day: int) -> None:
        capacity = _find_capacity(per_day)
        self._capacity, self._rate = _PARTS * capacity, max(0, per_day - capacity)
        self._parts, self._slot = 0, -1

    def refill(self, slot: int) -> int:
        """Return how many answers of a slot may be chosen, which is later than the slot before."""
        self._parts = min(self._capacity, self._parts + self._rate * (slot - self._slot))
        self._slot = slot
        return self._parts // _PARTS

    def spend(self, answers: int) -> None:
        self._parts -= _PARTS * answers


class _Turns:
    """The chosen answers. `_ahead` is how many more of the candidate's there are than of the control's."""

    def __init__(self, *, is_paired: bool) -> None:
        self.positions: list[int] = []
        self._is_paired = is_paired
        self._ahead = 0

    def take(self, arms: list[int], members: list[int], most: int) -> int:
        """Choose from the members of a slot, in their order, and return how many."""
        if not self._is_paired:
            self.positions += members[:most]
            return min(most, len(members))
        waiting: dict[int, deque[int]] = {CONTROL: deque(), CANDIDATE: deque()}
        for arm, member in zip(arms, members, strict=True):
            waiting[arm].append(member)
        for taken in range(most):
            turn = self._find_next(waiting)
            if turn is None:
                return taken
            self.positions.append(waiting[turn].popleft())
            self._ahead += 1 if turn == CANDIDATE else -1
        return most

    def _find_next(self, waiting: dict[int, deque[int]]) -> int | None:
        """Return the arm whose turn it is; the one that has an answer if it is neither's; None if it has none."""
        turns = (CONTROL,) if self._ahead > 0 else (CANDIDATE,) if self._ahead < 0 else (CANDIDATE, CONTROL)
        return next((arm for arm in turns if waiting[arm]), None)
