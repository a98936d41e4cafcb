"""Differences in serving: between the targets of the two arms, and between a target now and at the merge base."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from evalgate.domain import Gate, Json, PromptVersion, Target, digest
from evalgate.domain.adaptations import NOT_AS_WRITTEN
from evalgate.domain.property_order import find_unusual_orders, keep_order

_SHOWN = 60
"""Characters of a parameter's value that are shown."""
_IDENTITY = {"openai": "base_url", "python": "function"}


def find_model(target: Target, version: PromptVersion) -> str | None:
    """Return the model of a request: the target's, else the prompt's. An embedded target is its own model."""
    if target.kind == "local":
        return target.model or target.location
    return target.model or version.model


def compare_arms(
    gate: Gate, candidate: PromptVersion, baseline: PromptVersion, targets: Mapping[str, Target]
) -> tuple[str, ...]:
    """Return the reason for the change level if the arms are served differently; empty if they are not.

    One target for both arms is not a difference: the models that the prompts name are part of the prompt diff. Nor are
    two files of recorded outputs, because it is unknown what produced them. Arms differ if the reasoning of one of them
    is stripped.
    """
    new, old = targets[gate.candidate_target], targets[gate.baseline_target]
    found = _describe_difference(old, new, baseline, candidate)
    if old.strip_reasoning != new.strip_reasoning:
        stripped = "strip_reasoning " + ("false -> true" if new.strip_reasoning else "true -> false")
        found = f"{found}, {stripped}" if found else stripped
    return (f'the candidate is answered by "{new.name}", the baseline by "{old.name}": {found}',) if found else ()


def compare_targets(
    before: Gate,
    gate: Gate,
    candidate: PromptVersion,
    baseline: PromptVersion,
    *,
    then: Mapping[str, Target],
    now: Mapping[str, Target],
    path: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the changes that the configuration at `path` makes to a gate's targets: reasons for the level, and notes.

    `before` and `then` are the gate and the targets at the merge base. If the new configuration also serves the
    baseline, the comparison does not show the effect of the new target, and a note says so.
    """
    edited = {}
    for role, was, is_ in (
        ("baseline", before.baseline_target, gate.baseline_target),
        ("candidate", before.candidate_target, gate.candidate_target),
    ):
        found = _describe_difference(then[was], now[is_], baseline, candidate)
        if found:
            named = f'target "{was}"' if was == is_ else f'target "{was}" -> "{is_}"'
            edited[role] = f"{named}: {found} in {path}"
    if gate.candidate_target != gate.baseline_target and "baseline" not in edited:
        return (), ()  # the baseline's target is unchanged, so the comparison of the arms shows the difference
    if not edited:
        return (), ()
    arms = "both arms were" if gate.candidate_target == gate.baseline_target else "the baseline was"
    note = (
        f'{arms} answered by the current target "{gate.baseline_target}", not by that of the merge base: '
        "the comparison does not show the effect of this change"
    )
    return tuple(dict.fromkeys(edited.values())), (note,)


def describe_unmeasured(
    gate: Gate, candidate: PromptVersion, baseline: PromptVersion, targets: Mapping[str, Target]
) -> tuple[str, ...]:
    """Return a note on what a prompt changes that its answers cannot show, because no request has it.

    A target with a model of its own answers both versions with that one, and a function gets the messages alone. What
    recorded outputs were made with is unknown.
    """
    new, old = targets[gate.candidate_target], targets[gate.baseline_target]
    if "recorded" in (new.kind, old.kind):
        return ()
    found = []
    if candidate.model != baseline.model and (
        new.kind == old.kind == "python" or find_model(new, candidate) == find_model(old, baseline)
    ):
        found.append(f"model {baseline.model or '(none)'} -> {candidate.model or '(none)'}")
    if new.kind == old.kind == "python":
        for name in sorted({*candidate.parameters, *baseline.parameters}):
            before, after = (_show_value(version.parameters, name) for version in (baseline, candidate))
            found += [f"{name} {before} -> {after}"] if before != after else []
        found += ["the response format"] if candidate.response_format != baseline.response_format else []
        found += ["the tools"] if candidate.tools != baseline.tools else []
    if not found:
        return ()
    why = "gives its function the messages alone"
    if new.kind != "python":
        why = f"answers both versions with {find_model(new, candidate)}"
    return (f'{NOT_AS_WRITTEN}target "{new.name}" {why}, so this change is not measured: {", ".join(found)}',)


def compare_published(
    target: Target, version: PromptVersion, model: str | None, parameters: Mapping[str, Json]
) -> tuple[str, ...]:
    """Return how the requests of a published version differ now from those it was published with; empty if not at all.

    `model` and `parameters` are those of then. The version's own ones are the same, so that any difference is one of
    its target. Recorded outputs have no requests.
    """
    if target.kind == "recorded":
        return ()
    now = find_model(target, version)
    found = [f"model {model or '(none)'} -> {now or '(none)'}"] if now != model else []
    merged = target.merge_parameters(version.parameters)
    for name in dict.fromkeys((*parameters, *merged)):
        before, after = (_show_value(given, name) for given in (parameters, merged))
        found += [f"{name} {before} -> {after}"] if before != after else []
    return tuple(found)


def _describe_difference(old: Target, new: Target, was: PromptVersion, is_: PromptVersion) -> str:
    if old.kind == new.kind == "recorded":
        return ""
    parts = [] if old.kind == new.kind else [f"type {old.kind} -> {new.kind}"]
    if old.kind == new.kind and old.kind in _IDENTITY:
        (address, asked), (place, asks) = _show(old), _show(new)
        parts += [f"{_IDENTITY[old.kind]} {address} -> {place}"] if address != place else []
        parts += [f"headers {asked or '(none)'} -> {asks or '(none)'}"] if asked != asks else []
    if (old.model or new.model or "local" in (old.kind, new.kind)) and "recorded" not in (old.kind, new.kind):
        before, after = find_model(old, was), find_model(new, is_)
        if before != after:
            parts.append(f"model {before or '(none)'} -> {after or '(none)'}")
    parts += _describe_parameters(old, new)
    return ", ".join(parts)


def _describe_parameters(old: Target, new: Target) -> Iterator[str]:
    for name in dict.fromkeys((*old.parameters, *new.parameters)):
        before, after = (_show_value(target.parameters, name) for target in (old, new))
        if before != after:
            yield f"{name} {before} -> {after}"


def _show_value(parameters: Mapping[str, Json], name: str) -> str:
    if parameters.get(name) is None:
        return "(none)"
    value = parameters[name]
    text = json.dumps(value, ensure_ascii=False, sort_keys=not find_unusual_orders(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... (sha256 {digest(keep_order(value))[:8]})"


def _show(target: Target) -> tuple[str, str]:
    """Return the address or the function of a target, and the headers that may choose who answers."""
    if target.kind != "openai":
        return target.identity.removeprefix("python:"), ""
    address, _, headers = target.identity.partition("#")
    return address, headers
