"""`aa`: test the decision rule on simulated scores, and on a project's own baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalgate.decide import self_check, statistics
from evalgate.decide.baseline_samples import collect_samples
from evalgate.decide.rates import Rate
from evalgate.decide.roles import Roles, assign_roles
from evalgate.decide.self_check import DROPS, RUNS, Power, SelfCheck
from evalgate.decide.simulation import MERGES, SimulationResult, simulate
from evalgate.domain import ANSWERED, Arm, Criterion, Policy, Report, Result, Threshold
from evalgate.domain.numbers import show_count
from evalgate.domain.units import number_units
from evalgate.release.rollout.simulated_traffic import RolloutSimulation, TrafficResult, simulate_rollouts

__all__ = [
    "DROPS",
    "MERGES",
    "RUNS",
    "Power",
    "Rate",
    "RolloutSimulation",
    "SelfCheck",
    "SimulationResult",
    "TrafficResult",
    "Tried",
    "describe",
    "describe_interval",
    "describe_share",
    "simulate",
    "simulate_rollouts",
    "try_report",
    "try_results",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The self-check of one criterion of a gate; if `found` is None, `lacking` says what is missing.

    `left_out` are cases with fewer than two scored samples of the baseline.
    """

    gate: str
    criterion: str
    found: SelfCheck | None
    lacking: str = ""
    left_out: tuple[str, ...] = ()


def try_report(
    report: Report, *, runs: int = RUNS, seed: int = 1, on_run: Callable[[], None] = lambda: None
) -> tuple[Tried, ...]:
    """Run the self-check of every criterion of a stored report that is compared with the baseline, gate by gate."""
    return tuple(
        tried
        for gate in report.gates
        for tried in try_results(
            gate.evidence.results,
            gate.evidence.criteria,
            gate.thresholds,
            gate.policy,
            gate=gate.evidence.name,
            sequential=gate.evidence.sequential,
            redraws=gate.evidence.redraws,
            clusters=gate.evidence.clusters,
            requests=gate.evidence.requests,
            runs=runs,
            seed=seed,
            on_run=on_run,
        )
    )


def try_results(
    results: Sequence[Result],
    criteria: Sequence[Criterion],
    thresholds: Mapping[str, Threshold],
    policy: Policy,
    *,
    gate: str = "",
    sequential: bool = True,
    redraws: bool = True,
    clusters: Mapping[str, str] | None = None,
    requests: Mapping[str, str] | None = None,
    runs: int = RUNS,
    seed: int = 1,
    on_run: Callable[[], None] = lambda: None,
) -> tuple[Tried, ...]:
    """Run the self-check on the baseline's results, from any source; results of the candidate are ignored.

    Compared with the baseline are judges, checks whose threshold allows a drop, and blocking checks. The implicit check
    is omitted if every draw passes it. `clusters` gives a case's cluster, `requests` the first case with an equal
    request: such cases are one unit. `sequential` tells if the gate may stop early, `redraws` if fresh samples can be
    drawn.
    """
    roles = assign_roles(criteria, thresholds, policy, with_baseline=True)
    own = [result for result in results if result.arm is Arm.BASELINE]
    cases = tuple(dict.fromkeys(result.case for result in own))
    units = dict(zip(cases, number_units(cases, clusters or {}, requests or {}), strict=True))
    conditions = self_check.Conditions(
        sequential=_find_looks(sequential, len(set(units.values())), roles, policy.alpha),
        redraws=redraws,
        alpha=policy.alpha,
        min_cases=policy.min_cases,
        runs=runs,
        seed=seed,
        on_run=on_run,
    )
    copies = _find_copies(cases, requests or {})
    tried = []
    for name in _list_criteria(criteria, roles, own):
        skipped = copies if name in roles.blocking else ()
        stored = collect_samples(own, name, roles.required(name), skipped, roles.excluded)
        enough = {case: scores for case, scores in stored.items() if len(scores) >= 2}
        found = None
        if enough:
            found = _try_criterion(list(enough.values()), name, roles, conditions, [units[case] for case in enough])
        tried.append(
            Tried(
                gate=gate,
                criterion=name,
                found=found,
                lacking="" if enough else _describe_lacking(stored),
                left_out=tuple(case for case in stored if case not in enough),
            )
        )
    return tuple(tried)


def describe(tried: Tried) -> str:
    """Describe the self-check of one criterion in plain sentences."""
    found = tried.found
    if found is None:
        return f"{tried.criterion}: {tried.lacking}"
    promise = "as the rule promises" if found.kept else "more than the rule promises"
    units = f" in {show_count(found.units, 'independent unit')}" if found.units < found.cases else ""
    text = f"{tried.criterion}: on these {show_count(found.cases, 'case')}{units} the baseline fails against itself in "
    text += f"{describe_share(found.fails)} of {show_count(found.runs, 'run')}, {promise}."
    for power in found.power:
        if power.fails is None:
            text += f" Its scores are too low to fall by {power.drop:.2f}."
        elif found.margin is None:
            text += (
                f" When {power.drop:.0%} more of the answers fail it, that is found in {describe_share(power.fails)}."
            )
        else:
            text += f" A true drop of {power.drop:.2f} fails in {describe_share(power.fails)}."
    if found.margin is None and found.inconclusive.count:
        text += f" Undecided are {describe_share(found.inconclusive)}."
    if tried.left_out:
        text += f" Left out: {show_count(len(tried.left_out), 'case')} with fewer than two scores."
    return " ".join((text, *found.remarks))


def describe_share(rate: Rate) -> str:
    """Format a rate and its 95 % interval in percent, as in "3.4 % [2.7, 4.3]"."""
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def describe_interval(rate: Rate) -> str:
    """Format a rate and its 95 % interval without the percent sign, for a table of percents."""
    return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _try_criterion(
    samples: Sequence[Sequence[float]], name: str, roles: Roles, conditions: self_check.Conditions, units: Sequence[int]
) -> SelfCheck:
    if name in roles.blocking:
        return self_check.try_blocking_check(
            samples, conditions, units=units, is_alone=not roles.compared, is_strict=name in roles.strict
        )
    draws = statistics.DRAWS_ALONE if len(roles.compared) == 1 else statistics.DRAWS_AMONG_MANY
    return self_check.try_comparison(samples, conditions, margin=roles.allowed[name], units=units, draws=draws)


def _list_criteria(criteria: Sequence[Criterion], roles: Roles, results: Sequence[Result]) -> list[str]:
    """Return the criteria to test, in their order; the implicit check only if some draw is not an answer."""
    is_unanswered = any((result.values.get(ANSWERED) or 0.0) < statistics.CASE_PASSES for result in results)
    return [
        criterion.name
        for criterion in criteria
        if (criterion.name in roles.compared and 0 < roles.allowed[criterion.name] < 1)
        or (criterion.name in roles.blocking and (criterion.name != ANSWERED or is_unanswered))
    ]


def _find_looks(sequential: bool, units: int, roles: Roles, alpha: float) -> bool:
    """Return True if the gate has several looks: not if nothing is compared, nor if the last look could not pass."""
    drops = list(roles.allowed.values())
    plan = statistics.plan_looks(units, sequential=sequential, alpha=alpha)
    able = [[statistics.pass_is_possible(units, drop, level) for drop in drops] for level in (alpha, plan[-1][1])]
    return len(plan) > 1 and bool(drops) and not (all(able[0]) and not all(able[1]))


def _find_copies(cases: Sequence[str], requests: Mapping[str, str]) -> frozenset[str]:
    """Return the cases that repeat the request of an earlier one."""
    seen: set[str] = set()
    copies = set()
    for case in cases:
        request = requests.get(case)
        if request in seen:
            copies.add(case)
        elif request is not None:
            seen.add(request)
    return frozenset(copies)


def _describe_lacking(stored: Mapping[str, Sequence[float]]) -> str:
    if not stored:
        return "there is no baseline to compare with itself: run the gate with one."
    most = max(map(len, stored.values()))
    has = "no score" if most == 0 else "one sample"
    return (
        f"the baseline has {has} of each case, and a comparison with itself needs two or more: "
        "set `samples: {baseline: 3}` for the gate and run `evalgate baseline sample`."
    )
