"""How often a blocking check blocks an identical prompt, where some answers fail it anyway: two rules, simulated.

Every draw of every case fails with the same probability, on both arms. The baseline has three samples of each case, the
candidate one, and six fresh ones to settle a case. "Every case must hold" blocks as soon as one first draw fails. The
other rule is that of evalgate in a gate of checks alone: a case fails for good, or the candidate is proven to fail more
often than the baseline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.decide import simulated_gates, statistics
from evalgate.decide.rates import Rate, estimate_rate

if TYPE_CHECKING:
    import numpy as np

FAILING = (0.002, 0.01, 0.03)
CASES = (20, 50, 100, 200)
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FlakyCheck:
    """How often a check that `failing` of all answers fail blocks an identical prompt over `cases` cases.

    `must_hold`: every case must hold; `compared`: evalgate's rule.
    """

    failing: float
    cases: int
    must_hold: Rate
    compared: Rate


def table(*, runs: int, seed: int, tick: Callable[[], None] = lambda: None) -> tuple[FlakyCheck, ...]:
    """The rates for each share of failing answers and number of cases; the same for the same seed."""
    import numpy as np

    return tuple(
        _cell(np.random.default_rng([seed, row, cases]), failing, cases, runs=runs, tick=tick)
        for row, failing in enumerate(FAILING)
        for cases in CASES
    )


def _cell(rng: np.random.Generator, failing: float, cases: int, *, runs: int, tick: Callable[[], None]) -> FlakyCheck:
    must_hold, compared = 0, 0
    for start in range(0, runs, _AT_ONCE):
        size = (min(_AT_ONCE, runs - start), statistics.DRAWS_AMONG_MANY, cases)
        candidates = rng.random(size) < failing
        baselines = rng.binomial(statistics.BASELINE_DRAWS, failing, (size[0], cases))
        for fails, others in zip(candidates, baselines, strict=True):
            must_hold += bool(fails[0].any())
            compared += fails_check(fails, others)
            tick()
    return FlakyCheck(
        failing=failing, cases=cases, must_hold=estimate_rate(must_hold, runs), compared=estimate_rate(compared, runs)
    )


def fails_check(fails: simulated_gates.Flags, others: simulated_gates.Counts) -> bool:
    """Whether a check of a gate of checks alone fails: `fails` are the candidate's draws, shape (7, cases), and
    `others` counts the failures among the baseline's three samples of each case.
    """
    import numpy as np

    cases = len(others)
    draws = np.full(cases, statistics.BASELINE_DRAWS)
    for_good = fails.all(axis=0) & (others == 0)
    return simulated_gates.fails_check(fails[0], others, draws, for_good, [(cases, statistics.ALPHA)])
