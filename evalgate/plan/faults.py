"""What is wrong with a combination of gate, versions, targets and cases, told before a call is made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from evalgate.domain import VARIABLE, Gate, GoldenDataset, Judge, PromptVersion, Target
from evalgate.errors import Fault, Place
from evalgate.plan.serving import model_of

_NAMED = 3
_EXPRESSION = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# fields that say what is expected of an answer, or of which cases are one
_NOT_ASKED = frozenset({"expected", "cluster"})


def version_faults(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """What keeps a version from being asked: no message, no model, a variable that a case does not give."""
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


def same_for_all(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """A prompt that shows the model nothing of a case asks every case the same; a function is shown the case itself."""
    if target.kind in ("recorded", "python") or len(dataset.cases) < 2 or not version.messages:
        return
    fields = sorted({field for case in dataset.cases for field in case.fields} - _NOT_ASKED)
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
    """Template expressions over a field of the cases that are no plain variable (`{{ query | upper }}`); each field."""
    known = set(fields)
    for message in version.messages:
        for written in _EXPRESSION.findall(message.content):
            name = next((word for word in _WORD.findall(written) if word in known), None)
            if name is not None and not VARIABLE.fullmatch(written):
                yield written, name


def _path_of(version: PromptVersion) -> str:
    return version.path if version.source in ("working tree", version.path) else version.source


def one_file_for_both(
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


def judge_faults(judge: Judge, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """What keeps a judge from being asked: no model, an input of its rubric that a case does not give."""
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
