"""The rule tried on a user's own scores: the baseline against itself, and against itself made worse.

One run draws, from the stored samples of the baseline:

1. as many cases as there are, with replacement (with clusters: as many clusters, each with all its cases);
2. in each drawn case one sample, every one equally likely, as the candidate's; the others are the baseline's (a
   cluster's cases give the same one, so that what they share stays shared);
3. confirmation samples, with replacement, from all samples of the case: no fresh ones exist. A baseline left with
   fewer than three samples is confirmed by three more, for the flip test only, as the rule asks of a thin baseline.

Then `statistics.decide` decides, as it would in a gate. What the interval of a rate means: a split alone would use the
same cases again in every run, so its runs would not be independent data sets. With the draw of cases the differences
of one run are independent draws from one fixed population, the stored cases with all their splits, whose mean
difference is exactly 0 whatever the scores are; and the runs are independent given that population. So the Wilson
interval is honest about the error rate on *this population*, of which the stored cases are all there is. It does not
widen for how far the stored cases are from those to come; more cases are the only cure for that.

A true drop is made by letting a random share of the candidate's answers, independent of the case and of each other,
lose a point of a five-point scale: a score falls to the highest observed score that is at least .25 lower, or to 0.
So scores stay in [0, 1] and on their scale (a boolean falls from 1 to 0). The share is the drop divided by the mean
fall. Nothing persists in a case, so no case is broken by design and the power shown is that of the mean test; a real
edit that hits cases unevenly adds a variance of its own, and needs more cases than shown here.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.decide import planning, statistics
from evalgate.decide.rates import Rate, rate

if TYPE_CHECKING:
    import numpy as np

RUNS = 1_000
DROPS = (0.05, 0.10)
NOTCH = 0.25
# A baseline of fewer samples is too thin to say that a case always passed.
_FULL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """How often a true `drop` of the mean score is a FAIL; None where the scores are too low to fall so far."""

    drop: float
    fails: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """The rule on one criterion of a baseline.

    `samples` is the fewest stored samples of a case, `noise` s2_B, `deviation` s_d of a split (the root of the mean
    variance). `fails` is the rate of false alarms: the versions are equal. `kept` says whether it can be what the rule
    promises: its interval reaches down to the level of the rule. `remarks` say what limits the answer.
    """

    cases: int
    samples: int
    runs: int
    margin: float
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


def check(
    samples: Sequence[Sequence[float]],
    *,
    margin: float = 0.05,
    sequential: bool = True,
    clusters: Sequence[Hashable] | None = None,
    min_cases: int = statistics.MIN_CASES,
    runs: int = RUNS,
    seed: int = 1,
    drops: Sequence[float] = DROPS,
    on_run: Callable[[], None] = lambda: None,
) -> SelfCheck:
    """The rates of the rule's verdicts on the baseline against itself, `runs` times, and its power for each drop.

    `samples`: for each case the stored scores of the baseline, two or more, in [0, 1]; `clusters` names each case's
    cluster. `on_run` hears of each decision. The same for the same seed. Raises ValueError for no case, or a case with
    one sample.
    """
    import numpy as np

    if not samples or any(len(case) < 2 for case in samples):
        raise ValueError("the baseline against itself needs two samples or more of each case")
    if clusters is not None and len(clusters) != len(samples):
        raise ValueError(f"{len(samples)} cases but {len(clusters)} clusters")
    noise = planning.noise(samples) or 0.0
    deviation = np.sqrt(np.mean([np.var(case, ddof=1) * len(case) / (len(case) - 1) for case in samples]))
    trial = _Trial(samples=samples, groups=_groups(clusters, len(samples)), clustered=clusters is not None)
    rule = _Rule(margin=margin, sequential=sequential, min_cases=min_cases, runs=runs, on_run=on_run)
    fails, passes = _rates(rule, trial, np.random.default_rng(seed), 0.0)
    fall = _mean_fall(samples)
    power = []
    for position, drop in enumerate(drops):
        found = None
        if fall >= drop:
            found = _rates(rule, trial, np.random.default_rng([seed, position + 1]), drop / fall)[0]
        power.append(Power(drop=drop, fails=found))
    return SelfCheck(
        cases=len(samples),
        samples=min(map(len, samples)),
        runs=runs,
        margin=margin,
        sequential=sequential,
        mean=float(np.mean([np.mean(case) for case in samples])),
        noise=noise,
        deviation=float(deviation),
        fails=fails,
        passes=passes,
        inconclusive=rate(runs - fails.count - passes.count, runs),
        power=tuple(power),
        kept=fails.low <= statistics.ALPHA,
        remarks=_remarks(trial, noise, rule),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """The population: stored samples, and the cases that are drawn together."""

    samples: Sequence[Sequence[float]]
    groups: Sequence[Sequence[int]]
    clustered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    margin: float
    sequential: bool
    min_cases: int
    runs: int
    on_run: Callable[[], None]


def _rates(rule: _Rule, trial: _Trial, rng: np.random.Generator, share: float) -> tuple[Rate, Rate]:
    """The rates of FAIL and PASS when a `share` of the candidate's answers has lost a point."""
    counts = {"FAIL": 0, "PASS": 0, "INCONCLUSIVE": 0}
    lowered = _lowered(trial.samples)
    for _ in range(rule.runs):
        baseline, candidate, clusters = _split(trial, lowered, rng, share)
        decision = statistics.decide(
            baseline, candidate, margin=rule.margin, sequential=rule.sequential, clusters=clusters
        )
        counts[decision.verdict if len(trial.groups) >= rule.min_cases else "INCONCLUSIVE"] += 1
        rule.on_run()
    return rate(counts["FAIL"], rule.runs), rate(counts["PASS"], rule.runs)


def _split(
    trial: _Trial, lowered: dict[float, float], rng: np.random.Generator, share: float
) -> tuple[list[list[float]], list[list[float]], list[int] | None]:
    """One data set: samples of the baseline and of the candidate for each drawn case, and its clusters."""
    drawn = rng.integers(len(trial.groups), size=len(trial.groups)).tolist()
    cases = [(position, case) for position, group in enumerate(drawn) for case in trial.groups[group]]
    # The candidate's sample, then the confirmations; one uniform number each, and one for whether it has fallen.
    size = (len(cases), 1 + statistics.CONFIRMATIONS)
    picks, falls = rng.random(size).tolist(), (rng.random(size) < share).tolist()
    doubts = rng.random((len(cases), statistics.CONFIRMATIONS)).tolist()
    if trial.clustered:
        together = {position: pick[0] for (position, _), pick in zip(cases, picks, strict=True)}
        picks = [[together[position], *pick[1:]] for (position, _), pick in zip(cases, picks, strict=True)]
    baseline, candidate = [], []
    for (_, case), pick, fallen, doubt in zip(cases, picks, falls, doubts, strict=True):
        scores = trial.samples[case]
        taken = [int(u * len(scores)) for u in pick]
        rest = [*scores[: taken[0]], *scores[taken[0] + 1 :]]
        own = [lowered[scores[k]] if down else scores[k] for k, down in zip(taken, fallen, strict=True)]
        if len(rest) < _FULL and any(_passes(scores[int(u * len(scores))]) != _passes(rest[0]) for u in doubt):
            own[1] = rest[0]  # the baseline's side is not confirmed: the first confirmation settles that nothing broke
        baseline.append(rest)
        candidate.append(own)
    return baseline, candidate, [position for position, _ in cases] if trial.clustered else None


def _passes(score: float) -> bool:
    return score >= statistics.CASE_PASSES


def _groups(clusters: Sequence[Hashable] | None, cases: int) -> list[list[int]]:
    found: dict[Hashable, list[int]] = {}
    for case in range(cases):
        found.setdefault(case if clusters is None else clusters[case], []).append(case)
    return list(found.values())


def _lowered(samples: Sequence[Sequence[float]]) -> dict[float, float]:
    """What each observed score falls to when an answer loses a point."""
    grid = sorted({0.0, *(score for case in samples for score in case)})
    return {score: grid[max(0, bisect.bisect_right(grid, score - NOTCH + 1e-9) - 1)] for score in grid}


def _mean_fall(samples: Sequence[Sequence[float]]) -> float:
    """The mean over cases of how far a lost point lowers a score."""
    lowered = _lowered(samples)
    return sum(sum(score - lowered[score] for score in case) / len(case) for case in samples) / len(samples)


def _remarks(trial: _Trial, noise: float, rule: _Rule) -> tuple[str, ...]:
    remarks = []
    units = f"{len(trial.groups)} {'clusters' if trial.clustered else 'cases'}"
    least = max(rule.min_cases, statistics.MIN_CASES)
    fewest = planning.fewest_cases(rule.margin, sequential=rule.sequential)
    if len(trial.groups) < least:
        remarks.append(f"{units} decide nothing: at least {least} are needed, so every verdict is inconclusive.")
    elif len(trial.groups) < fewest:
        how = " with early stopping" if rule.sequential else ""
        remarks.append(f"{units} can never pass: a margin of {rule.margin:g} needs at least {fewest}{how}.")
    if noise == 0:
        remarks.append(
            "The samples of a case never differ: there is no noise to check, and equal versions cannot raise an alarm."
        )
    if min(map(len, trial.samples)) < 3:
        remarks.append(
            "Cases have two samples only: a split has one against one, which hides how skewed the scores are, and is "
            "noisier than a run against three samples, so the power is shown too low."
        )
    return tuple(remarks)
