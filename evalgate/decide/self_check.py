"""A/A test of the decision rule on stored scores: the baseline against itself, and against itself made worse.

One run draws from the stored samples of the baseline:

1. Units, with replacement, as many as there are, each with all its cases.
2. In each drawn case one sample, all equally likely, for the candidate. The other samples are the baseline's. The
   cases of one unit use the same sample number, so that they stay correlated.
3. Fresh draws, with replacement, from all samples of the case. The candidate's decide whether a case is broken, fixed
   or fails in every draw. A baseline with fewer than three samples gets fresh ones up to three, only for that purpose.

Then the rule decides as in a gate. Meaning of a rate's interval: with step 2 alone, every run would use the same cases,
so the runs would not be independent data sets. With step 1, the differences of one run are independent draws from one
fixed population: the stored cases with all their splits. Its mean difference is exactly 0 for any scores, and the runs
are independent given this population. So the Wilson interval is valid for the error rate on *this population*. It does
not include the difference between the stored cases and future ones. Only more cases reduce that uncertainty.

A true drop is simulated by lowering a random share of the candidate's answers, independent of the case and of each
other, by one point of a five-point scale. A score falls to the highest observed score that is at least .25 lower, or to
0. So scores stay in [0, 1] and on their scale (a boolean falls from 1 to 0: the answer fails the check). The share is
the drop divided by the mean fall. The lowered draws of a case are independent, so no case is broken by design, and the
power shown is that of the comparison of all cases. A real edit that affects cases unevenly adds variance of its own,
and needs more cases than shown here.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from evalgate.decide import blocking, simulated_gates, statistics
from evalgate.decide import power as planning
from evalgate.decide.rates import Rate, estimate_rate
from evalgate.domain.numbers import show_count

if TYPE_CHECKING:
    import numpy as np

    from evalgate.decide.simulated_gates import Counts, Flags
    from evalgate.decide.statistics import Numbers

RUNS = 1_000
DROPS = (0.05, 0.10)
NOTCH = 0.25

_Verdict: TypeAlias = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The rate at which a true `drop` of the mean score is a FAIL; None where the scores are too low for that drop."""

    drop: float
    fails: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """The result of the A/A test on one criterion of a baseline.

    `cases` form `units` independent units. `samples` is the smallest number of stored samples of a case, `noise` is
    s2_B, and `deviation` is s_d of a split (the root of the mean variance). `margin` is None for a blocking check,
    which allows no drop. `fails` is the rate of false alarms, since the versions are equal. `kept` is True if this rate
    is compatible with the level of the rule: the lower end of its interval is not above the level. `remarks` name
    limits of the result.
    """

    cases: int
    units: int
    samples: int
    runs: int
    margin: float | None
    sequential: bool
    mean: float
    noise: float
    deviation: float
    fails: Rate
    passes: Rate
    inconclusive: Rate
    power: tuple[Power, ...]
    kept: bool
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The settings of the A/A test for all criteria of a gate.

    `sequential`: the gate has several looks. `redraws`: fresh draws are possible (recorded outputs have none). `alpha`
    is the level of the rule, `min_cases` the number of units below which the mean decides nothing. `on_run` is called
    after each decision.
    """

    sequential: bool = True
    redraws: bool = True
    alpha: float = statistics.ALPHA
    min_cases: int = statistics.MIN_CASES
    runs: int = RUNS
    seed: int = 1
    drops: Sequence[float] = DROPS
    on_run: Callable[[], None] = lambda: None


def try_comparison(
    samples: Sequence[Sequence[float]],
    conditions: Conditions,
    *,
    margin: float = 0.05,
    units: Sequence[Hashable] | None = None,
    draws: int = statistics.DRAWS_ALONE,
) -> SelfCheck:
    """Test the rule on a compared criterion: rates of the verdicts for the baseline against itself, and the power.

    `samples` holds for each case the stored scores of the baseline, two or more, in [0, 1]. `units` names each case's
    unit (None: each case is its own). `draws` is the number of equal draws that decide a case. The result is the same
    for the same seed. Raises ValueError for no case, or a case with one sample.
    """
    population = _make_population(samples, units)

    def decide(split: _Split) -> _Verdict:
        flipped: tuple[list[int], list[int]] = ([0] * len(split.own), [0] * len(split.own))
        if conditions.redraws:
            flipped = simulated_gates.flips(split.always(True), split.always(False), split.passes)
        return statistics.decide_differences(
            statistics.clean(split.own[:, 0] - split.before),
            *flipped,
            margin=margin,
            sequential=conditions.sequential,
            clusters=split.unit.tolist() if population.is_grouped else None,
            alpha=conditions.alpha,
            min_cases=conditions.min_cases,
        ).verdict

    remarks = _make_remarks(population, margin, conditions)
    return _try_rule(population, conditions, draws, decide, margin=margin, remarks=remarks)


def try_blocking_check(
    samples: Sequence[Sequence[float]],
    conditions: Conditions,
    *,
    units: Sequence[Hashable] | None = None,
    is_alone: bool = True,
    is_strict: bool = False,
) -> SelfCheck:
    """Test the rule on a blocking check: it fails if a case fails in every draw, or if it provably fails more often.

    `is_alone`: the gate compares no criterion, so its checks have the whole level. `is_strict`: every draw must hold.
    A true drop is a share of answers that newly fail. Holm's correction, which makes a FAIL among several checks rarer,
    is not applied.
    """
    held = [[float(score >= statistics.CASE_PASSES) for score in case] for case in samples]
    population = _make_population(held, units)
    share = 1 if is_alone else blocking.SHARE_OF_LEVEL
    plan = statistics.plan_looks(
        len(population.groups), sequential=conditions.sequential and not is_alone, alpha=conditions.alpha
    )

    def decide(split: _Split) -> _Verdict:
        fails = ~split.passes
        first, others = fails[:, 0], split.others - split.others_passed
        good = first & split.always(True) & fails.all(axis=1) & conditions.redraws
        looks = [(split.cases_of(part * len(population.groups)), level / share) for part, level in plan]
        if (is_strict and first.any()) or simulated_gates.fails_check(first, others, split.others, good, looks):
            return "FAIL"
        is_open = not conditions.redraws and bool((first & (others == 0)).any())
        return "INCONCLUSIVE" if is_open or (first.all() and not split.others_passed.any()) else "PASS"

    remarks = _make_check_remarks(population, is_strict=is_strict)
    found = _try_rule(population, conditions, statistics.DRAWS_AMONG_MANY, decide, margin=None, remarks=remarks)
    return replace(found, kept=True) if is_strict else found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Population:
    """Stored samples as rows of cases, filled with 0 after the `counts` of a case; `groups` are drawn together."""

    scores: Numbers
    lowered: Numbers
    counts: Counts
    groups: Sequence[Counts]
    mean: float
    noise: float
    fall: float

    @property
    def is_grouped(self) -> bool:
        return len(self.groups) < len(self.counts)

    @property
    def deviation(self) -> float:
        import numpy as np

        k = self.counts
        means = self.scores.sum(axis=1) / k
        known = np.arange(self.scores.shape[1]) < k[:, None]
        squares = (np.where(known, self.scores - means[:, None], 0.0) ** 2).sum(axis=1)
        return float(np.sqrt((squares / (k - 1) * k / (k - 1)).mean()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """One simulated data set, as rows of drawn cases.

    `own` are the candidate's scores: its first draw and then fresh ones. `before` is the mean of the baseline's
    samples, `others` their number, and `others_passed` the number of those that pass. `again` marks which of three
    fresh baseline draws of each case pass.
    """

    own: Numbers
    before: Numbers
    others: Counts
    others_passed: Counts
    again: Flags
    unit: Counts

    @property
    def passes(self) -> Flags:
        found: Flags = self.own >= statistics.CASE_PASSES
        return found

    def always(self, passed: bool) -> Flags:
        """Return a mask of the cases in which all baseline draws, at least three, passed (or failed)."""
        import numpy as np

        needed = np.arange(statistics.BASELINE_DRAWS) < statistics.BASELINE_DRAWS - self.others[:, None]
        agrees = ((self.again == passed) | ~needed).all(axis=1)
        return np.asarray((self.others_passed == (self.others if passed else 0)) & agrees)

    def cases_of(self, units: float) -> int:
        """Return the number of cases in the first `units` units, rounded up."""
        return int(self.unit.searchsorted(round(units, 9), side="left"))


def _make_population(samples: Sequence[Sequence[float]], units: Sequence[Hashable] | None) -> _Population:
    import numpy as np

    if not samples or any(len(case) < 2 for case in samples):
        raise ValueError("the baseline against itself needs two samples or more of each case")
    if units is not None and len(units) != len(samples):
        raise ValueError(f"{len(samples)} cases but {len(units)} units")
    members: dict[Hashable, list[int]] = {}
    for case in range(len(samples)):
        members.setdefault(case if units is None else units[case], []).append(case)
    lower = _lower_scores(samples)
    most = max(map(len, samples))
    return _Population(
        scores=np.array([[*case, *[0.0] * (most - len(case))] for case in samples]),
        lowered=np.array([[*(lower[score] for score in case), *[0.0] * (most - len(case))] for case in samples]),
        counts=np.array([len(case) for case in samples]),
        groups=[np.array(cases) for cases in members.values()],
        mean=float(np.mean([np.mean(case) for case in samples])),
        noise=planning.estimate_noise(samples) or 0.0,
        fall=sum(sum(score - lower[score] for score in case) / len(case) for case in samples) / len(samples),
    )


def _try_rule(
    population: _Population,
    conditions: Conditions,
    draws: int,
    decide: Callable[[_Split], _Verdict],
    *,
    margin: float | None,
    remarks: tuple[str, ...],
) -> SelfCheck:
    import numpy as np

    def rates(rng: np.random.Generator, share: float) -> dict[_Verdict, Rate]:
        counts: dict[_Verdict, int] = {"FAIL": 0, "PASS": 0, "INCONCLUSIVE": 0}
        for _ in range(conditions.runs):
            counts[decide(_split(population, rng, draws, share))] += 1
            conditions.on_run()
        return {verdict: estimate_rate(count, conditions.runs) for verdict, count in counts.items()}

    found = rates(np.random.default_rng(conditions.seed), 0.0)
    power = []
    for position, drop in enumerate(conditions.drops):
        fails = None
        if population.fall >= drop:
            fails = rates(np.random.default_rng([conditions.seed, position + 1]), drop / population.fall)["FAIL"]
        power.append(Power(drop=drop, fails=fails))
    return SelfCheck(
        cases=len(population.counts),
        units=len(population.groups),
        samples=int(population.counts.min()),
        runs=conditions.runs,
        margin=margin,
        sequential=conditions.sequential,
        mean=population.mean,
        noise=population.noise,
        deviation=population.deviation,
        fails=found["FAIL"],
        passes=found["PASS"],
        inconclusive=found["INCONCLUSIVE"],
        power=tuple(power),
        kept=found["FAIL"].low <= conditions.alpha,
        remarks=remarks,
    )


def _split(population: _Population, rng: np.random.Generator, draws: int, share: float) -> _Split:
    """Draw one data set with `draws` draws of the candidate, a `share` of them lowered by a point."""
    import numpy as np

    groups = population.groups
    drawn = rng.integers(len(groups), size=len(groups))
    unit = np.repeat(np.arange(len(groups)), [len(groups[group]) for group in drawn])
    cases = np.concatenate([groups[group] for group in drawn])
    counts = population.counts[cases]
    picks = rng.random((len(cases), draws))
    picks[:, 0] = rng.random(len(groups))[unit]
    taken = (picks * counts[:, None]).astype(int)
    rows = cases[:, None]
    own = np.where(rng.random(taken.shape) < share, population.lowered[rows, taken], population.scores[rows, taken])
    again = population.scores[rows, (rng.random((len(cases), statistics.BASELINE_DRAWS)) * counts[:, None]).astype(int)]
    first = population.scores[cases, taken[:, 0]]
    known = np.arange(population.scores.shape[1]) < counts[:, None]
    passed = (known & (population.scores[cases] >= statistics.CASE_PASSES)).sum(axis=1)
    return _Split(
        own=own,
        before=(population.scores[cases].sum(axis=1) - first) / (counts - 1),
        others=counts - 1,
        others_passed=passed - (first >= statistics.CASE_PASSES),
        again=again >= statistics.CASE_PASSES,
        unit=unit,
    )


def _lower_scores(samples: Sequence[Sequence[float]]) -> dict[float, float]:
    """Return the lowered value of each observed score."""
    grid = sorted({0.0, *(score for case in samples for score in case)})
    return {score: grid[max(0, bisect.bisect_right(grid, score - NOTCH + 1e-9) - 1)] for score in grid}


def _make_remarks(population: _Population, margin: float, conditions: Conditions) -> tuple[str, ...]:
    remarks = []
    count = len(population.groups)
    units, are = (
        show_count(count, "independent unit" if population.is_grouped else "case"),
        "is" if count == 1 else "are",
    )
    fewest = planning.count_fewest_cases(margin, sequential=False, alpha=conditions.alpha)
    if count < conditions.min_cases:
        least = f"at least {conditions.min_cases} are needed"
        remarks.append(f"{units} {are} too few to decide on the mean ({least}): only broken cases can fail.")
    elif count < fewest:
        remarks.append(f"{units} {are} too few for a PASS: a margin of {margin:g} needs at least {fewest}.")
    if population.noise == 0:
        remarks.append(
            "The samples of a case never differ, so equal versions cannot give a false alarm and nothing is tested."
        )
    if int(population.counts.min()) < 3:
        remarks.append(
            "Some cases have only two samples: a split compares one with one, which hides the skew of the scores and "
            "is noisier than a run against three samples, so the power shown is too low."
        )
    return tuple(remarks)


def _make_check_remarks(population: _Population, *, is_strict: bool) -> tuple[str, ...]:
    remarks = []
    if is_strict:
        remarks.append("It is strict: every draw of every case must hold, so its false alarms are not limited.")
    if population.mean == 1:
        remarks.append("No stored sample fails it, so equal versions cannot give a false alarm.")
    elif population.mean == 0:
        remarks.append("No stored sample holds it, so there is nothing to compare.")
    if int(population.counts.min()) < 3:
        remarks.append(
            "Some cases have only two samples: a split compares one with one, which shows less than a run against "
            "three samples, so the power shown is too low."
        )
    return tuple(remarks)
