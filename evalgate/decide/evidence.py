"""Build the evidence of one gate from its plan and its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from evalgate.decide import statistics
from evalgate.decide.right_answers import count_same_answer
from evalgate.domain import (
    ANSWERED,
    Arm,
    Calls,
    DatasetRef,
    Evidence,
    GatePlan,
    PromptVersion,
    ReportKind,
    Result,
    Target,
    Usage,
    VersionRef,
    answered,
)
from evalgate.domain.report_criteria import list_criteria
from evalgate.domain.units import join_clusters

_NO_CALLS = Calls()
_NO_USAGE = Usage()


def make_evidence(
    plan: GatePlan,
    targets: Mapping[str, Target],
    *,
    results: Sequence[Result] = (),
    confirmations: Sequence[Result] = (),
    calls: Calls = _NO_CALLS,
    usage: Usage = _NO_USAGE,
    cost_usd: float | None = None,
) -> Evidence:
    """Return the evidence of one gate so far, with its results sorted into the order of the plan.

    Without results, before any call is made, it holds the facts of the plan.
    """
    used = [targets[plan.gate.candidate_target], *([targets[plan.gate.baseline_target]] if plan.baseline else [])]
    clusters = {case.id: case.cluster for case in plan.dataset.cases if case.cluster is not None}
    return Evidence(
        name=plan.gate.name,
        level=plan.level if plan.kind.is_of_change else None,
        candidate=_make_version_ref(plan.candidate),
        baseline=None if plan.baseline is None else _make_version_ref(plan.baseline),
        dataset=DatasetRef(
            path=plan.dataset.path,
            digest=plan.dataset.digest,
            cases=len(plan.dataset.cases),
            lost=plan.cases.lost,
            kept=plan.cases.kept,
            edited=plan.cases.edited,
            narrowed=plan.cases.narrowed,
            untagged=plan.cases.untagged,
            same_answer=0 if plan.baseline is not None else count_same_answer(plan),
        ),
        criteria=list_criteria(plan.gate, plan.judges, targets, plan.dataset),
        results=sort_results(results, plan.order),
        order=plan.order,
        clusters=join_clusters(plan.order, clusters, plan.alike),
        sequential=plan.sequential,
        confirmations=sort_results(confirmations, plan.order),
        redraws=all(target.kind != "recorded" for target in used) and not _lacks_baseline_samples(plan),
        stored_baseline=plan.stored_baseline,
        shard=plan.shard,
        part=plan.part,
        notes=(*plan.notes, *_describe_models(results)),
        calls=calls,
        usage=usage,
        cost_usd=cost_usd,
        requests=plan.requests,
        deterministic=_find_deterministic(plan, targets),
        revert=plan.revert,
        replay=plan.replay,
    )


def _find_deterministic(plan: GatePlan, targets: Mapping[str, Target]) -> tuple[Arm, ...]:
    """Return the arms that always give the same answer to the same request: those with a local model.

    What production answered is not an answer of this target.
    """
    names = {Arm.CANDIDATE: plan.gate.candidate_target}
    if plan.baseline is not None and plan.replay is None:
        names[Arm.BASELINE] = plan.gate.baseline_target
    return tuple(arm for arm, name in names.items() if targets[name].kind == "local")


def _lacks_baseline_samples(plan: GatePlan) -> bool:
    """Return whether there are too few samples of the baseline to decide single cases, and no more can be drawn."""
    if plan.replay is not None:
        return not plan.replay.redraws
    return plan.kind is ReportKind.DRIFT and plan.gate.baseline_samples < statistics.BASELINE_DRAWS


def sort_results(results: Sequence[Result], order: Sequence[str]) -> tuple[Result, ...]:
    """Sort results by the position of their case in `order`, then by repeat, then by arm."""
    place = {case: number for number, case in enumerate(order)} if results else {}
    ordered = sorted(results, key=lambda result: result.arm)
    ordered.sort(key=lambda result: result.repeat)
    ordered.sort(key=lambda result: place[result.case])
    return tuple(ordered)


def score_answers(evidence: Evidence, cut: Literal["fail", "allow"]) -> Evidence:
    """Return the evidence with a score for `answered` in each result that has an outcome."""

    def add_scores(results: Sequence[Result]) -> tuple[Result, ...]:
        return tuple(
            result
            if result.outcome is None
            else result.with_score(ANSWERED, answered.score_answered(result.outcome, cut))
            for result in results
        )

    return replace(evidence, results=add_scores(evidence.results), confirmations=add_scores(evidence.confirmations))


def _describe_models(results: Sequence[Result]) -> tuple[str, ...]:
    """Return notes if the endpoint reports different models for the two arms, as after a silent upgrade."""
    served = {arm: sorted({str(r.served_by) for r in results if r.arm is arm and r.failure is None}) for arm in Arm}
    if not all(served.values()) or served[Arm.CANDIDATE] == served[Arm.BASELINE]:
        return ()
    return tuple(f"{arm} was served by {', '.join(names)}" for arm, names in served.items())


def _make_version_ref(version: PromptVersion) -> VersionRef:
    return VersionRef(name=version.name, version=version.version, digest=version.digest, source=version.source)
