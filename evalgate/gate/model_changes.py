"""Draw a version anew whose kept answers are of another model than those of the other version.

An endpoint may serve another model under the same name from one day to the next, and names it in its replies. Answers
and judgements that are kept from the day before would be compared with those of the new model. To draw the candidate
anew then is no second chance: the model that gave the first answers is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from evalgate.domain import Arm, Config, GatePlan, GateReport, Outcome, Output, Result, Target, digest
from evalgate.domain.lists import name_some
from evalgate.plan.gate_plan import plan_anew
from evalgate.plan.target_changes import find_model

ROUNDS = 2
"""How often a run draws anew: which model answers now shows only in the first where all answers were kept."""
_EXAMINED = 50
"""Cases that are looked at, since results lie in a file: any of the run, since an earlier run may have seen a part."""
_FEW = 0.05
"""The share of cases with kept answers of another model that is left: a gateway falls back to one now and then."""
_NAMED = 3
_FINGERPRINT = re.compile(r"/(fp_[^/]*|b[0-9]+-[0-9a-f]+)$")


def draw_anew(plan: GatePlan, gate: GateReport, config: Config, *, replayed: bool) -> GatePlan | None:
    """Return the plan with new answers and judgements of one version or of both; None if there is no reason.

    The reason is that one model was asked for both versions, and that in more than a few cases one version has what is
    kept from earlier, of a model that nothing in this run is of, while the other version has nothing of that model.
    Then the baseline is drawn anew, and of the candidate the cases with answers of such a model. A note says so. With
    `replayed`, recordings are left as they are.
    """
    if plan.baseline is None or plan.replay is not None:
        return None
    recorded = frozenset(n for n, target in config.targets.items() if replayed and target.recordings is not None)
    changes = tuple(_list_changes(plan, config.targets, gate.evidence.results, recorded))
    if not changes:
        return None
    stale = {case for change in changes for case in change.candidate_cases}
    is_baseline = any(change.arm is Arm.BASELINE or change.is_judged for change in changes)
    anew = plan_anew(plan, config.targets, baseline=is_baseline, candidate=stale)
    return replace(anew, notes=(*anew.notes, *(change.sentence for change in changes)))


def has_new(gate: GateReport) -> bool:
    """Return whether the run has drawn answers of the candidate."""
    own = [one.outcome for one in gate.evidence.results if one.arm is Arm.CANDIDATE]
    return any(isinstance(one, Output) and not one.cached for one in own)


def add_calls(gate: GateReport, first: GateReport) -> GateReport:
    """Return the verdict on a baseline that was drawn anew, with the calls and the cost of the answers before."""
    own, before = gate.evidence, first.evidence
    calls = replace(
        own.calls, made=own.calls.made + before.calls.made, cached=max(0, own.calls.cached - before.calls.made)
    )
    cost = None if own.cost_usd is None or before.cost_usd is None else own.cost_usd + before.cost_usd
    return replace(gate, evidence=replace(own, calls=calls, usage=own.usage + before.usage, cost_usd=cost))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A version with kept answers, or kept judgements (`is_judged`), of a model that is gone.

    `candidate_cases` are those in which the candidate has such answers.
    """

    arm: Arm
    sentence: str
    is_judged: bool = False
    candidate_cases: tuple[str, ...] = ()


def _list_changes(
    plan: GatePlan,
    targets: Mapping[str, Target],
    results: Sequence[Result],
    recorded: frozenset[str],
) -> Iterator[_Change]:
    if _is_one_model(plan, targets) and recorded.isdisjoint((plan.gate.candidate_target, plan.gate.baseline_target)):
        for change, now in _compare("answered", results, _get_answer):
            own = [one for one in results if one.arm is change.arm and change.arm is Arm.CANDIDATE]
            stale = [one.case for one in own if _name_models(_list_kept(_get_answer(one))) - now]
            yield replace(change, candidate_cases=tuple(dict.fromkeys(stale)))
    for name in (judge.name for judge in plan.judges if judge.target not in recorded):
        judged = [one for one in results if name in one.values]
        for change, _ in _compare(f"judged ({name})", judged, partial(_get_replies, name)):
            yield replace(change, is_judged=True)


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
) -> Iterator[tuple[_Change, frozenset[str]]]:
    """Yield each version of which too much is of a model that is gone, with the models that answer now."""
    cases = sorted({one.case for one in results}, key=digest)[:_EXAMINED]
    found: dict[Arm, dict[str, list[Outcome | None]]] = {arm: {case: [] for case in cases} for arm in Arm}
    for result in results:
        if result.case in found[result.arm]:
            found[result.arm][result.case] += read(result)
    models = {arm: {case: _name_models(own) for case, own in by_case.items()} for arm, by_case in found.items()}
    kept = {
        arm: {case: _name_models(_list_kept(own)) for case, own in by_case.items()} for arm, by_case in found.items()
    }
    everything = [one for by_case in found.values() for own in by_case.values() for one in own]
    new = _name_models([one for one in everything if isinstance(one, Output) and not one.cached])
    now = new or frozenset().union(*models[Arm.CANDIDATE].values())
    pairs = [case for case in cases if models[Arm.CANDIDATE][case] and models[Arm.BASELINE][case]]
    gone = {arm: {case: kept[arm][case] - now for case in pairs if kept[arm][case] - now} for arm in Arm}
    apart = [case for case in pairs if models[Arm.CANDIDATE][case].isdisjoint(models[Arm.BASELINE][case])]
    if sum(any(case in gone[arm] for arm in Arm) for case in apart) <= _FEW * len(pairs):
        return
    for arm, other in ((Arm.CANDIDATE, Arm.BASELINE), (Arm.BASELINE, Arm.CANDIDATE)):
        if len(gone[arm]) > _FEW * len(pairs):
            old = sorted(frozenset().union(*gone[arm].values()))
            names = f"{name_some(sorted(now), _NAMED)} {what} for the {other}, {name_some(old, _NAMED)} earlier"
            yield _Change(arm=arm, sentence=f"{names} for the {arm}: the {arm} was drawn and judged anew"), now


def _list_kept(outcomes: Sequence[Outcome | None]) -> list[Outcome | None]:
    return [one for one in outcomes if one is not None and one.cached]


def _name_models(outcomes: Sequence[Outcome | None]) -> frozenset[str]:
    served = (one.served_by for one in outcomes if isinstance(one, Output))
    return frozenset(_FINGERPRINT.sub("", name) for name in served if name is not None)
