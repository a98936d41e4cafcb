"""Faults in the combination of a gate with its versions, targets and cases, found before any call is made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from evalgate.domain import VARIABLE, Gate, GoldenDataset, Judge, Policy, PromptVersion, Target, as_text
from evalgate.domain.lists import name_some
from evalgate.domain.names import bare, find_closest, find_meant, fold, suggest
from evalgate.errors import Fault, Place
from evalgate.plan.case_fields import AND_MORE, find_missing, find_null, list_used_fields
from evalgate.plan.message_faults import find_message_faults
from evalgate.plan.target_changes import find_model

LARGEST_REQUEST = 16 * 1024 * 1024
"""The maximum number of characters in all messages of one request, with the case's fields filled in."""
_EXPRESSION = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# fields with the expected answer, or with the cluster of a case
_NOT_ASKED = frozenset({"expected", "cluster"})
_OWN_KEYS = frozenset({"tags", "cluster"})
_NEAR = 0.85
MOST_SLIPS = 2
"""Cases with a tag that differs from one of the policy's by one letter, up to which it is a typing error."""


def find_version_faults(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield the faults of a version: no message, no model, a missing or null variable, a too large request."""
    path = _find_path(version)
    if target.kind == "recorded":
        return
    if not version.messages:
        yield Fault(message="the prompt has no messages", place=Place(path=path))
    if target.kind == "openai" and find_model(target, version) is None:
        yield Fault(
            message=f'no model is set, neither in the prompt nor in the target "{target.name}"',
            place=Place(path=path),
            hint=f"add `model:` to the prompt, or to the target {target.name}",
        )
    place = Place(path=path, line=version.lines.get("messages", 0))
    for name in sorted(version.variables):
        yield from find_missing(f"the variable {{{{{name}}}}}", name, dataset, place)
        yield from find_null(f"the variable {{{{{name}}}}}", name, dataset, place)
    yield from _find_too_large(version, dataset, place)
    yield from find_message_faults(version, target, dataset)


def _find_too_large(version: PromptVersion, dataset: GoldenDataset, place: Place) -> Iterator[Fault]:
    """Yield a fault for the first case whose messages are too large. The size is computed without rendering."""
    times = Counter(name for message in version.messages for name in VARIABLE.findall(message.content))
    own = sum(len(VARIABLE.sub("", message.content)) for message in version.messages)
    for case in dataset.cases:
        given = case.fields
        size = own + sum(len(as_text(given[name])) * count for name, count in times.items() if name in given)
        if size > LARGEST_REQUEST:
            most = f"{LARGEST_REQUEST:,}"
            message = f'with case "{case.id}" the messages are {size:,} characters; the most is {most}'
            yield Fault(message=message, place=place, hint="shorten the case, or name its fields less often")
            return


def find_same_for_all(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield faults for a prompt that uses no field of the cases, so that all cases send the same request.

    Recorded outputs and Python functions are exempt: a function receives the case itself.
    """
    if target.kind in ("recorded", "python") or len(dataset.cases) < 2 or not version.messages:
        return
    fields = sorted({field for case in dataset.cases for field in case.fields} - _NOT_ASKED)
    place = Place(path=_find_path(version), line=version.lines.get("messages", 0))
    for written, name in _find_unread_fields(version, fields):
        message = f"{written} is sent to the model unchanged: only {{{{{name}}}}} is filled in"
        yield Fault(message=message, place=place, hint=f"write {{{{{name}}}}}")
    if not version.variables:
        message = f"no message uses a field of the cases, so all {len(dataset.cases)} cases send the same request"
        shown = ", ".join(f"{{{{{name}}}}}" for name in fields[:3])
        yield Fault(
            message=message,
            place=place,
            hint=f"put the case's text where it belongs, such as {shown}; a text file is one message "
            "(a .prompt.yml has several)",
        )


def _find_unread_fields(version: PromptVersion, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield template expressions that use a field but are not a plain variable (`{{ query | upper }}`), with it."""
    known = set(fields)
    for message in version.messages:
        for written in _EXPRESSION.findall(message.content):
            name = next((word for word in _WORD.findall(written) if word in known), None)
            if name is not None and not VARIABLE.fullmatch(written):
                yield written, name


def _find_path(version: PromptVersion) -> str:
    return version.path if version.source in ("working tree", version.path) else version.source


def find_shared_outputs(
    gate: Gate, candidate: PromptVersion, baseline: PromptVersion, targets: Mapping[str, Target]
) -> Iterator[Fault]:
    """Yield a fault if two different versions use the same recorded outputs: they would be compared with themselves."""
    new, old = targets[gate.candidate_target], targets[gate.baseline_target]
    if new.kind == old.kind == "recorded" and new.location == old.location and candidate.content != baseline.content:
        yield Fault(
            message=f"the prompt changed, but {new.location} is used as the recorded outputs of both versions: "
            "the file would be compared with itself",
            place=Place(path=candidate.path),
            hint="record the outputs of each version, and name both: `target: {candidate: ..., baseline: ...}`",
        )


def find_misspelt_keys(gate: Gate, versions: Sequence[PromptVersion], dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault for each unused key of the cases that looks like `tags` or `cluster`.

    A misspelt key has no effect. A field that a prompt, a rubric or a check uses is not a misspelling.
    """
    used = list_used_fields(gate, versions)
    found: dict[tuple[str, str], list[int]] = {}
    for case in dataset.cases:
        for key in case.fields.keys() - used - _OWN_KEYS:
            intended = _find_intended(key, has_tags=bool(case.tags), has_cluster=case.cluster is not None)
            if intended is not None:
                found.setdefault((key, intended), []).append(case.line)
    for (key, intended), lines in sorted(found.items()):
        count = f" in {len(lines)} of {len(dataset.cases)} cases" if len(lines) > 1 else ""
        yield Fault(
            message=f'unknown key "{key}"{count}; {suggest(intended)}',
            place=Place(path=dataset.path, line=min(lines)),
            hint=f'write "{intended}"; or rename the field, if it is one of your own',
        )


def _find_intended(key: str, *, has_tags: bool, has_cluster: bool) -> str | None:
    """Return the key that an unknown key looks like.

    If the case has that key as well, only another spelling of it counts.
    """
    for name, is_given in (("tags", has_tags), ("cluster", has_cluster)):
        written = bare(key)
        is_near = sorted(written) == sorted(name) or find_closest(written, [name], _NEAR) is not None
        if written == name or (is_near and not is_given):
            return name
    return None


def find_tag_faults(
    datasets: Sequence[GoldenDataset], policy: Policy, config: str, *, are_all: bool = True
) -> Iterator[Fault]:
    """Yield faults for tags of the policy that no case has, and for misspelt tags of cases.

    `are_all`: these are the datasets of all gates, so that a tag which stands in none of them protects nothing. The
    default, `critical`, may stand nowhere. A tag that differs by one letter is a tag of its own where more than
    `MOST_SLIPS` cases have it and the policy's tag has cases, too: "contact" beside "contract".
    """
    wanted = dict.fromkeys((*policy.critical_tags, *policy.blocking_tags))
    first: dict[tuple[str, str], int] = {}
    counts = Counter(tag for dataset in datasets for case in dataset.cases for tag in set(case.tags))
    for dataset in datasets:
        for case in dataset.cases:
            for tag in case.tags:
                first.setdefault((dataset.path, tag), case.line)
    there = {tag for _, tag in first}
    slips = [tag for tag in wanted if tag in there or tag in Policy(levels={}).critical_tags]
    for (path, tag), line in first.items():
        near_ones = [one for one in slips if counts[tag] <= MOST_SLIPS or one not in there]
        other = None if tag in wanted else find_meant(tag, wanted, slips=near_ones)
        if other is not None:
            message = f'the policy does not name the tag "{tag}"; {suggest(other)}'
            yield Fault(message=message, place=Place(path=path, line=line))
    for kind, names in (("critical_tags", policy.critical_tags), ("blocking_tags", policy.blocking_tags)):
        for tag in names:
            if tag in there or not are_all or (kind == "critical_tags" and tag in Policy(levels={}).critical_tags):
                continue
            close = find_closest(fold(tag), [fold(name) for name in there])
            near = next((f"; {suggest(name)}" for name in sorted(there) if fold(name) == close), "")
            hint = f"the tags are: {name_some(sorted(there), 10, rest=AND_MORE)}" if there and not near else None
            message = f"no case has the tag {tag} of policy.{kind}{near}"
            yield Fault(message=message, place=Place(path=config), hint=hint)


def find_judge_faults(judge: Judge, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield the faults of a judge: no model, or an input of its rubric that a case lacks."""
    place = Place(path=judge.rubric.path)
    if target.kind == "openai" and (judge.model or target.model) is None:
        yield Fault(
            message=f'the judge "{judge.name}" has no model, and neither has its target "{target.name}"',
            hint=f"add `model:` to the judge, or to the target {target.name}",
        )
    for name in judge.rubric.inputs:
        if name.endswith("?"):
            yield from _find_misspelt_input(name.removesuffix("?"), judge, dataset, place)
        elif name != "output":
            what = f'the input "{name}" of the rubric {judge.rubric.name}'
            yield from find_missing(what, name, dataset, place)
            yield from find_null(what, name, dataset, place)


def _find_misspelt_input(name: str, judge: Judge, dataset: GoldenDataset, place: Place) -> Iterator[Fault]:
    """Yield a fault for an optional input that is a misspelling of a field or of `output`.

    Any other optional input may be missing in all cases.
    """
    fields = {field for case in dataset.cases for field in case.fields}
    known = sorted(fields - {one.removesuffix("?") for one in judge.rubric.inputs} | {"output"})
    if name in fields or name == "output":
        return
    close = find_meant(name, known) or find_closest(name, known, _NEAR)
    close = close or next((one for one in known if sorted(one) == sorted(name)), None)
    if close is not None:
        message = f'the input "{name}?" of the rubric {judge.rubric.name} is given by no case of {dataset.path}'
        yield Fault(message=message, place=place, hint=suggest(close))
