"""Simulate how often a blocking check that some answers fail blocks an identical prompt, under two rules.

Every draw of every case fails with the same probability, on both arms. The baseline has three samples of each case. The
candidate has one, and six fresh ones to decide a case. The rule "every case must hold" blocks as soon as one first draw
fails. The other rule is evalgate's, in a gate with checks only. It blocks when a case fails in all its draws, or when
the candidate is proven to fail more often than the baseline.
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
    """The rates at which a check blocks an identical prompt over `cases` cases; a share `failing` of answers fails it.

    `must_hold` is the rate of "every case must hold", `compared` that of evalgate's rule.
    """

    failing: float
    cases: int
    must_hold: Rate
    compared: Rate


def table(*, runs: int, seed: int, tick: Callable[[], None] = lambda: None) -> tuple[FlakyCheck, ...]:
    """Return the rates for each share of failing answers and number of cases; the same for the same seed."""
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
    """Return whether a check fails in a gate with checks only.

    `fails` marks the failed draws of the candidate, shape (7, cases). `others` counts the failures among the baseline's
    three samples of each case.
    """
    import numpy as np

    cases = len(others)
    draws = np.full(cases, statistics.BASELINE_DRAWS)
    for_good = fails.all(axis=0) & (others == 0)
    return simulated_gates.fails_check(fails[0], others, draws, for_good, [(cases, statistics.ALPHA)])
