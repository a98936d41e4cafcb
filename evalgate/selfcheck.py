"""The corridor's mirror: the decision rule tried on simulated scores, and on a project's own baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalgate.decide import selfcheck
from evalgate.decide.rates import Rate
from evalgate.decide.selfcheck import DROPS, RUNS, Power, SelfCheck
from evalgate.decide.simulation import MERGES, Simulated, simulate
from evalgate.domain import Arm, Criterion, Policy, Report, Result, Threshold

__all__ = [
    "DROPS",
    "MERGES",
    "RUNS",
    "Power",
    "Rate",
    "SelfCheck",
    "Simulated",
    "Tried",
    "of_report",
    "of_results",
    "sentence",
    "share",
    "simulate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The self-check of one criterion of a gate; `found` is None where `lacking` says what it would need.

    `left_out` are cases with fewer than two scored samples of the baseline.
    """

    gate: str
    criterion: str
    found: SelfCheck | None
    lacking: str = ""
    left_out: tuple[str, ...] = ()


def of_report(
    report: Report, *, runs: int = RUNS, seed: int = 1, on_run: Callable[[], None] = lambda: None
) -> tuple[Tried, ...]:
    """The self-check of every criterion of a stored report that is compared with the baseline, gate by gate."""
    return tuple(
        tried
        for gate in report.gates
        for tried in of_results(
            gate.evidence.results,
            gate.evidence.criteria,
            gate.thresholds,
            gate.policy,
            gate=gate.evidence.name,
            sequential=gate.evidence.sequential,
            clusters=gate.evidence.clusters or None,
            runs=runs,
            seed=seed,
            on_run=on_run,
        )
    )


def of_results(
    results: Sequence[Result],
    criteria: Sequence[Criterion],
    thresholds: Mapping[str, Threshold],
    policy: Policy,
    *,
    gate: str = "",
    sequential: bool = True,
    clusters: Mapping[str, str] | None = None,
    runs: int = RUNS,
    seed: int = 1,
    on_run: Callable[[], None] = lambda: None,
) -> tuple[Tried, ...]:
    """The self-check from the baseline's results, wherever they come from; those of the candidate are not looked at.

    Compared with the baseline are judges, and checks whose threshold allows a drop. `clusters` gives a case's cluster
    (a case without one is its own). `sequential`: whether the gate may stop early.
    """
    tried = []
    for criterion in criteria:
        margin = thresholds.get(criterion.name, Threshold()).max_drop
        if margin is None and criterion.kind == "judge":
            margin = policy.max_drop
        if margin is None or not 0 < margin < 1:
            continue
        stored = _samples(results, criterion.name)
        enough = {case: scores for case, scores in stored.items() if len(scores) >= 2}
        left_out = tuple(case for case in stored if case not in enough)
        if not enough:
            lacking = _lacking(stored)
            tried.append(Tried(gate=gate, criterion=criterion.name, found=None, lacking=lacking, left_out=left_out))
            continue
        found = selfcheck.check(
            list(enough.values()),
            margin=margin,
            sequential=sequential,
            clusters=None if clusters is None else [clusters.get(case, f"case {case}") for case in enough],
            min_cases=policy.min_cases,
            runs=runs,
            seed=seed,
            on_run=on_run,
        )
        tried.append(Tried(gate=gate, criterion=criterion.name, found=found, left_out=left_out))
    return tuple(tried)


def sentence(tried: Tried) -> str:
    """What the self-check says of one criterion, as plain sentences."""
    found = tried.found
    if found is None:
        return f"{tried.criterion}: {tried.lacking}"
    promise = "as the rule promises" if found.kept else "more than the 5 % the rule promises"
    text = (
        f"{tried.criterion}: on these {found.cases} cases the baseline fails against itself in {share(found.fails)} "
        f"of {found.runs} runs, {promise}."
    )
    for power in found.power:
        if power.fails is None:
            text += f" Its scores are too low to fall by {power.drop:.2f}."
        else:
            text += f" A true drop of {power.drop:.2f} fails in {share(power.fails)}."
    if tried.left_out:
        text += f" Left out: {len(tried.left_out)} cases with fewer than two scores."
    return " ".join((text, *found.remarks))


def share(rate: Rate) -> str:
    """A rate and its 95 % interval in percent, as in "3.4 % [2.7, 4.3]"."""
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _samples(results: Sequence[Result], criterion: str) -> dict[str, list[float]]:
    """The baseline's scores of one criterion by case, in the order of the results; a case without a score is empty."""
    found: dict[str, list[float]] = {}
    for result in results:
        if result.arm is Arm.BASELINE:
            scores = found.setdefault(result.case, [])
            value = result.values.get(criterion)
            if value is not None:
                scores.append(value)
    return found


def _lacking(stored: Mapping[str, Sequence[float]]) -> str:
    if not stored:
        return "there is no baseline to try against itself: run the gate with one."
    most = max(map(len, stored.values()))
    has = "no score" if most == 0 else "one sample"
    return (
        f"the baseline has {has} of each case, and against itself it needs two or more: "
        "set `samples: {baseline: 3}` for the gate and run `evalgate baseline sample`."
    )
