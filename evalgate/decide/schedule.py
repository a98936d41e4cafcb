"""The schedule of a gate, known before its first case is run: looks, order of cases, and the fewest for a PASS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from evalgate.decide import statistics
from evalgate.decide.draws import Draws, collect_draws
from evalgate.decide.roles import assign_roles, list_watched
from evalgate.decide.thresholds import list_limits
from evalgate.domain import Evidence, Look, Policy, Threshold
from evalgate.domain.numbers import show_count

_MANY = 100
_LEFT_OUT = 0.02


def plan_looks(
    evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy, draws: Draws | None = None
) -> tuple[Look, ...]:
    """Return the looks of a gate.

    There is one look, at the end, in three cases: the run may not stop early, no limit is decided by statistics, or a
    PASS is possible at the level `alpha` but not at the level of the last look (59 to 63 units at a margin of 0.05).
    """
    known = draws or collect_draws(evidence)
    count, planned = known.units, len(known.order)
    of_gate = list_limits(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None)
    drops = [(known.count_units(x.criterion), x.value) for x in of_gate if x.kind == "max_drop"]
    plan = statistics.plan_looks(count, sequential=evidence.sequential and bool(of_gate), alpha=policy.alpha)
    if all(statistics.pass_is_possible(own, drop, policy.alpha) for own, drop in drops) and not all(
        statistics.pass_is_possible(own, drop, plan[-1][1]) for own, drop in drops
    ):
        plan = statistics.plan_looks(count, sequential=False, alpha=policy.alpha)
    return tuple(
        Look(
            number=number,
            of=len(plan),
            cases=planned if share == 1 else known.cases_of(math.ceil(round(share * count, 9))),
            planned=planned,
            level=level,
        )
        for number, (share, level) in enumerate(plan, start=1)
    )


def order_cases(evidence: Evidence) -> tuple[str, ...]:
    """Return the cases in run order: the cases of one unit are adjacent, at the place of its first case."""
    return collect_draws(replace(evidence, results=())).order


def count_units(evidence: Evidence) -> int:
    """Return the number of independent units among the cases of a gate."""
    return collect_draws(replace(evidence, results=())).units


def decides_over_all(evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy) -> bool:
    """Return whether some check decides over every case, so that the candidate needs an output for each of them.

    Such checks are declared blocking checks (in drift, where they are compared, as well), checks with a floor, and
    limits on a percentile of seconds.
    """
    roles = assign_roles(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None)
    percentile = any(criterion.blocking and criterion.p95_seconds is not None for criterion in evidence.criteria)
    return bool(roles.declared or roles.floors or list_watched(evidence, roles)) or percentile


def find_lacking(evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy) -> tuple[int, str] | None:
    """Return the number of units needed for a PASS and the reason why these are too few; None if they are enough."""
    of_gate = list_limits(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None)
    if not of_gate:
        return None
    draws = collect_draws(evidence)
    last = plan_looks(evidence, thresholds, policy, draws)[-1]
    fewest = min((limit.criterion for limit in of_gate), key=draws.count_units)
    if draws.count_units(fewest) < policy.min_cases:
        verb = "is" if draws.count_units(fewest) == 1 else "are"
        return policy.min_cases, f"{_describe_units(fewest, draws)} {verb} too few to decide"
    drops = [limit for limit in of_gate if limit.kind == "max_drop"]
    for limit in sorted(drops, key=lambda limit: limit.value):
        if not statistics.pass_is_possible(draws.count_units(limit.criterion), limit.value, last.level):
            needed = statistics.count_cases_for_pass(limit.value, policy.alpha)
            found = _describe_units(limit.criterion, draws)
            return needed, f"{found} cannot prove that {limit.criterion} fell by less than {limit.value:g}"
    return None


def _describe_units(criterion: str, draws: Draws) -> str:
    """Return the number of units of a criterion in words."""
    units, cases = draws.count_units(criterion), int(draws.applies(criterion).sum())
    count = show_count(units, "case" if units == cases else "independent unit")
    of_cases = "" if units == cases else f" ({show_count(cases, 'case')})"
    return f"{count}{of_cases}" + (f" to which {criterion} applies" if cases < len(draws.order) else "")


def has_too_many_lost(lost: int, cases: int, policy: Policy) -> bool:
    """Return whether more cases lack a score than the policy allows; by default one below 100 cases, else 2 %."""
    if policy.max_left_out is not None:
        return lost > policy.max_left_out * cases
    return lost > (_LEFT_OUT * cases if cases >= _MANY else 1)
