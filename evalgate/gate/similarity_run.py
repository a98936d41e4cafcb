"""Measure the semantic similarity of a gate's outputs, after its verdict and without any effect on it.

The verdicts of all gates are reached before the first request, so that no limit, outage or budget of these requests
changes them. An error that would end a run leaves outputs unscored here, and the report names it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from evalgate.change.workspace import Workspace
from evalgate.domain import (
    Arm,
    Case,
    Evidence,
    Failure,
    Gate,
    GatePlan,
    GateReport,
    Outcome,
    Output,
    Request,
    Result,
    Scored,
    Target,
    Trial,
    Unscored,
    normalize,
)
from evalgate.domain.measured_similarity import MeasuredSimilarity, OutputSimilarity
from evalgate.domain.similarity import Similarity
from evalgate.errors import EvalgateError, InterruptedRunError
from evalgate.execute.engine import Engine, EngineRun, ProgressEvent
from evalgate.gate import engine_setup
from evalgate.gate.options import CallMode, Machine
from evalgate.score import text_similarity


def add_similarities(
    engine: Engine, plans: Sequence[GatePlan], gates: Mapping[str, GateReport], targets: Mapping[str, Target]
) -> dict[str, GateReport]:
    """Return the reports of gates with the similarities of their outputs, where the plans ask for them."""
    return dict(gates) | {
        plan.gate.name: _measure(engine, plan.similarity, plan, gates[plan.gate.name], targets[plan.similarity.target])
        for plan in plans
        if plan.similarity is not None
    }


def complete_stored(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    gates: Mapping[str, GateReport],
    machine: Machine,
    calls: CallMode,
    *,
    on_event: Callable[[ProgressEvent], None],
    spent: float | None,
) -> dict[str, GateReport]:
    """Return stored verdicts with the similarities that the configuration asks for, and without any that it does not.

    What was measured with the verdict stays, unless an error ended it or the configuration asks for another one.
    `spent` is what the run has cost so far, in dollars. No error is raised, since the verdicts need no call.
    """
    config = workspace.config
    found = {
        plan.gate.name: _drop(gates[plan.gate.name])
        for plan in plans
        if plan.similarity is None or _lacks(gates[plan.gate.name].evidence, plan.similarity, config.targets)
    }
    asked = [plan for plan in plans if plan.gate.name in found and plan.similarity is not None]
    if not asked:
        return found
    # the target of the embeddings is the only one that is asked
    bare = [replace(plan, gate=_strip_criteria(plan.gate), trials=(), judges=(), stored=()) for plan in asked]
    limit = config.limits.max_cost_usd
    left = None if limit is None else max(0.0, limit - (limit if spent is None else spent))
    limited = replace(workspace, config=replace(config, limits=replace(config.limits, max_cost_usd=left)))
    direct = replace(calls, engine="asyncio")
    try:
        with engine_setup.open_engine(limited, bare, machine, direct, on_event=on_event) as engine:
            found = add_similarities(engine, asked, found, config.targets)
            engine.finish()
    except InterruptedRunError:
        raise
    except EvalgateError as error:  # such as a key that is missing: the verdict did not need it
        for plan in asked:
            gate = found[plan.gate.name]
            assert plan.similarity is not None
            target = config.targets[plan.similarity.target]
            measured = _collect(gate.evidence, {}, plan.similarity, target, _explain(error))
            found[plan.gate.name] = _add(gate, measured)
    return found


def _strip_criteria(gate: Gate) -> Gate:
    return replace(gate, checks=(), judges=(), thresholds={})


def _drop(gate: GateReport) -> GateReport:
    return gate if gate.evidence.similarity is None else _add(gate, None)


def _add(gate: GateReport, measured: MeasuredSimilarity | None) -> GateReport:
    return replace(gate, evidence=replace(gate.evidence, similarity=measured))


def _lacks(evidence: Evidence, similarity: Similarity, targets: Mapping[str, Target]) -> bool:
    known = evidence.similarity
    wanted = similarity.identify(targets[similarity.target].identity)
    return bool(evidence.results) and (known is None or known.digest != wanted or bool(known.fault))


def _measure(engine: Engine, similarity: Similarity, plan: GatePlan, gate: GateReport, target: Target) -> GateReport:
    cases = {case.id: case for case in plan.dataset.cases}
    if not gate.evidence.results:  # such as a verdict on the version numbers alone
        return gate
    outputs = {(r.case, r.arm, r.repeat): r for r in gate.evidence.results if r.case in cases}
    trials = [
        Trial(case=cases[result.case], arm=result.arm, repeat=result.repeat, ask=_refuse_request)
        for result in outputs.values()
    ]
    scores: dict[tuple[str, Arm, int], Scored] = {}
    fault = ""
    try:
        engine.run(trials, partial(_score_output, similarity, target, outputs, scores))
    except InterruptedRunError:
        raise
    except EvalgateError as error:
        fault = _explain(error)
    measured = _collect(gate.evidence, scores, similarity, target, fault)
    return _add_cost(_add(gate, measured), engine.last_run)


def _score_output(
    similarity: Similarity,
    target: Target,
    outputs: Mapping[tuple[str, Arm, int], Result],
    scores: dict[tuple[str, Arm, int], Scored],
    trial: Trial,
) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
    """Measure one output, and put its score into `scores`, which keeps those so far where an error ends the run."""
    key = (trial.case.id, trial.arm, trial.repeat)
    outcome = outputs[key].outcome
    texts = text_similarity.list_texts(similarity, trial.case)
    why_not = _explain_unmeasured(outcome, texts, similarity)
    if isinstance(outcome, Output) and not why_not:
        about = f"similarity of case {trial.case.id}"
        asked = [text_similarity.make_request(similarity, text, target, about) for text in (outcome.text, *texts)]
        own, *others = yield asked
        scores[key] = text_similarity.score_similarity(own, others)
    else:
        scores[key] = Unscored(reason=why_not)
    return outputs[key]


def _explain_unmeasured(outcome: Outcome | None, texts: Sequence[str], similarity: Similarity) -> str:
    """Return why an output is not measured; empty if it is."""
    if isinstance(outcome, Failure):
        return f"there is no output: {outcome.message}"
    if outcome is None or not normalize(outcome.text):
        return "the output is empty"
    return "" if texts else f"the case has no text in the field {similarity.source}"


def _collect(
    evidence: Evidence,
    scores: Mapping[tuple[str, Arm, int], Scored],
    similarity: Similarity,
    target: Target,
    fault: str,
) -> MeasuredSimilarity:
    missing = Unscored(reason=fault or "not measured")
    return MeasuredSimilarity(
        model=similarity.model,
        source=similarity.source,
        digest=similarity.identify(target.identity),
        outputs=tuple(
            OutputSimilarity(
                case=result.case,
                arm=result.arm,
                repeat=result.repeat,
                score=scores.get((result.case, result.arm, result.repeat), missing),
            )
            for result in evidence.results
        ),
        fault=fault,
    )


def _add_cost(gate: GateReport, run: EngineRun) -> GateReport:
    """Add the calls and the cost of a measurement to those of the gate."""
    evidence = gate.evidence
    calls = replace(
        evidence.calls,
        made=evidence.calls.made + run.calls.made,
        cached=evidence.calls.cached + run.calls.cached,
        saved=evidence.calls.saved + run.calls.saved,
    )
    cost = None if evidence.cost_usd is None or run.cost_usd is None else evidence.cost_usd + run.cost_usd
    return replace(gate, evidence=replace(evidence, calls=calls, usage=evidence.usage + run.usage, cost_usd=cost))


def _explain(error: EvalgateError) -> str:
    fault = error.faults[0]
    return f"{fault.message} ({fault.hint})" if fault.hint else fault.message


def _refuse_request(case: Case, repeat: int) -> Request:
    raise AssertionError("the output is known: it is not asked for")
