"""Draw a baseline anew whose kept answers are of another model than the candidate's.

An endpoint may serve another model under the same name from one day to the next, and names it in its replies. Answers
and judgements that are kept from the day before would be compared with those of the new model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice

from evalgate.domain import Arm, Config, GatePlan, GateReport, Outcome, Output, Result, Target
from evalgate.domain.lists import name_some
from evalgate.plan.gate_plan import plan_baseline_anew
from evalgate.plan.target_changes import find_model

_EXAMINED = 50
"""Results of each version that are looked at: they lie in a file, and one model answers nearly all."""
_NAMED = 3
_FINGERPRINT = re.compile(r"/(fp_[^/]*|b[0-9]+-[0-9a-f]+)$")


def draw_anew(plan: GatePlan, gate: GateReport, config: Config, *, replayed: bool) -> GatePlan | None:
    """Return the plan with new answers and judgements of the baseline; None if there is no reason to draw them.

    The reason is that one model was asked for both versions, that no model answered or judged both, and that the
    baseline has what is kept from earlier. A note says so. With `replayed`, recordings are left as they are.
    """
    if plan.baseline is None or plan.replay is not None:
        return None
    results = {arm: tuple(islice((one for one in gate.evidence.results if one.arm is arm), _EXAMINED)) for arm in Arm}
    recorded = frozenset(n for n, target in config.targets.items() if replayed and target.recordings is not None)
    changes = tuple(_list_changes(plan, config.targets, results, recorded))
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
    results: Mapping[Arm, tuple[Result, ...]],
    recorded: frozenset[str],
) -> Iterator[str]:
    if _is_one_model(plan, targets) and recorded.isdisjoint((plan.gate.candidate_target, plan.gate.baseline_target)):
        yield from _compare("answered", results, _get_answer)
    for name in (judge.name for judge in plan.judges if judge.target not in recorded):
        yield from _compare(f"judged ({name})", results, partial(_get_replies, name))


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
    what: str, results: Mapping[Arm, tuple[Result, ...]], read: Callable[[Result], tuple[Outcome | None, ...]]
) -> Iterator[str]:
    """Yield a sentence if no model answered in both arms, and the baseline's answers are kept ones."""
    outputs = {
        arm: [one for result in found for one in read(result) if isinstance(one, Output)]
        for arm, found in results.items()
    }
    models = {
        arm: sorted({_FINGERPRINT.sub("", one.served_by) for one in found if one.served_by is not None})
        for arm, found in outputs.items()
    }
    new, old = models[Arm.CANDIDATE], models[Arm.BASELINE]
    if new and old and set(new).isdisjoint(old) and any(one.cached for one in outputs[Arm.BASELINE]):
        yield f"{name_some(new, _NAMED)} {what} for the candidate, {name_some(old, _NAMED)} earlier for the baseline"
