"""Decide floors and allowed drops by statistics, and write the findings on them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalgate.decide import compare, power, statistics
from evalgate.decide.compare import Paired
from evalgate.domain import Criterion, Finding, LevelPolicy, Look, Policy, Threshold, Verdict
from evalgate.domain.numbers import show, show_count, show_exactly

# Distance, in standard errors, at which the bound of a mean clears a limit, skewness term included.
_CLEAR = 1.8
# With fewer units a paired t test finds only drops of a fifth of the scale or more.
_FEW = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One threshold that is decided by statistics: a floor ("min") or an allowed drop on one criterion."""

    criterion: str
    kind: Literal["min", "max_drop"]
    value: float

    def list_tested(self, paired: Paired) -> statistics.Numbers:
        """Return the values that are tested against 0, by unit: distances to the floor, or differences."""
        if self.kind == "min":
            return statistics.clean(paired.units(paired.candidate) - self.value)
        assert paired.differences is not None
        return paired.units(paired.differences)

    def is_kept(self, paired: Paired, level: float) -> bool:
        """Return whether it is proven at `level` that the floor is reached, or the drop smaller than allowed."""
        if self.kind == "min":
            return statistics.lower_bound(paired.units(paired.candidate), level, low=0.0, high=1.0) >= self.value
        return statistics.is_within(self.list_tested(paired), self.value, level)

    def may_fail(self, paired: Paired, look: Look) -> bool:
        """Return whether a mean that is proven too low is a FAIL at this look; for a floor it always is."""
        if self.kind == "min":
            return True
        return statistics.may_fail(self.list_tested(paired), self.value, look.level, last=not look.early)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRuling:
    """The decision on one limit, with the look and the numbers it is based on.

    `p_value` is that of "not worse" (for a floor: "not below it"). `crowded` is the number of limits if the limit is
    worse at the look's own level but not after Holm's correction, else 0.
    """

    limit: Limit
    decision: Verdict
    look: Look
    paired: Paired
    p_value: float
    crowded: int = 0


def list_limits(
    criteria: Sequence[Criterion], thresholds: Mapping[str, Threshold], policy: Policy, *, with_baseline: bool
) -> tuple[Limit, ...]:
    """Return all limits in the order of the criteria.

    A judge always has an allowed drop. The floor of a check is decided without statistics, so it is not among them.
    """
    found = []
    for criterion in criteria:
        threshold = thresholds.get(criterion.name, Threshold())
        drop = threshold.max_drop
        if drop is None and criterion.kind == "judge":
            drop = policy.max_drop
        if threshold.minimum is not None and criterion.kind == "judge":
            found.append(Limit(criterion=criterion.name, kind="min", value=threshold.minimum))
        if drop is not None and with_baseline:
            found.append(Limit(criterion=criterion.name, kind="max_drop", value=drop))
    return tuple(found)


def rule_on_limits(
    at: Mapping[Limit, Paired],
    look: Look,
    passed: Mapping[Limit, ThresholdRuling],
    complete: Collection[Limit],
    *,
    min_cases: int,
) -> tuple[ThresholdRuling, ...]:
    """Decide every limit from its pairs `at` a look; a limit that has `passed` at an earlier one stays passed.

    `complete` are the limits that have pairs for enough of the cases seen; only they can pass. Tests for "worse" are
    corrected over all limits by Holm, at the level of the look.
    """
    tested = {limit: limit.list_tested(paired) for limit, paired in at.items()}
    p_values = {limit: statistics.p_worse(values) for limit, values in tested.items()}
    able = [limit for limit in at if len(tested[limit]) >= min_cases]
    worse = dict(zip(able, statistics.holm([p_values[limit] for limit in able], look.level), strict=True))
    rulings = []
    for limit, paired in at.items():
        if limit in passed:
            rulings.append(passed[limit])
            continue
        decision = Verdict.INCONCLUSIVE
        if limit in worse:
            decision = _decide_limit(limit, paired, look, is_complete=limit in complete, is_worse=worse[limit])
        is_crowded = decision is Verdict.INCONCLUSIVE and limit in worse and not worse[limit]
        rulings.append(
            ThresholdRuling(
                limit=limit,
                decision=decision,
                look=look,
                paired=paired,
                p_value=p_values[limit],
                crowded=len(at) if is_crowded and p_values[limit] <= look.level else 0,
            )
        )
    return tuple(rulings)


def _decide_limit(limit: Limit, paired: Paired, look: Look, *, is_complete: bool, is_worse: bool) -> Verdict:
    if is_complete and limit.is_kept(paired, look.level):
        return Verdict.PASS
    return Verdict.FAIL if is_worse and limit.may_fail(paired, look) else Verdict.INCONCLUSIVE


def make_finding(
    ruling: ThresholdRuling, policy: Policy, level_policy: LevelPolicy, ended: Look, missing: str = ""
) -> Finding:
    """Return a ruling as a finding; the level's policy says whether an inconclusive one blocks.

    `ended` is the look at which the comparison of all limits ended. `missing` says why cases are missing from the
    numbers, after a semicolon.
    """
    limit, decision = ruling.limit, ruling.decision
    tested = limit.list_tested(ruling.paired)
    is_small = len(tested) < policy.min_cases
    limit_of_mean = 0.0 if limit.kind == "min" else -limit.value
    seems_bad = is_small or (statistics.mean(tested) < limit_of_mean and ruling.p_value <= 2 * policy.alpha)
    blocks = decision is Verdict.FAIL or (
        decision is Verdict.INCONCLUSIVE
        and (level_policy.inconclusive == "block" or (level_policy.inconclusive == "drop" and seems_bad))
    )
    describe = _write_floor_sentence if limit.kind == "min" else _write_drop_sentence
    nothing = f"no case has a score{'' if limit.kind == 'min' else ' of both versions'}{missing}."
    return Finding(
        criterion=limit.criterion,
        kind=limit.kind,
        decision=decision,
        sentence=f"{limit.criterion}: "
        + (describe(ruling, policy, f"{_name_cases(ruling, ended)}{missing}") if len(tested) else nothing),
        blocks=blocks,
        cases=compare.list_fallen(ruling.paired) if decision is not Verdict.PASS else (),
    )


def _write_drop_sentence(ruling: ThresholdRuling, policy: Policy, cases: str) -> str:
    values, margin, level = ruling.limit.list_tested(ruling.paired), ruling.limit.value, ruling.look.level
    low = max(-1.0, statistics.lower_bound(values, level))
    high = min(1.0, statistics.upper_bound(values, level))
    mean = statistics.mean(values)
    numbers = (
        f"{show(mean, 0.0, -margin, signed=True)} "
        f"[{show(low, 0.0, -margin, signed=True)}, {show(high, 0.0, -margin, signed=True)}] over {cases}"
    )
    if ruling.decision is Verdict.FAIL:
        within = f"not proven to be within the allowed drop of {show_exactly(margin)}"
        return f"proven worse than the baseline, and {within}: {numbers}."
    if ruling.decision is Verdict.PASS and high < 0:
        return f"worse, but proven to be within the allowed drop of {show_exactly(margin)}: {numbers}."
    if ruling.decision is Verdict.PASS:
        return f"proven to be less than {show_exactly(margin)} worse than the baseline: {numbers}."
    return _explain_inconclusive(ruling, policy, numbers)


def _explain_inconclusive(ruling: ThresholdRuling, policy: Policy, numbers: str) -> str:
    """Return why an allowed drop is inconclusive, with the numbers, and what would give a clear result.

    Where the run stopped early, the cases seen do not show what the whole dataset can detect.
    """
    values, margin = ruling.limit.list_tested(ruling.paired), ruling.limit.value
    n = len(values)
    unclear = f"not proven worse, and not proven within {show_exactly(margin)} of the baseline: {numbers}."
    if ruling.look.early:
        return f"{unclear}{_explain_crowded(ruling)}"
    if n < policy.min_cases:
        enough = (
            f"{policy.min_cases - n} more could show a very large drop, {_explain_fewest(ruling, policy)} can prove a "
            "PASS"
        )
        return f"{_count_units(ruling, n)} {'is' if n == 1 else 'are'} too few to decide; {enough}: {numbers}."
    if not statistics.pass_is_possible(n, margin, ruling.look.level):
        only = f"{_count_units(ruling, n)} can only show a {'very large' if n < _FEW else 'large'} drop"
        return f"{only}; {_explain_fewest(ruling, policy)} can prove a PASS: {numbers}."
    return f"{unclear}{_explain_crowded(ruling)}{_explain_outlook(ruling, values)}"


def _explain_fewest(ruling: ThresholdRuling, policy: Policy) -> int:
    """Return the smallest number of units with which a PASS can be proven; such a gate has one look, at `alpha`."""
    margin, n = ruling.limit.value, len(ruling.limit.list_tested(ruling.paired))
    plain = max(statistics.count_cases_for_pass(margin, policy.alpha), policy.min_cases)
    return plain if plain > n else statistics.count_cases_for_pass(margin, ruling.look.level)


def _write_floor_sentence(ruling: ThresholdRuling, policy: Policy, cases: str) -> str:
    values, floor = ruling.paired.units(ruling.paired.candidate), ruling.limit.value
    level, n = ruling.look.level, len(values)
    low = statistics.lower_bound(values, level, low=0.0, high=1.0)
    high = min(1.0, statistics.upper_bound(values, level))
    mean = statistics.mean(values)
    numbers = f"{show(mean, floor)} [{show(low, floor)}, {show(high, floor)}] over {cases}"
    if ruling.decision is Verdict.FAIL:
        return f"proven below its floor of {show_exactly(floor)}: {numbers}."
    if ruling.decision is Verdict.PASS:
        return f"proven at or above its floor of {show_exactly(floor)}: {numbers}."
    if n < policy.min_cases:
        least = f"at least {policy.min_cases} are needed"
        return f"{_count_units(ruling, n)} {'is' if n == 1 else 'are'} too few to decide, {least}: {numbers}."
    needed = _count_to_settle(statistics.deviation(values), abs(mean - floor), n)
    return (
        f"not proven to be on either side of its floor of {show_exactly(floor)}: {numbers}.{_explain_crowded(ruling)}"
        f"{'' if ruling.look.early or needed is None else f' To settle it: about {_count_units(ruling, needed)}.'}"
    )


def _name_cases(ruling: ThresholdRuling, ended: Look) -> str:
    """Return the number of cases behind the numbers, and at an early look, which biases estimates, their total.

    The comparison may have gone on for other limits after this one was clear.
    """
    paired = ruling.paired
    text = show_count(len(paired.cases), "case")
    if paired.is_grouped:
        text += f" in {show_count(len(set(paired.unit.tolist())), 'independent unit')}"
    if ruling.look.early:
        early = "stopped early" if ruling.look.cases == ended.cases else "where this was clear"
        text += f" ({early}, of {ruling.look.planned})"
    return text


def _count_units(ruling: ThresholdRuling, number: int) -> str:
    """Return a number with the name of the unit of the test."""
    return show_count(number, "independent unit" if ruling.paired.is_grouped else "case")


def _explain_crowded(ruling: ThresholdRuling) -> str:
    if not ruling.crowded:
        return ""
    return f" Tested alone it would be proven worse; with Holm's correction for {ruling.crowded} limits it is not."


def _count_to_settle(spread: float, distance: float, n: int) -> int | None:
    """Estimate the number of units that prove a distance to a limit; None beyond a hundred times the present number."""
    if not spread or distance <= 0:
        return None
    needed = max(n + 1, math.ceil((_CLEAR * spread / distance) ** 2))
    return needed if needed <= 100 * n else None


def _explain_outlook(ruling: ThresholdRuling, values: statistics.Numbers) -> str:
    """Return the drop that this dataset can detect, and what would give a clear result."""
    spread, n, margin = statistics.deviation(values), len(values), ruling.limit.value
    detectable, mean = statistics.find_detectable_drop(values), statistics.mean(values)
    needed = max(
        statistics.count_cases_to_settle(spread, margin), statistics.count_cases_for_pass(margin, ruling.look.level)
    )
    text = ""
    if spread:
        text = (
            f" {_count_units(ruling, n)} with a standard deviation of {show(spread)} reliably show drops of "
            f"{show(detectable)} or more."
        )
    if needed <= n:
        needed = _count_to_settle(spread, max(mean + margin, -mean), n) or 0
    if needed > n:
        wider = f", or an allowed drop of {show(detectable)}" if margin < detectable < 1 else ""
        text += f" To settle it: about {_count_units(ruling, needed)}{wider}."
    if ruling.paired.noise is None or not spread or ruling.paired.is_grouped:
        return text
    candidate, baseline = ruling.paired.samples
    more = power.forecast_repeats(
        difference=mean,
        deviation=spread,
        noise=ruling.paired.noise,
        cases=n,
        margin=margin,
        baseline_samples=baseline,
        samples=candidate,
    )
    share = f"{100 * more.real_share:.0f} % of the variance is a real effect on single cases"
    return f"{text} More samples of each case would{'' if more.would_help else ' not'} help: {share}."
