"""Thresholds without statistics: floors of checks and percentiles of seconds, over all outputs of the candidate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evalgate.decide import statistics
from evalgate.decide.compare import Paired
from evalgate.domain import Arm, Criterion, Evidence, Finding, Verdict
from evalgate.domain.numbers import show, show_count, show_exactly


def make_findings(
    evidence: Evidence, floors: Mapping[str, float], pairs: Mapping[str, Paired], order: Sequence[str]
) -> list[Finding]:
    """Return a finding for each check with a floor, and for each limit on a percentile of seconds.

    `pairs` are those of the candidate alone, over all of `order`. A floor is a FAIL as soon as the outputs still to
    come cannot reach it. It is a PASS only when every case has an output.
    """
    found = []
    for criterion in evidence.criteria:
        if criterion.name in floors:
            one = _make_floor_finding(evidence, criterion, floors[criterion.name], pairs[criterion.name], order)
            found += [one] if one is not None else []
    return [*found, *_find_percentiles(evidence, order)]


def _make_floor_finding(
    evidence: Evidence, criterion: Criterion, floor: float, paired: Paired, order: Sequence[str]
) -> Finding | None:
    n = len(paired.cases)
    planned = set(order) - set(criterion.excluded)
    answered = len({r.case for r in evidence.results if r.arm is Arm.CANDIDATE} & planned)
    if n == 0:
        return None
    failed = tuple(case for case, value in zip(paired.cases, paired.candidate, strict=True) if value < 1.0)
    # the best rate still possible: every case that was not run yet holds
    to_come = len(planned) - answered
    held = statistics.mean(paired.candidate)
    rate = (float(paired.candidate.sum()) + to_come) / (n + to_come) if to_come else held
    if rate >= floor and to_come:
        return None
    passed = rate >= floor
    is_one = n - len(failed) == 1
    hold = f"{'holds' if is_one else 'hold'}:"
    # draws of a case that differ, and scores between 0 and 1, make the mean no share of cases
    if not all(value in (0.0, 1.0) for value in paired.candidate.tolist()):
        hold = f"{'has' if is_one else 'have'} full marks, and the mean is"
    sentence = (
        f"{n - len(failed)} of {show_count(n, 'case')} {hold} {show(held, floor)}, with a floor of "
        f"{show_exactly(floor)}"
    )
    return Finding(
        criterion=criterion.name,
        kind="min",
        decision=Verdict.PASS if passed else Verdict.FAIL,
        sentence=f"{criterion.name}: {sentence}.",
        blocks=not passed,
        cases=failed,
    )


def _find_percentiles(evidence: Evidence, order: Sequence[str]) -> list[Finding]:
    """Return a finding on the 95th percentile of the candidate's seconds (nearest rank) for each check that limits it.

    There is none before every case has a result.
    """
    found = []
    for criterion in evidence.criteria:
        limit = criterion.p95_seconds
        if limit is None or not criterion.blocking:
            continue
        excluded = set(criterion.excluded)
        candidate = [r for r in evidence.results if r.arm is Arm.CANDIDATE and r.case not in excluded]
        seconds = sorted(result.seconds for result in candidate if result.seconds is not None)
        complete = {result.case for result in candidate} >= set(order) - excluded
        if not seconds or not complete:
            continue
        value = seconds[math.ceil(0.95 * len(seconds)) - 1]
        held = value <= limit
        found.append(
            Finding(
                criterion=criterion.name,
                kind="check",
                decision=Verdict.PASS if held else Verdict.FAIL,
                sentence=f"{criterion.name}: the 95th percentile is {show(value, limit)} s over {len(seconds)} "
                f"outputs; the limit is {show_exactly(limit)} s.",
                blocks=not held,
            )
        )
    return found
