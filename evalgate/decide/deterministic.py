"""What needs no statistics: blocking checks, floors of checks, percentiles of seconds; over every candidate output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import evalgate.decide.compare as comparing
from evalgate.domain import Arm, Criterion, Evidence, Finding, Result, Score, Threshold, Verdict
from evalgate.domain.numbers import exact, shown


def required(criterion: Criterion, threshold: Threshold, *, with_baseline: bool) -> bool:
    """Whether a check decides by itself: it has a floor, or it is blocking and not judged by its drop instead."""
    if criterion.kind != "check":
        return False
    by_drop = threshold.max_drop is not None and with_baseline
    return threshold.minimum is not None or (criterion.blocking and not by_drop)


def findings(
    evidence: Evidence,
    thresholds: Mapping[str, Threshold],
    pairs: Mapping[str, comparing.Paired],
    order: Sequence[str],
) -> list[Finding]:
    """A finding for each check that decides by itself. `pairs` are of the candidate alone, over all of `order`.

    A blocking check holds on every case, unless a threshold says how many failures are allowed. FAIL as soon as the
    outputs still to come cannot mend it; PASS only when every case has been answered.
    """
    found = []
    for criterion in evidence.criteria:
        threshold = thresholds.get(criterion.name, Threshold())
        if not required(criterion, threshold, with_baseline=evidence.baseline is not None):
            continue
        one = _check(evidence, criterion, threshold.minimum, pairs[criterion.name], len(order))
        found += [one] if one is not None else []
    return [*found, *_percentiles(evidence, order)]


def _check(
    evidence: Evidence, criterion: Criterion, floor: float | None, paired: comparing.Paired, planned: int
) -> Finding | None:
    limit = 1.0 if floor is None else floor
    n = len(paired.cases)
    answered = len({r.case for r in evidence.results if r.arm is Arm.CANDIDATE})
    if n == 0:
        return None
    failed = tuple(case for case, value in zip(paired.cases, paired.candidate, strict=True) if value < 1.0)
    # as good as it can still become: every case that was not run yet holds
    to_come = max(0, planned - answered)
    rate = (float(paired.candidate.sum()) + to_come) / (n + to_come) if to_come else float(paired.candidate.mean())
    if rate >= limit and to_come:
        return None
    passed = rate >= limit
    held = float(paired.candidate.mean())
    sentence = f"{criterion.name}: {n - len(failed)} of {n} cases hold"
    if floor is not None:
        sentence += f", {shown(held, limit)} against a floor of {exact(limit)}"
    elif not passed:
        sentence += f"; the check is blocking. {failed[0]}: {_reason(evidence.results, criterion.name, failed[0])}"
    return Finding(
        criterion=criterion.name,
        kind="check" if floor is None else "min",
        decision=Verdict.PASS if passed else Verdict.FAIL,
        sentence=sentence.rstrip(".") + ".",
        blocks=not passed,
        cases=failed,
    )


def _reason(results: Sequence[Result], criterion: str, case: str) -> str:
    for result in results:
        if result.case != case or result.arm is not Arm.CANDIDATE:
            continue
        score = result.scores.get(criterion)
        if isinstance(score, Score) and score.value < 1.0:
            return score.reason
    return "the check does not hold"


def _percentiles(evidence: Evidence, order: Sequence[str]) -> list[Finding]:
    """The 95th percentile of the candidate's seconds, where a latency check limits it (nearest rank)."""
    found = []
    for criterion in evidence.criteria:
        limit = criterion.p95_seconds
        if limit is None or not criterion.blocking:
            continue
        candidate = [result for result in evidence.results if result.arm is Arm.CANDIDATE]
        seconds = sorted(result.seconds for result in candidate if result.seconds is not None)
        complete = {result.case for result in candidate} >= set(order)
        if not seconds or not complete:
            continue
        value = seconds[math.ceil(0.95 * len(seconds)) - 1]
        held = value <= limit
        found.append(
            Finding(
                criterion=criterion.name,
                kind="check",
                decision=Verdict.PASS if held else Verdict.FAIL,
                sentence=f"{criterion.name}: the 95th percentile is {shown(value, limit)} s over {len(seconds)} "
                f"outputs; the limit is {exact(limit)} s.",
                blocks=not held,
            )
        )
    return found
