"""The rule on plain arrays of draws, as simulations make them: the same answers as on a run, without its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from evalgate.decide import exact_test

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Flags: TypeAlias = NDArray[np.bool_]
    Counts: TypeAlias = NDArray[np.int_]


def flips(always_passed: Flags, never_passed: Flags, passes: Flags) -> tuple[list[int], list[int]]:
    """For each case +1 broken, -1 fixed, 0 neither; and how many fresh draws that took.

    `always_passed` and `never_passed` say how the baseline's samples of a case went. `passes`, shape (cases, draws),
    holds the candidate's own draw and then as many fresh ones as settle a case; drawing stops at the first that
    differs from the own one.
    """
    import numpy as np

    own, fresh = passes[:, 0], passes[:, 1:]
    turned = np.where(own, never_passed, always_passed)
    agrees = fresh == own[:, None]
    settled = agrees.all(axis=1)
    drawn = np.where(settled, fresh.shape[1], agrees.argmin(axis=1) + 1 if fresh.shape[1] else 0)
    return np.where(turned & settled, np.where(own, -1, 1), 0).tolist(), np.where(turned, drawn, 0).tolist()


def fails_check(
    first: Flags, others: Counts, draws: Counts, for_good: Flags, looks: Sequence[tuple[int, float]]
) -> bool:
    """Whether a blocking check fails at some look: a case for good, or more often than the baseline, proven.

    For each case: whether the candidate's `first` draw failed, how many (`others`) of the baseline's `draws` did, and
    whether it failed `for_good`. `looks` are (cases seen, level of the check at that look).
    """
    import numpy as np

    telling = (first | (others > 0)).nonzero()[0]
    rows = np.column_stack([first, others, draws])[telling].tolist()
    for cases, level in looks:
        if for_good[:cases].any():
            return True
        seen = int(telling.searchsorted(cases))
        if exact_test.more_failures(map(tuple, rows[:seen])).p_value <= level:
            return True
    return False
