"""Floors and allowed drops in, findings out: the decision rule applied to one criterion at a time, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalgate.decide import compare, statistics
from evalgate.domain import Criterion, Finding, LevelPolicy, Policy, Threshold, Verdict
from evalgate.domain.numbers import exact, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class _Requirement:
    """One threshold to be judged: a floor or an allowed drop, on one criterion."""

    criterion: Criterion
    kind: Literal["min", "max_drop"]
    limit: float
    paired: compare.Paired

    @property
    def values(self) -> statistics.Numbers:
        """What is tested: distances to the floor, or case differences."""
        if self.kind == "min":
            return self.paired.candidate - self.limit
        assert self.paired.differences is not None
        return self.paired.differences


def judged(
    criteria: Sequence[Criterion],
    thresholds: Mapping[str, Threshold],
    pairs: Mapping[str, compare.Paired],
    policy: Policy,
    level_policy: LevelPolicy,
) -> list[Finding]:
    """A finding for each floor and allowed drop: FAIL over all of them by Holm, a PASS each on its own."""
    required = [
        requirement
        for criterion in criteria
        for requirement in _required(criterion, thresholds, pairs[criterion.name], policy)
        if len(requirement.paired.cases)
    ]
    p_values = [statistics.p_worse(requirement.values) for requirement in required]
    worse = statistics.holm(p_values, policy.alpha)
    return [
        _judge(requirement, proven_worse, policy, level_policy)
        for requirement, proven_worse in zip(required, worse, strict=True)
    ]


def _required(
    criterion: Criterion, thresholds: Mapping[str, Threshold], paired: compare.Paired, policy: Policy
) -> list[_Requirement]:
    default = Threshold(max_drop=policy.max_drop) if criterion.kind == "judge" else Threshold()
    threshold = thresholds.get(criterion.name, default)
    drop = threshold.max_drop
    if drop is None and criterion.kind == "judge":
        drop = policy.max_drop
    required = []
    if threshold.minimum is not None and criterion.kind == "judge":
        required.append(
            _Requirement(criterion=criterion, kind="min", limit=threshold.minimum, paired=paired),
        )
    if drop is not None and paired.differences is not None:
        required.append(_Requirement(criterion=criterion, kind="max_drop", limit=drop, paired=paired))
    return required


def _judge(required: _Requirement, proven_worse: bool, policy: Policy, level_policy: LevelPolicy) -> Finding:
    passed = _is_proven_good(required, policy)
    enough = len(required.paired.cases) >= policy.min_cases
    decision = Verdict.INCONCLUSIVE
    if enough and passed:
        decision = Verdict.PASS
    elif enough and proven_worse:
        decision = Verdict.FAIL
    observed_bad = float(required.values.mean()) < (0.0 if required.kind == "min" else -required.limit)
    blocks = decision is Verdict.FAIL or (
        decision is Verdict.INCONCLUSIVE
        and (level_policy.inconclusive == "block" or (level_policy.inconclusive == "drop" and observed_bad))
    )
    describe = _floor_sentence if required.kind == "min" else _drop_sentence
    return Finding(
        criterion=required.criterion.name,
        kind=required.kind,
        decision=decision,
        sentence=describe(required, decision, policy),
        blocks=blocks,
        cases=compare.fallen(required.paired) if decision is not Verdict.PASS else (),
    )


def _is_proven_good(required: _Requirement, policy: Policy) -> bool:
    if required.kind == "min":
        bound = statistics.lower_bound(required.paired.candidate, policy.alpha, low=0.0, high=1.0)
        return bound >= required.limit
    return statistics.is_within(required.values, required.limit, policy.alpha)


def _drop_sentence(required: _Requirement, decision: Verdict, policy: Policy) -> str:
    values, margin, name = required.values, required.limit, required.criterion.name
    n = len(values)
    low = max(-1.0, statistics.lower_bound(values, policy.alpha))
    high = min(1.0, statistics.upper_bound(values, policy.alpha))
    numbers = (
        f"{shown(float(values.mean()), -margin, signed=True)} "
        f"[{shown(low, -margin, signed=True)}, {shown(high, 0.0, signed=True)}] over {n} cases"
    )
    if decision is Verdict.FAIL:
        return f"{name}: proven worse than the baseline: {numbers}; the allowed drop is {exact(margin)}."
    if decision is Verdict.PASS:
        return f"{name}: proven to be less than {exact(margin)} worse than the baseline: {numbers}."
    if n < policy.min_cases:
        return f"{name}: {n} cases decide nothing, at least {policy.min_cases} are needed: {numbers}."
    detectable = statistics.detectable_drop(values)
    needed = max(
        statistics.cases_to_settle(statistics.deviation(values), margin),
        statistics.cases_for_pass(margin, policy.alpha),
    )
    power = f" This dataset reliably detects drops of {shown(detectable)} and more." if detectable else ""
    settle = f" To settle it: about {needed} cases." if needed > n else ""
    return f"{name}: not proven worse, and not proven within {exact(margin)} of the baseline: {numbers}.{power}{settle}"


def _floor_sentence(required: _Requirement, decision: Verdict, policy: Policy) -> str:
    values, floor, name = required.paired.candidate, required.limit, required.criterion.name
    n = len(values)
    low = statistics.lower_bound(values, policy.alpha, low=0.0, high=1.0)
    high = min(1.0, statistics.upper_bound(values, policy.alpha))
    numbers = f"{shown(float(values.mean()), floor)} [{shown(low, floor)}, {shown(high, floor)}] over {n} cases"
    if decision is Verdict.FAIL:
        return f"{name}: proven below its floor of {exact(floor)}: {numbers}."
    if decision is Verdict.PASS:
        return f"{name}: proven at or above its floor of {exact(floor)}: {numbers}."
    if n < policy.min_cases:
        return f"{name}: {n} cases decide nothing, at least {policy.min_cases} are needed: {numbers}."
    return f"{name}: not proven to be on either side of its floor of {exact(floor)}: {numbers}."
