"""Explain in words why cases have no pair of scores on a criterion, and which version had no usable output."""

from __future__ import annotations

from collections import Counter

from evalgate.decide import statistics
from evalgate.decide.compare import Paired
from evalgate.decide.draws import Draws
from evalgate.decide.roles import Roles
from evalgate.domain import ANSWERED, Arm

_NAMED = 4


def explain(criterion: str, paired: Paired, draws: Draws, roles: Roles, *, with_baseline: bool) -> str:
    """Return the number of missing cases among those seen, with reasons, after a semicolon; empty where none is."""
    more = " more" if paired.cases else ""
    parts = []
    if paired.undecided:
        parts.append(f"{len(paired.undecided)}{more} could not be decided")
    if paired.left_out:
        required = sorted(roles.required(criterion), key=lambda check: check != ANSWERED)
        reasons = Counter(
            _find_reason(place, required, draws, with_baseline=with_baseline) for place in paired.left_out.values()
        )
        named = [f"{reason} in {count}" for reason, count in reasons.most_common(_NAMED)]
        others = len(paired.left_out) - sum(count for _, count in reasons.most_common(_NAMED))
        named += [f"other reasons in {others}"] if others else []
        are = "is" if len(paired.left_out) == 1 else "are"
        parts.append(f"{len(paired.left_out)}{more} {are} left out: {', '.join(named)}")
    return "".join(f"; {part}" for part in parts)


def _find_reason(place: int, required: list[str], draws: Draws, *, with_baseline: bool) -> str:
    """Return the reason why a version has no usable output of a case that is left out."""
    failing = {}
    for arm in (Arm.BASELINE, Arm.CANDIDATE) if with_baseline else (Arm.CANDIDATE,):
        if not draws.holding(required, arm)[:, place].any():
            failing[arm] = next(
                (check for check in required if _fails(draws, check, arm, place)),
                ANSWERED,
            )
    version = "both versions" if len(failing) > 1 and len(set(failing.values())) == 1 else f"the {next(iter(failing))}"
    check = next(iter(failing.values()))
    verb = ("give" if check == ANSWERED else "fail") + ("" if version == "both versions" else "s")
    return f"{version} {verb} {'no answer' if check == ANSWERED else check}"


def _fails(draws: Draws, check: str, arm: Arm, place: int) -> bool:
    return bool((draws.scores(check, arm)[:, place] < statistics.CASE_PASSES).any())
