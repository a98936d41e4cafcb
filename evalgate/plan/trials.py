"""Gate x versions x golden dataset -> trials, in the order they run; every fault of the combination at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from itertools import chain, zip_longest
from typing import TypeVar

from evalgate.domain import (
    VARIABLE,
    Arm,
    Case,
    ChangeLevel,
    Gate,
    GatePlan,
    GoldenDataset,
    Json,
    Judge,
    Level,
    Policy,
    PromptVersion,
    Request,
    Shard,
    Target,
    Trial,
)
from evalgate.domain.units import first_of_unit, number_units
from evalgate.errors import Fault, InputError, Place
from evalgate.plan.serving import model_of

_NAMED = 3
_DAY = 86_400.0
_EXPRESSION = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_Item = TypeVar("_Item")


def make_plan(  # noqa: PLR0917 - the whole combination meets here
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
    """Everything to be done for one gate: for each case in `case_order`, the arms in turn, repeat by repeat.

    A request carries what its target needs: the rendered messages with model, parameters, response format and tools
    for a model; the case's fields as well for a Python function; the case's id alone for recorded outputs, whose
    application rendered its prompt itself. A target's own model goes before the prompt's; the embedded model is
    always the target's. Judges run when the policy of the effective level asks for them. `remedy` is what to do about
    a baseline that today's dataset and targets do not fit any more.

    Raises InputError with all faults: no case, no message, a variable or a rubric's input that a case does not give, a
    model that nobody names, two different versions that one file of recorded outputs is to stand for.
    """
    arms = [(Arm.CANDIDATE, candidate, targets[gate.candidate_target], gate.candidate_samples)]
    if baseline is not None:
        arms.append((Arm.BASELINE, baseline, targets[gate.baseline_target], gate.baseline_samples))
    faults = [] if dataset.cases else [Fault(message="there is no case", place=Place(path=dataset.path))]
    for arm, version, target, _ in arms:
        own = [*_version_faults(version, target, dataset)]
        if arm is Arm.CANDIDATE:
            own += _same_for_all(version, target, dataset)
        faults += own if remedy is None or version is not baseline else [replace(fault, hint=remedy) for fault in own]
    if baseline is not None:
        faults += _one_file_for_both(gate, candidate, baseline, targets)
    for judge in gate.judges:
        faults += _judge_faults(judge, targets[judge.target], dataset)
    if faults:
        raise InputError(faults=list(dict.fromkeys(faults)))
    max_age = policy.baseline_max_age_days * _DAY
    equal = [
        {case.id: _request_mark(version, target, case) for case in dataset.cases} for _, version, target, _ in arms
    ]
    order = case_order(gate.name, baseline, dataset, equal[1] if baseline is not None else {})
    asks = [(arm, partial(_request, arm, version, target, max_age), samples) for arm, version, target, samples in arms]
    trials = [
        Trial(case=case, arm=arm, repeat=repeat, ask=ask)
        for case in order
        for repeat in range(max(samples for *_, samples in asks))
        for arm, ask, samples in asks
        if repeat < samples
    ]
    return GatePlan(
        gate=gate,
        candidate=candidate,
        baseline=baseline,
        dataset=dataset,
        level=level,
        judges=gate.judges_at(policy.levels[level.effective]),
        trials=tuple(trials),
        order=tuple(case.id for case in order),
        sequential=policy.stop_early and level.effective is not Level.MAJOR,
        requests=first_of_unit([case.id for case in order], *equal),
    )


def with_repeats(plan: GatePlan, cases: Collection[str], samples: int, targets: Mapping[str, Target]) -> GatePlan:
    """The plan with so many samples of the candidate for each of these cases, in the order it had."""
    gate = plan.gate
    if not cases or samples <= gate.candidate_samples:
        return plan
    ask = partial(_request, Arm.CANDIDATE, plan.candidate, targets[gate.candidate_target], None)
    trials: list[Trial] = []
    for trial in plan.trials:
        trials.append(trial)
        if trial.arm is Arm.CANDIDATE and trial.case.id in cases and trial.repeat == gate.candidate_samples - 1:
            more = range(gate.candidate_samples, samples)
            trials += [Trial(case=trial.case, arm=Arm.CANDIDATE, repeat=repeat, ask=ask) for repeat in more]
    return replace(plan, trials=tuple(trials))


def _request_mark(version: PromptVersion, target: Target, case: Case) -> bytes:
    """What cases with equal requests have in common."""
    content: list[Json] = []
    if target.kind != "recorded":
        content.append([[message.role, message.content] for message in version.render(case.fields)])
    if target.kind in ("recorded", "python"):
        content.append(dict(case.fields))
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def sampling(
    gate: Gate, version: PromptVersion, dataset: GoldenDataset, targets: Mapping[str, Target], policy: Policy
) -> GatePlan:
    """What draws the samples of a version as the baseline of later changes: all cases, every check, every judge.

    Raises InputError as `make_plan` does.
    """
    nothing_changed = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)
    plan = make_plan(gate, version, version, dataset, nothing_changed, targets, policy)
    own = tuple(trial for trial in plan.trials if trial.arm is Arm.BASELINE)
    return replace(plan, trials=own, judges=gate.judges)


def part(plan: GatePlan, shard: Shard) -> GatePlan:
    """The plan for one shard: every `of`-th unit of the order, from the `number`-th on.

    Raises InputError where there are more shards than units, since some would be empty.
    """
    units = number_units(plan.order, _clusters(plan.dataset), plan.requests)
    count = len(set(units))
    if shard.of > count:
        raise InputError(f"{shard.of} shards for {count} cases", hint="take fewer shards")
    cases = {case for case, unit in zip(plan.order, units, strict=True) if unit % shard.of == shard.number - 1}
    return replace(plan, trials=tuple(trial for trial in plan.trials if trial.case.id in cases), shard=shard)


def fresh_sample(plan: GatePlan, case: Case, arm: Arm, number: int, targets: Mapping[str, Target]) -> Trial:
    """One more sample of a case that turned, beyond those of the plan; `number` counts such samples from 0."""
    gate, version = plan.gate, plan.candidate
    name, repeat = gate.candidate_target, gate.candidate_samples + number
    if arm is Arm.BASELINE:
        assert plan.baseline is not None
        version, name, repeat = plan.baseline, gate.baseline_target, gate.baseline_samples + number
    return Trial(case=case, arm=arm, repeat=repeat, ask=partial(_request, arm, version, targets[name], None))


def case_order(
    gate: str, baseline: PromptVersion | None, dataset: GoldenDataset, requests: Mapping[str, bytes]
) -> tuple[Case, ...]:
    """The cases shuffled inside each first tag and dealt round robin over the tags (untagged cases are a tag).

    The shuffle sorts by sha256(seed, id), with the digests of baseline and dataset and the gate's name as the seed: no
    edit of the candidate changes the order, and neither do the dataset's own order or a random generator's version.
    Cases of one cluster stay together, and so do those with equal `requests` of the baseline, under the first tag of
    their first case by id.
    """
    seed = hashlib.sha256(
        f"{baseline.digest if baseline is not None else ''}{dataset.digest}{gate}".encode("utf-8", "surrogatepass")
    ).hexdigest()

    def draw(kind: str, name: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{kind}\0{name}".encode("utf-8", "surrogatepass")).digest()

    by_id = sorted(dataset.cases, key=lambda case: case.id)
    ids = [case.id for case in by_id]
    units: dict[int, list[Case]] = defaultdict(list)
    for case, unit in zip(by_id, number_units(ids, _clusters(dataset), requests), strict=True):
        units[unit].append(case)
    by_tag: dict[str, list[tuple[bytes, list[Case]]]] = defaultdict(list)
    for cases in units.values():
        first = cases[0]
        place = draw("case", first.id) if first.cluster is None else draw("cluster", first.cluster)
        by_tag[first.tags[0] if first.tags else ""].append((place, cases))
    stacks = [
        [cases for _, cases in sorted(by_tag[tag], key=lambda unit: unit[0])]
        for tag in sorted(by_tag, key=lambda tag: draw("tag", tag))
    ]
    rounds: Iterator[tuple[list[Case] | None, ...]] = zip_longest(*stacks)
    return tuple(case for cases in chain.from_iterable(rounds) if cases is not None for case in cases)


def _clusters(dataset: GoldenDataset) -> dict[str, str]:
    return {case.id: case.cluster for case in dataset.cases if case.cluster is not None}


def _request(  # noqa: PLR0917
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
        model=model_of(target, version),
        messages=version.render(case.fields),
        parameters=version.parameters,
        response_format=version.response_format,
        tools=version.tools,
        inputs=dict(case.fields) if target.kind == "python" else None,
        repeat=repeat,
        # the samples that let a version pass are never the ones it is later compared by: they were lucky
        stream="baseline" if arm is Arm.BASELINE else "",
        about=about,
        max_age=max_age if arm is Arm.BASELINE else None,
    )


def _version_faults(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    path = _path_of(version)
    if target.kind == "recorded":
        return
    if not version.messages:
        yield Fault(message="the prompt has no messages", place=Place(path=path))
    if target.kind == "openai" and model_of(target, version) is None:
        yield Fault(
            message=f'no model is named, neither here nor by the target "{target.name}"',
            place=Place(path=path),
            hint=f"add `model:` to the prompt, or to the target {target.name}",
        )
    place = Place(path=path, line=version.lines.get("messages", 0))
    for name in sorted(version.variables):
        yield from _missing(f"the variable {{{{{name}}}}}", name, dataset, place)


def _same_for_all(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """A prompt that shows the model nothing of a case asks every case the same; a function is shown the case itself."""
    if target.kind in ("recorded", "python") or len(dataset.cases) < 2 or not version.messages:
        return
    fields = sorted({field for case in dataset.cases for field in case.fields})
    place = Place(path=_path_of(version), line=version.lines.get("messages", 0))
    for written, name in _unread_fields(version, fields):
        message = f"{written} is sent to the model as it stands: only {{{{{name}}}}} is filled in"
        yield Fault(message=message, place=place, hint=f"write {{{{{name}}}}}")
    if not version.variables:
        message = f"no message uses a field of the cases, so all {len(dataset.cases)} cases ask the same"
        shown = ", ".join(f"{{{{{name}}}}}" for name in fields[:3])
        yield Fault(
            message=message,
            place=place,
            hint=f"put the case's text where it belongs, such as {shown}; a text file is one message "
            "(a .prompt.yml has several)",
        )


def _unread_fields(version: PromptVersion, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Template expressions over a field of the cases that are no plain variable, with the field: `{{ query | upper }}`."""
    known = set(fields)
    for message in version.messages:
        for written in _EXPRESSION.findall(message.content):
            name = next((word for word in _WORD.findall(written) if word in known), None)
            if name is not None and not VARIABLE.fullmatch(written):
                yield written, name


def _path_of(version: PromptVersion) -> str:
    return version.path if version.source in ("working tree", version.path) else version.source


def _one_file_for_both(
    gate: Gate, candidate: PromptVersion, baseline: PromptVersion, targets: Mapping[str, Target]
) -> Iterator[Fault]:
    """Outputs recorded once are those of one version: compared with themselves they never differ."""
    new, old = targets[gate.candidate_target], targets[gate.baseline_target]
    if new.kind == old.kind == "recorded" and new.location == old.location and candidate.content != baseline.content:
        yield Fault(
            message=f"the prompt changed, but {new.location} holds the recorded outputs of both versions: "
            "the file would be compared with itself",
            place=Place(path=candidate.path),
            hint="record each version's outputs, and name both: `target: {candidate: ..., baseline: ...}`",
        )


def _judge_faults(judge: Judge, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    place = Place(path=judge.rubric.path)
    if target.kind == "openai" and (judge.model or target.model) is None:
        yield Fault(
            message=f'the judge "{judge.name}" has no model, and its target "{target.name}" names none',
            hint=f"add `model:` to the judge, or to the target {target.name}",
        )
    for name in judge.rubric.inputs:
        if name != "output" and not name.endswith("?"):
            yield from _missing(f'the input "{name}" of the rubric {judge.rubric.name}', name, dataset, place)


def _missing(what: str, name: str, dataset: GoldenDataset, place: Place) -> Iterator[Fault]:
    """A fault when some case does not give a field; when none does, the closest field there is."""
    lacking = [case for case in dataset.cases if name not in case.fields]
    if not lacking:
        return
    if len(lacking) == len(dataset.cases):
        fields = sorted({field for case in dataset.cases for field in case.fields})
        close = get_close_matches(name, fields, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"the cases' fields are: {_listed(fields, 10)}"
        yield Fault(message=f"{what} is given by no case of {dataset.path}", place=place, hint=hint)
        return
    cases = [f"{case.id} ({dataset.path}:{case.line})" if case.line else case.id for case in lacking]
    message = f"{what} is missing in {len(lacking)} of {len(dataset.cases)} cases: {_listed(cases, _NAMED)}"
    yield Fault(message=message, place=place, hint=f'add the field "{name}" to these cases')


def _listed(items: Sequence[str], most: int) -> str:
    more = [f"and {len(items) - most} more"] if len(items) > most else []
    return ", ".join([*items[:most], *more])
