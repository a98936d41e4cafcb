"""Plans: the trials of a gate, its versions and its golden dataset in run order. Reports all faults at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from evalgate.domain import (
    Arm,
    Case,
    CasePart,
    ChangeLevel,
    Gate,
    GatePlan,
    GoldenDataset,
    Level,
    Policy,
    PromptVersion,
    ReportKind,
    Request,
    Shard,
    Target,
    Trial,
    applies,
)
from evalgate.domain.numbers import show_count
from evalgate.domain.units import find_first_of_unit, number_units
from evalgate.errors import Fault, InputError, Place
from evalgate.plan import faults as wrong
from evalgate.plan.asked_field import ask_only_field
from evalgate.plan.case_fields import find_check_faults, find_condition_faults, find_similarity_faults
from evalgate.plan.given_answers import find_given_answer
from evalgate.plan.order import digest_request, index_clusters, order_cases
from evalgate.plan.target_changes import find_model
from evalgate.plan.tool_faults import find_unknown_tools

_DAY = 86_400.0


def make_plan(  # noqa: PLR0917 - combines all inputs of a gate
    gate: Gate,
    candidate: PromptVersion,
    baseline: PromptVersion | None,
    dataset: GoldenDataset,
    level: ChangeLevel,
    targets: Mapping[str, Target],
    policy: Policy,
    *,
    remedy: str | None = None,
) -> GatePlan:
    """Make the plan of one gate: for each case in the order of `order_cases`, the arms alternate, repeat by repeat.

    The content of a request depends on its target. A model gets the rendered messages with model, parameters, response
    format and tools. A Python function also gets the case's fields. Recorded outputs get only the case's id, because
    the application rendered its prompt itself. The model of a target takes precedence over that of the prompt; the
    embedded model is always the target's. Judges run if the policy of the effective level requires them. `remedy` is
    the hint for a baseline that no longer fits the current dataset and targets.

    Raises InputError with all faults: no case, no message, no model, a field that is needed and that a case lacks, one
    file of recorded outputs for two different versions.
    """
    candidate = ask_only_field(candidate, dataset, targets[gate.candidate_target])
    arms = [(Arm.CANDIDATE, candidate, targets[gate.candidate_target], gate.candidate_samples)]
    if baseline is not None:
        baseline = ask_only_field(baseline, dataset, targets[gate.baseline_target])
        arms.append((Arm.BASELINE, baseline, targets[gate.baseline_target], gate.baseline_samples))
    _refuse_faults(gate, arms, dataset, targets, remedy)
    ages = {Arm.CANDIDATE: None, Arm.BASELINE: policy.baseline_max_age_days * _DAY}
    digests = [
        {case.id: digest_request(version, target, case) for case in dataset.cases} for _, version, target, _ in arms
    ]
    equal = [{case: exact for case, (exact, _) in of_arm.items()} for of_arm in digests]
    order = order_cases(gate.name, baseline, dataset, equal[1] if baseline is not None else {})
    asks = [
        (arm, partial(_make_request, arm, version, target, ages[arm]), times) for arm, version, target, times in arms
    ]
    trials = [
        Trial(case=case, arm=arm, repeat=repeat, ask=ask)
        for case in order
        for repeat in range(max(samples for *_, samples in asks))
        for arm, ask, samples in asks
        if repeat < samples
    ]
    ids = [case.id for case in order]
    requests = find_first_of_unit(ids, *equal)
    return GatePlan(
        gate=gate,
        candidate=candidate,
        baseline=baseline,
        dataset=dataset,
        level=level,
        judges=gate.judges_at(policy.levels[level.effective]),
        trials=tuple(trials),
        order=tuple(ids),
        sequential=policy.stop_early and level.effective is not Level.MAJOR,
        requests=requests,
        alike=_find_alike(ids, digests, requests),
        max_age=ages[Arm.BASELINE],
    )


def _find_alike(
    order: Sequence[str], digests: Sequence[Mapping[str, tuple[bytes, bytes]]], requests: Mapping[str, str]
) -> dict[str, str]:
    """Map the cases of which requests differ in white space alone to the first of them; equal ones alone are none."""
    first = find_first_of_unit(order, *({case: loose for case, (_, loose) in of_arm.items()} for of_arm in digests))
    padded = {one for case, one in first.items() if requests.get(case) != one}
    return {case: one for case, one in first.items() if one in padded}


def _refuse_faults(
    gate: Gate,
    arms: Sequence[tuple[Arm, PromptVersion, Target, int]],
    dataset: GoldenDataset,
    targets: Mapping[str, Target],
    remedy: str | None,
) -> None:
    faults = [] if dataset.cases else [Fault(message="the dataset has no cases", place=Place(path=dataset.path))]
    for arm, version, target, _ in arms:
        own = [*wrong.find_version_faults(version, target, dataset, is_candidate=arm is Arm.CANDIDATE)]
        if arm is Arm.CANDIDATE:  # a baseline that uses no field makes all cases one unit, which is not a fault
            own += wrong.find_same_for_all(version, target, dataset)
            own += wrong.find_unused_user(gate, version)
        with_remedy = remedy is not None and arm is Arm.BASELINE
        faults += [replace(fault, hint=remedy) for fault in own] if with_remedy else own
    by_arm = {arm: version for arm, version, *_ in arms}
    faults += find_given_answer(by_arm[Arm.CANDIDATE], by_arm.get(Arm.BASELINE))
    faults += wrong.find_misspelt_keys(gate, [version for _, version, *_ in arms], dataset)
    faults += find_check_faults(gate, dataset)
    faults += find_condition_faults(gate, dataset)
    faults += find_similarity_faults(gate, dataset)
    faults += find_unknown_tools(gate, [version for _, version, *_ in arms], dataset)
    if len(arms) > 1:
        faults += wrong.find_shared_outputs(gate, arms[0][1], arms[1][1], targets)
    for judge in gate.judges:
        chosen = replace(dataset, cases=tuple(case for case in dataset.cases if applies(judge, case)))
        faults += wrong.find_judge_faults(judge, targets[judge.target], chosen if chosen.cases else dataset)
    if faults:
        raise InputError(faults=list(dict.fromkeys(faults)))


def add_repeats(plan: GatePlan, cases: Collection[str], samples: int, targets: Mapping[str, Target]) -> GatePlan:
    """Return the plan with `samples` samples of the candidate for each of these cases, in the same order."""
    gate = plan.gate
    if not cases or samples <= gate.candidate_samples:
        return plan
    ask = partial(_make_request, Arm.CANDIDATE, plan.candidate, targets[gate.candidate_target], None)
    trials: list[Trial] = []
    for trial in plan.trials:
        trials.append(trial)
        if trial.arm is Arm.CANDIDATE and trial.case.id in cases and trial.repeat == gate.candidate_samples - 1:
            more = range(gate.candidate_samples, samples)
            trials += [Trial(case=trial.case, arm=Arm.CANDIDATE, repeat=repeat, ask=ask) for repeat in more]
    return replace(plan, trials=tuple(trials))


def make_sampling_plan(
    gate: Gate, version: PromptVersion, dataset: GoldenDataset, targets: Mapping[str, Target], policy: Policy
) -> GatePlan:
    """Make the plan that samples a version as the baseline of later changes: all cases, checks and judges.

    Raises InputError as `make_plan` does.
    """
    nothing_changed = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)
    plan = make_plan(gate, version, version, dataset, nothing_changed, targets, policy)
    own = tuple(trial for trial in plan.trials if trial.arm is Arm.BASELINE)
    return replace(plan, trials=own, judges=gate.judges)


def select_shard(plan: GatePlan, shard: Shard) -> GatePlan:
    """Return the plan of one shard: every `of`-th unit of the order, starting with unit `number`.

    Raises InputError if there are more shards than units, because some would be empty.
    """
    units = number_units(plan.order, index_clusters(plan.dataset), plan.requests, plan.alike)
    count = len(set(units))
    if shard.of > count:
        raise InputError(f"{show_count(shard.of, 'shard')} for {show_count(count, 'case')}", hint="take fewer shards")
    cases = {case for case, unit in zip(plan.order, units, strict=True) if unit % shard.of == shard.number - 1}
    return replace(
        plan,
        trials=tuple(trial for trial in plan.trials if trial.case.id in cases),
        stored=tuple(result for result in plan.stored if result.case in cases),
        shard=shard,
        kind=ReportKind.SHARD,
    )


def select_part(plan: GatePlan, part: CasePart) -> GatePlan | None:
    """Return the plan of the cases that a person chose, `first` of them in run order; None if there is none.

    The dataset, its order and its digests stay those of the whole gate.
    """
    named, tags = set(part.cases), set(part.tags)
    tagged = {case.id for case in plan.dataset.cases if tags & set(case.tags)}
    chosen = [case for case in plan.order if case in named or case in tagged or not (named or tags)]
    cases = set(chosen[: part.first])
    if not cases:
        return None
    return replace(
        plan,
        trials=tuple(trial for trial in plan.trials if trial.case.id in cases),
        stored=tuple(result for result in plan.stored if result.case in cases),
        part=part,
        kind=ReportKind.PART,
    )


def plan_anew(
    plan: GatePlan, targets: Mapping[str, Target], *, baseline: bool, candidate: Collection[str] = ()
) -> GatePlan:
    """Return the plan without what is stored of the candidate's answers to some cases, and of the baseline.

    With `baseline` the arms alternate, and no stored reply of a judge is used.
    """
    ask = partial(_make_request, Arm.CANDIDATE, plan.candidate, targets[plan.gate.candidate_target], 0.0)
    trials = tuple(
        replace(trial, ask=ask) if trial.arm is Arm.CANDIDATE and trial.case.id in candidate else trial
        for trial in plan.trials
    )
    plan = replace(plan, trials=trials)
    return _plan_baseline_anew(plan, targets) if baseline else plan


def keep_drawn(plan: GatePlan, max_age: float | None, targets: Mapping[str, Target]) -> GatePlan:
    """Return a plan of `plan_anew` that takes from the store what was drawn by it, up to `max_age`."""
    assert plan.baseline is not None
    ask = partial(_make_request, Arm.BASELINE, plan.baseline, targets[plan.gate.baseline_target], max_age)
    own = partial(_make_request, Arm.CANDIDATE, plan.candidate, targets[plan.gate.candidate_target], None)
    trials = tuple(replace(trial, ask=ask if trial.arm is Arm.BASELINE else own) for trial in plan.trials)
    return replace(plan, trials=trials, max_age=max_age)


def _plan_baseline_anew(plan: GatePlan, targets: Mapping[str, Target]) -> GatePlan:
    assert plan.baseline is not None
    ask = partial(_make_request, Arm.BASELINE, plan.baseline, targets[plan.gate.baseline_target], 0.0)
    trials: list[Trial] = []
    for trial in plan.trials:
        if trial.arm is Arm.BASELINE:
            continue
        trials.append(trial)
        is_last = trial.repeat == plan.gate.candidate_samples - 1
        upto = plan.gate.baseline_samples if is_last else min(trial.repeat + 1, plan.gate.baseline_samples)
        trials += [
            Trial(case=trial.case, arm=Arm.BASELINE, repeat=repeat, ask=ask) for repeat in range(trial.repeat, upto)
        ]
    return replace(plan, trials=tuple(trials), stored=(), stored_baseline=None, max_age=0.0)


def make_fresh_trial(plan: GatePlan, case: Case, arm: Arm, repeat: int, targets: Mapping[str, Target]) -> Trial:
    """Make a trial for one more sample of a flipped case. `repeat` counts all samples of the case on that arm."""
    version, name = plan.candidate, plan.gate.candidate_target
    if arm is Arm.BASELINE:
        assert plan.baseline is not None
        version, name = plan.baseline, plan.gate.baseline_target
    return Trial(case=case, arm=arm, repeat=repeat, ask=partial(_make_request, arm, version, targets[name], None))


def _make_request(  # noqa: PLR0917
    arm: Arm, version: PromptVersion, target: Target, max_age: float | None, case: Case, repeat: int
) -> Request:
    about = f"case {case.id}, {arm}, repeat {repeat}"
    if target.kind == "recorded":
        return Request(
            target=target.name,
            identity=target.identity,
            model=None,
            messages=(),
            inputs={"case": case.id},
            repeat=repeat,
            about=about,
        )
    return Request(
        target=target.name,
        identity=target.identity,
        model=find_model(target, version),
        messages=version.render(case.fields, case.images),
        parameters=target.merge_parameters(version.parameters),
        response_format=version.response_format,
        tools=version.tools,
        inputs=dict(case.fields) if target.kind == "python" else None,
        repeat=repeat,
        # a version that passed is never compared by the samples that let it pass: their mean is biased upwards
        stream="baseline" if arm is Arm.BASELINE else "",
        about=about,
        max_age=max_age,
    )
