"""The decision rule on plain arrays of simulated draws; it gives the same result as on the results of a run."""

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
    """Return for each case +1 broken, -1 fixed, 0 neither; and the number of fresh draws used.

    `always_passed` and `never_passed` mark the cases whose baseline samples all pass or all fail. `passes`, shape
    (cases, draws), holds the candidate's first draw and then the fresh ones that settle a case. Drawing stops at the
    first fresh draw that differs from the first draw.
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
    """Return whether a blocking check fails at some look: a case fails in every draw, or more failures are proven.

    For each case, `first` marks a failed first draw of the candidate, `others` counts the failed draws among the
    baseline's `draws`, and `for_good` marks a case that fails in every draw of the candidate. `looks` are pairs (cases
    seen, level of the check at that look).
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
