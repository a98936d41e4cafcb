"""Faults in the combination of a gate with its versions, targets and cases, found before any call is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from evalgate.domain import VARIABLE, Gate, GoldenDataset, Judge, Policy, PromptVersion, Target, as_text
from evalgate.domain.jinja_templates import find_optional_names
from evalgate.domain.lists import name_some
from evalgate.domain.names import bare, find_closest, find_meant, fold, suggest
from evalgate.domain.numbers import show_count
from evalgate.domain.templates import find_placeholders
from evalgate.errors import Fault, Place
from evalgate.plan.asked_field import list_askable_fields
from evalgate.plan.case_fields import AND_MORE, find_missing, find_null, list_used_fields
from evalgate.plan.message_faults import find_message_faults
from evalgate.plan.target_changes import find_model
from evalgate.plan.template_faults import (
    add_escape,
    find_odd_names,
    find_path,
    find_place,
    find_rendering_faults,
    find_unfilled_faults,
)

LARGEST_REQUEST = 16 * 1024 * 1024
"""The maximum number of characters in all messages of one request, with the case's fields filled in."""
_OWN_KEYS = frozenset({"tags", "cluster"})
_NEAR = 0.85
MOST_SLIPS = 2
"""Cases with a tag that differs from one of the policy's by one letter, up to which it is a typing error."""


def find_version_faults(
    version: PromptVersion, target: Target, dataset: GoldenDataset, *, is_candidate: bool = True
) -> Iterator[Fault]:
    """Yield the faults of a version: no message, no model, a missing or null variable, a too large request."""
    path = find_path(version)
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
    if is_candidate and target.kind != "python":
        yield from find_unfilled_faults(version, dataset)
    for name in sorted(_list_needed(version, dataset, is_candidate=is_candidate)):
        place = find_place(version, name) or place
        for fault in find_missing(f"the variable {{{{{name}}}}}", name, dataset, place):
            yield add_escape(fault, version)
        yield from find_null(f"the variable {{{{{name}}}}}", name, dataset, place)
    yield from find_rendering_faults(version, dataset)
    yield from _find_too_large(version, dataset, place)
    yield from find_message_faults(version, target, dataset)


def _list_needed(version: PromptVersion, dataset: GoldenDataset, *, is_candidate: bool) -> set[str]:
    """Return the variables that every case needs.

    A jinja template can do without a field in some cases, so that only a name that no case has is a fault by itself. A
    baseline's expression in braces that is not a plain name, and names no field, is text.
    """
    fields = {field for case in dataset.cases for field in case.fields}
    if version.template.syntax == "jinja":
        own = {name for text in _list_texts(version) for name in version.template.find_names(text)}
        optional = {name for text in _list_texts(version) for name in find_optional_names(text, version.template.files)}
        return (set(version.variables) - own) | (own - fields - optional)
    needed = set(version.variables) | find_odd_names(version, dataset)
    plain = {name for name in needed if VARIABLE.fullmatch(f"{{{{{name}}}}}")}
    return needed if is_candidate else {name for name in needed if name in fields or name in plain}


def _list_texts(version: PromptVersion) -> list[str]:
    return [text for _, text in version.list_templates()]


def _find_too_large(version: PromptVersion, dataset: GoldenDataset, place: Place) -> Iterator[Fault]:
    """Yield a fault for the first case whose messages are too large. The size is computed without rendering.

    What a jinja template renders is limited by itself.
    """
    if version.template.syntax == "jinja":
        return
    times = Counter(name for names in version.list_names() for name in names)
    own = 0
    for text in _list_texts(version):
        own += len(text) - sum(len(found.written) for found in find_placeholders(text, version.template.syntax))
    for case in dataset.cases:
        given = case.fields
        size = own + sum(len(as_text(given[name])) * count for name, count in times.items() if name in given)
        if size > LARGEST_REQUEST:
            most = f"{LARGEST_REQUEST:,}"
            message = f'with case "{case.id}" the messages are {size:,} characters; at most {most} are sent'
            yield Fault(message=message, place=place, hint="shorten the case, or name its fields less often")
            return


def find_same_for_all(version: PromptVersion, target: Target, dataset: GoldenDataset) -> Iterator[Fault]:
    """Yield a fault for a prompt that uses no field of the cases, so that all cases send the same request.

    Recorded outputs and Python functions are exempt: a function receives the case itself.
    """
    if target.kind in ("recorded", "python") or len(dataset.cases) < 2 or not version.messages or version.variables:
        return
    message = f"no message uses a field of the cases, so all {len(dataset.cases):,} cases send the same request"
    fields = list_askable_fields(dataset)[:3]
    shown = ", ".join(f"{{{{{name}}}}}" for name in fields)
    hint = f"put the case's text where it belongs, such as {shown}"
    if fields:
        hint += f'; or add the user message to the gate: `user: "{{{{{fields[0]}}}}}"`'
    yield Fault(message=message, place=Place(path=find_path(version), line=version.lines.get("messages", 0)), hint=hint)


def find_unused_user(gate: Gate, candidate: PromptVersion) -> Iterator[Fault]:
    """Yield a fault for a gate whose user message is not sent, because the prompt has its own."""
    if gate.settings.user is not None and candidate.user is None:
        message = "`user` of the gate has no effect: the prompt has a user message of its own"
        yield Fault(message=message, place=Place(path=find_path(candidate)), hint="remove one of the two")


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
        count = f" in {len(lines)} of {show_count(len(dataset.cases), 'case')}" if len(lines) > 1 else ""
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

    `are_all`: these are the datasets of all gates, so that a tag which is in none of them protects nothing. The
    default, `critical`, may be in none. A tag that differs by one letter is a tag of its own where more than
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
