"""Draw a baseline anew whose kept answers are of another model than the candidate's.

An endpoint may serve another model under the same name from one day to the next, and names it in its replies. Answers
and judgements that are kept from the day before would be compared with those of the new model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from evalgate.domain import Arm, Config, GatePlan, GateReport, Outcome, Output, Result, Target, digest
from evalgate.domain.lists import name_some
from evalgate.plan.gate_plan import plan_baseline_anew
from evalgate.plan.target_changes import find_model

_EXAMINED = 50
"""Cases that are looked at, since results lie in a file: any of the run, since an earlier run may have seen a part."""
_FEW = 0.05
"""The share of cases with kept answers of another model that is left: a gateway falls back to one now and then."""
_NAMED = 3
_FINGERPRINT = re.compile(r"/(fp_[^/]*|b[0-9]+-[0-9a-f]+)$")


def draw_anew(plan: GatePlan, gate: GateReport, config: Config, *, replayed: bool) -> GatePlan | None:
    """Return the plan with new answers and judgements of the baseline; None if there is no reason to draw them.

    The reason is that one model was asked for both versions, and that in more than a few cases the baseline has what is
    kept from earlier, of a model that the candidate does not meet any more. A note says so. With `replayed`, recordings
    are left as they are.
    """
    if plan.baseline is None or plan.replay is not None:
        return None
    recorded = frozenset(n for n, target in config.targets.items() if replayed and target.recordings is not None)
    changes = tuple(_list_changes(plan, config.targets, gate.evidence.results, recorded))
    if not changes:
        return None
    anew = plan_baseline_anew(plan, config.targets)
    return replace(anew, notes=(*anew.notes, *(f"{one}: the baseline was drawn and judged anew" for one in changes)))


def add_calls(gate: GateReport, first: GateReport) -> GateReport:
    """Return the verdict on a baseline that was drawn anew, with the calls and the cost of the answers before."""
    own, before = gate.evidence, first.evidence
    calls = replace(
        own.calls, made=own.calls.made + before.calls.made, cached=max(0, own.calls.cached - before.calls.made)
    )
    cost = None if own.cost_usd is None or before.cost_usd is None else own.cost_usd + before.cost_usd
    return replace(gate, evidence=replace(own, calls=calls, usage=own.usage + before.usage, cost_usd=cost))


def _list_changes(
    plan: GatePlan,
    targets: Mapping[str, Target],
    results: Sequence[Result],
    recorded: frozenset[str],
) -> Iterator[str]:
    if _is_one_model(plan, targets) and recorded.isdisjoint((plan.gate.candidate_target, plan.gate.baseline_target)):
        yield from _compare("answered", results, _get_answer)
    for name in (judge.name for judge in plan.judges if judge.target not in recorded):
        judged = [one for one in results if name in one.values]
        yield from _compare(f"judged ({name})", judged, partial(_get_replies, name))


def _get_answer(result: Result) -> tuple[Outcome | None, ...]:
    return (result.outcome,)


def _get_replies(judge: str, result: Result) -> tuple[Outcome | None, ...]:
    return result.replies.get(judge, ())


def _is_one_model(plan: GatePlan, targets: Mapping[str, Target]) -> bool:
    """Return whether both versions ask one model of one endpoint."""
    candidate, baseline = targets[plan.gate.candidate_target], targets[plan.gate.baseline_target]
    assert plan.baseline is not None
    asked = (find_model(candidate, plan.candidate), find_model(baseline, plan.baseline))
    return candidate.identity == baseline.identity and candidate.kind == "openai" and asked[0] == asked[1]


def _compare(
    what: str, results: Sequence[Result], read: Callable[[Result], tuple[Outcome | None, ...]]
) -> Iterator[str]:
    """Yield a sentence if the baseline's kept answers to more than a few cases are of a model that is gone."""
    cases = sorted({one.case for one in results}, key=digest)[:_EXAMINED]
    found: dict[Arm, dict[str, list[Output]]] = {arm: {case: [] for case in cases} for arm in Arm}
    for result in results:
        if result.case in found[result.arm]:
            found[result.arm][result.case] += [one for one in read(result) if isinstance(one, Output)]
    candidate = [one for outputs in found[Arm.CANDIDATE].values() for one in outputs]
    now = _name_models([one for one in candidate if not one.cached] or candidate)
    pairs = [
        (_name_models(outputs), _name_models([one for one in found[Arm.BASELINE][case] if one.cached]))
        for case, outputs in found[Arm.CANDIDATE].items()
    ]
    pairs = [(new, kept) for new, kept in pairs if new]
    gone = [kept - now for new, kept in pairs if kept - now and kept.isdisjoint(new)]
    if len(gone) > _FEW * len(pairs):
        new, old = sorted(now), sorted(frozenset().union(*gone))
        yield f"{name_some(new, _NAMED)} {what} for the candidate, {name_some(old, _NAMED)} earlier for the baseline"


def _name_models(outputs: Sequence[Output]) -> frozenset[str]:
    return frozenset(_FINGERPRINT.sub("", one.served_by) for one in outputs if one.served_by is not None)
