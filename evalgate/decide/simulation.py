"""Simulate how often merge rules block, on scores with a known truth; reproduces the tables of docs/aa.md from a seed.

The model of the scores:

* A golden case i has a latent effect z_i ~ N(0, 1). Each sample k of it has the latent value
  y_ik = sqrt(r) z_i + sqrt(1 - r) e_ik - shift, with e_ik ~ N(0, 1) independent, and is rated 1 to 5 by the
  position of y_ik among the normal quantiles of the marginal (a Gaussian copula). A rating q is the score
  (q - 1) / 4.
* The marginal is P(1..5) = .03 .04 .12 .26 .55: concentrated at 5, mean score .815, standard deviation .255. r is
  chosen so that two scores of one case correlate by rho = .5 (r is about .59).
* The baseline has three samples of each case. The candidate has one, and a fresh one for each confirmation. With equal
  versions s_d is then .255 sqrt(2/3) = .21: noise only, without a real effect of an edit on single cases. The marginal
  is chosen to give this s_d, with which "drop <= .05" blocks an identical prompt about once in a hundred runs at
  n = 100. Another s_d changes every number of the table, but not the guarantees of the decision rule.
* A true mean drop is a shift of the candidate's latent values, the same for all cases and samples. It is chosen so that
  the mean score falls by exactly that drop. "5 % of cases broken" instead sets round(.05 n) random cases to 1 of 5 in
  every sample.
* Runs are independent: each has its own golden cases, samples and candidate.
* Small sets have the same scores. MINOR blocks a FAIL, and an inconclusive drop beyond the margin with p <= 2 alpha.
* Flaky checks are simulated in `flaky_checks`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from evalgate.decide import flaky_checks, simulated_gates, statistics
from evalgate.decide.flaky_checks import FlakyCheck
from evalgate.decide.rates import Rate, estimate_rate

if TYPE_CHECKING:
    import numpy as np

    from evalgate.decide.statistics import Decision, Numbers

BASELINE_SAMPLES = 3
MERGES = 30
SMALL_SETS = (8, 12, 20, 30)
"""The numbers of cases of the table of small sets."""
COLLAPSE = 0.20
"""The true drop that is simulated for small sets."""
_NORMAL = NormalDist()
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Model:
    """The scores of one version: `marginal` is P(rating = 1, 2, ...), `rho` the correlation of two scores of a case."""

    marginal: tuple[float, ...] = (0.03, 0.04, 0.12, 0.26, 0.55)
    rho: float = 0.5

    @property
    def mean(self) -> float:
        """The mean score, in [0, 1]."""
        return _mean_score(self.marginal, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The true state of the candidate: its mean score is lower by `drop`, or a share of the cases is `broken`."""

    name: str
    drop: float = 0.0
    broken: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRates:
    """The rates at which each rule blocks in one scenario, evalgate's rate of INCONCLUSIVE, and its calls.

    `naive` blocks a mean below the baseline's, `tolerance` one that is more than the margin below it, and `evalgate`
    blocks a FAIL (the policy of a PATCH). `calls` is the number of candidate calls that evalgate needs, confirmations
    included, divided by the number of cases. The two other rules need one call for each case.
    """

    scenario: Scenario
    naive: Rate
    tolerance: Rate
    evalgate: Rate
    inconclusive: Rate
    calls: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallSet:
    """The rates of a small set of `cases` cases.

    `fails`: an identical prompt is a FAIL. `blocked`: it is blocked at MINOR. `found`: a drop of .20 is a FAIL.
    """

    cases: int
    fails: Rate
    blocked: Rate
    found: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """The tables of the simulation.

    `rows` compare three rules on `cases` cases. The streaks are the rates at the last of `MERGES` identical changes in
    a row (see `streak`). `small` are small sets, `flaky` blocking checks that some answers fail.
    """

    cases: int
    runs: int
    seed: int
    margin: float
    deviation: float
    rows: tuple[RuleRates, ...]
    naive_streak: Rate
    tolerance_streak: Rate
    evalgate_streak: Rate
    small: tuple[SmallSet, ...]
    flaky: tuple[FlakyCheck, ...]


SCENARIOS = (
    Scenario(name="an identical prompt"),
    Scenario(name="a true drop of 0.05", drop=0.05),
    Scenario(name="a true drop of 0.10", drop=0.10),
    Scenario(name="5 % of cases score 1 of 5", broken=0.05),
)


def simulate(
    *,
    cases: int = 100,
    runs: int = 2_000,
    seed: int = 1,
    margin: float = 0.05,
    model: Model | None = None,
    on_run: Callable[[int, int], None] = lambda done, total: None,
) -> SimulationResult:
    """Simulate the rules on the same data, `runs` times for each rate; the same result for the same seed.

    `on_run` is called after each evalgate decision, with the number of decisions made and their total.
    """
    import numpy as np

    model = model or Model()
    rng = np.random.default_rng(seed)
    total = runs * (len(SCENARIOS) + 1 + 2 * len(SMALL_SETS) + len(flaky_checks.FAILING) * len(flaky_checks.CASES))
    done = itertools.count(1)

    def tick() -> None:
        on_run(next(done), total)

    rows, variance = [], 0.0
    for scenario in SCENARIOS:
        row, spread = _rate_rule(rng, model, scenario, cases=cases, runs=runs, margin=margin, tick=tick)
        rows.append(row)
        variance = variance or spread
    naive, tolerance = streak(rng, model, cases, runs, margin)
    fails = 0
    for _ in range(runs):
        fails += _fresh_streak(rng, model, cases, margin)
        tick()
    return SimulationResult(
        cases=cases,
        runs=runs,
        seed=seed,
        margin=margin,
        deviation=math.sqrt(variance),
        rows=tuple(rows),
        naive_streak=estimate_rate(naive, runs),
        tolerance_streak=estimate_rate(tolerance, runs),
        evalgate_streak=estimate_rate(fails, runs),
        small=tuple(
            small_set(np.random.default_rng([seed, count]), model, count, runs=runs, margin=margin, tick=tick)
            for count in SMALL_SETS
        ),
        flaky=flaky_checks.table(runs=runs, seed=seed, tick=tick),
    )


def small_set(
    rng: np.random.Generator,
    model: Model,
    cases: int,
    *,
    runs: int,
    margin: float,
    tick: Callable[[], None] = lambda: None,
) -> SmallSet:
    """Simulate the rates of one small set."""

    def decisions(scenario: Scenario) -> Iterator[Decision]:
        for start in range(0, runs, _AT_ONCE):
            effects = rng.standard_normal((min(_AT_ONCE, runs - start), cases))
            for baseline, candidate in zip(*versions(rng, model, effects, scenario), strict=True):
                yield decide(baseline, candidate, margin)
                tick()

    same = [(one.verdict == "FAIL", _blocks_minor(one, margin)) for one in decisions(SCENARIOS[0])]
    worse = [one.verdict == "FAIL" for one in decisions(Scenario(name="a collapse", drop=COLLAPSE))]
    return SmallSet(
        cases=cases,
        fails=estimate_rate(sum(fail for fail, _ in same), runs),
        blocked=estimate_rate(sum(blocked for _, blocked in same), runs),
        found=estimate_rate(sum(worse), runs),
    )


def _blocks_minor(decision: Decision, margin: float) -> bool:
    seems_bad = decision.difference < -margin and decision.p_worse <= 2 * statistics.ALPHA
    return decision.verdict == "FAIL" or (decision.verdict == "INCONCLUSIVE" and seems_bad)


def decide(baseline: Numbers, candidate: Numbers, margin: float) -> Decision:
    """Apply `statistics.decide` to arrays of shapes (cases, samples) and (cases, 4), with at least three samples."""
    import numpy as np

    passed, passes = baseline >= statistics.CASE_PASSES, candidate >= statistics.CASE_PASSES
    always, never = np.asarray(passed.all(axis=1)), np.asarray(~passed.any(axis=1))
    flips, confirmations = simulated_gates.flips(always, never, passes)
    differences = statistics.clean(candidate[:, 0] - baseline.mean(axis=1))
    return statistics.decide_differences(differences, flips, confirmations, margin=margin, sequential=True)


def _rate_rule(
    rng: np.random.Generator,
    model: Model,
    scenario: Scenario,
    *,
    cases: int,
    runs: int,
    margin: float,
    tick: Callable[[], None],
) -> tuple[RuleRates, float]:
    """Return one scenario's row, and the mean variance of its case differences."""
    blocked, undecided, calls, variance = [0, 0, 0], 0, 0, 0.0
    for _ in range(runs):
        baseline, candidate = versions(rng, model, rng.standard_normal(cases), scenario)
        difference = candidate[:, 0] - baseline.mean(axis=1)
        variance += float(difference.var(ddof=1)) / runs
        decision = decide(baseline, candidate, margin)
        for rule, hit in enumerate((*simple_rules(difference, margin), decision.verdict == "FAIL")):
            blocked[rule] += hit
        undecided += decision.verdict == "INCONCLUSIVE"
        calls += decision.cases_used + decision.confirmations
        tick()
    naive, tolerance, evalgate = (estimate_rate(count, runs) for count in blocked)
    row = RuleRates(
        scenario=scenario,
        naive=naive,
        tolerance=tolerance,
        evalgate=evalgate,
        inconclusive=estimate_rate(undecided, runs),
        calls=calls / (runs * cases),
    )
    return row, variance


def simple_rules(difference: Numbers, margin: float) -> tuple[bool, bool]:
    """Return whether "mean >= baseline" and "drop <= margin" block; `difference` holds one difference per case."""
    mean = float(difference.mean())
    # Thirds of a quarter do not add up to exactly 0; a tie is not a drop.
    return mean < -1e-9, mean < -margin - 1e-9


def versions(rng: np.random.Generator, model: Model, effects: Numbers, scenario: Scenario) -> tuple[Numbers, Numbers]:
    """Draw the scores of both versions on the cases with these latent effects.

    Shapes are (*effects.shape, 3) and (*effects.shape, 4): the candidate has its own sample and three fresh ones for
    confirmation. Broken cases require effects of one dimension.
    """
    baseline = draw(rng, model, effects, BASELINE_SAMPLES)
    samples = 1 + statistics.CONFIRMATIONS
    candidate = draw(rng, model, effects, samples, shift=shift_for(model.marginal, scenario.drop))
    broken = round(scenario.broken * len(effects))
    if broken:
        candidate[rng.choice(len(effects), size=broken, replace=False)] = 0.0
    return baseline, candidate


def draw(rng: np.random.Generator, model: Model, effects: Numbers, samples: int, *, shift: float = 0.0) -> Numbers:
    """Draw scores in [0, 1], shape (*effects.shape, samples), of cases with these latent effects."""
    import numpy as np

    r = latent_correlation(model.marginal, model.rho)
    noise = rng.standard_normal((*effects.shape, samples))
    latent = math.sqrt(r) * effects[..., None] + math.sqrt(1 - r) * noise - shift
    cuts = _cuts(model.marginal)
    return np.asarray(np.searchsorted(np.array(cuts), latent) / len(cuts), dtype=np.float64)


def streak(
    rng: np.random.Generator, model: Model, cases: int, runs: int, margin: float, *, merges: int = MERGES
) -> tuple[int, int]:
    """Count the histories, of `runs`, in which each simple rule blocks the last of `merges` identical changes in a row.

    The baseline is replaced: the scores of each accepted run become the baseline of the next change, so high scores by
    chance accumulate. A blocked change leaves the baseline unchanged. The first one has three samples of each case.
    """
    import numpy as np

    blocked = []
    for allowed in (0.0, margin):
        effects = rng.standard_normal((runs, cases))
        baseline = draw(rng, model, effects, BASELINE_SAMPLES).mean(axis=(1, 2))
        last = np.zeros(runs, dtype=bool)
        for _ in range(merges):
            mean = draw(rng, model, effects, 1).mean(axis=(1, 2))
            last = mean < baseline - allowed - 1e-9
            baseline = np.where(last, baseline, mean)
        blocked.append(int(last.sum()))
    return blocked[0], blocked[1]


def _fresh_streak(rng: np.random.Generator, model: Model, cases: int, margin: float) -> bool:
    """Return whether evalgate fails the last of a row of identical changes, with a new baseline after each merge.

    Only the golden cases remain from earlier changes, so only the last change is drawn.
    """
    baseline, candidate = versions(rng, model, rng.standard_normal(cases), SCENARIOS[0])
    return decide(baseline, candidate, margin).verdict == "FAIL"


@cache
def shift_for(marginal: tuple[float, ...], drop: float) -> float:
    """Return the shift of the latent values that lowers the mean score by `drop`.

    Raises ValueError for a drop below 0 or not below the mean.
    """
    mean = _mean_score(marginal, 0.0)
    if not 0 <= drop < mean:
        raise ValueError(f"a mean score of {mean:.3f} cannot fall by {drop}")
    return _root(lambda shift: mean - _mean_score(marginal, shift) - drop, 0.0, 20.0) if drop else 0.0


@cache
def latent_correlation(marginal: tuple[float, ...], rho: float) -> float:
    """Return the correlation r of latent values with which two scores of a case correlate by `rho`."""
    first = _mean_score(marginal, 0.0)
    levels = len(marginal) - 1
    second = sum(p * (level / levels) ** 2 for level, p in enumerate(marginal))

    def correlation(r: float) -> float:
        return (_mean_product(marginal, r) - first * first) / (second - first * first)

    return _root(lambda r: correlation(r) - rho, 0.0, 0.9999) if rho else 0.0


def _mean_product(marginal: tuple[float, ...], r: float) -> float:
    """Return E[score * score'] of two samples of one case: the mean of E[score | z]^2, by the trapezoid rule over z."""
    step = 0.05
    total = 0.0
    for i in range(-160, 161):
        z = i * step
        given = sum(_NORMAL.cdf((math.sqrt(r) * z - cut) / math.sqrt(1 - r)) for cut in _cuts(marginal))
        total += _NORMAL.pdf(z) * (given / (len(marginal) - 1)) ** 2
    return total * step


def _mean_score(marginal: tuple[float, ...], shift: float) -> float:
    cuts = _cuts(marginal)
    return sum(_NORMAL.cdf(-cut - shift) for cut in cuts) / len(cuts)


@cache
def _cuts(marginal: tuple[float, ...]) -> tuple[float, ...]:
    """Return the latent values between neighbouring ratings."""
    below = [math.fsum(marginal[: rating + 1]) for rating in range(len(marginal) - 1)]
    return tuple(_NORMAL.inv_cdf(share) for share in below)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of an increasing function, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return (low + high) / 2
