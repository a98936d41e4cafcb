"""The forms that endpoints accept, in what a verdict depends on and in what a report says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalgate.domain import Config, GatePlan, PromptVersion, Target, digest
from evalgate.domain.adaptations import INTEGER_ENUM, NOT_AS_WRITTEN, find_effective
from evalgate.domain.answering import list_answering
from evalgate.domain.report_criteria import find_judge_adaptations, find_judge_model
from evalgate.plan.target_changes import find_model
from evalgate.store.known_adaptations import EndpointModel, load_adaptations
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.engine import Engine


def add_known(targets: Mapping[str, Target], store: Store, *, replayed: bool = False) -> Mapping[str, Target]:
    """Return the targets with the adaptations that earlier runs learned; with `replayed`, not those with recordings."""
    recorded = {name for name, target in targets.items() if replayed and target.recordings is not None}
    return _add(targets, load_adaptations(store.adaptations), recorded)


def add_learned(targets: Mapping[str, Target], engine: Engine) -> Mapping[str, Target]:
    """Return the targets with the adaptations that an engine knows by now."""
    return _add(targets, engine.forms.known, engine.recorded_targets)


def add_known_to_config(config: Config, store: Store, *, replayed: bool = False) -> Config:
    """Return the configuration with targets as `add_known` returns them."""
    targets = add_known(config.targets, store, replayed=replayed)
    return config if targets is config.targets else replace(config, targets=targets)


def find_version_adaptations(target: Target, version: PromptVersion) -> tuple[str, ...]:
    """Return the adaptations that change the requests of a prompt version to a target."""
    known = target.adaptations.get(find_model(target, version) or "", ())
    parameters = target.merge_parameters(version.parameters)
    return find_effective(known, parameters, version.response_format, version.tools) if known else ()


def digest_answering(plan: GatePlan, targets: Mapping[str, Target]) -> str:
    """Return the digest of who answers for both versions, in which form the candidate is asked, and how often."""
    gate = plan.gate
    form = find_version_adaptations(targets[gate.candidate_target], plan.candidate)
    samples = (gate.candidate_samples, gate.baseline_samples, gate.wavering_samples)
    return digest([list_answering(gate, targets), list(form), list(samples)])


def describe(plan: GatePlan, targets: Mapping[str, Target]) -> tuple[str, ...]:
    """Return a note for each thing that an endpoint does not accept, with who is asked in another form for it."""
    users: dict[tuple[str, str, str], list[_User]] = {}
    for target, model, adaptations, user in _list_users(plan, targets):
        for adaptation in adaptations:
            users.setdefault((target.name, model, adaptation), []).append(user)
    notes = []
    for (target_name, model, adaptation), asked in users.items():
        what = _describe_adaptation(adaptation)
        named = f'{model} (target "{target_name}")' if model else f'target "{target_name}"'
        arms = [user.name for user in asked if not user.is_judge]
        judges = [user.name for user in asked if user.is_judge]
        if arms and adaptation.startswith("rename"):
            notes.append(f"{named} {what.accepts}")
        elif arms:
            who = "both versions are" if len(arms) == 2 else f"the {arms[0]} is"
            notes.append(f"{NOT_AS_WRITTEN}{named} {what.accepts}; {who} asked {what.instead}")
        if judges:
            are = "is" if len(judges) == 1 else "are"
            done = "judged" if adaptation.startswith("drop ") else "asked"
            notes.append(f"{named} {what.accepts}; {' and '.join(judges)} {are} {done} {what.instead}")
    return tuple(notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    name: str
    is_judge: bool = False


@dataclass(frozen=True, slots=True)
class _Words:
    """What is accepted, and how requests are made instead."""

    accepts: str
    instead: str


def _list_users(plan: GatePlan, targets: Mapping[str, Target]) -> Iterator[tuple[Target, str, Sequence[str], _User]]:
    arms = [("candidate", plan.candidate, plan.gate.candidate_target)]
    if plan.baseline is not None:
        arms.append(("baseline", plan.baseline, plan.gate.baseline_target))
    for arm, version, name in arms:
        target = targets[name]
        yield target, find_model(target, version) or "", find_version_adaptations(target, version), _User(name=arm)
    for judge in plan.judges:
        target = targets[judge.target]
        model = find_judge_model(judge, target) or ""
        yield target, model, find_judge_adaptations(judge, target), _User(name=judge.name, is_judge=True)


def _describe_adaptation(adaptation: str) -> _Words:
    match adaptation.split(" "):
        case ["rename", old, new]:
            return _Words(f"takes {new} in place of {old}", "so")
        case ["format", old, new]:
            instead = "for JSON in words" if new == "none" else f"for {new}, with the schema in words"
            return _Words(f"accepts no response_format of type {old}", instead)
        case ["schema", "drop", name]:
            what = "enum of numbers" if name == INTEGER_ENUM else name
            return _Words(f"accepts no {what} in a schema", "without it")
        case [*_, "strict"]:
            return _Words("accepts no strict schema", "without strict")
        case [*_, name]:
            return _Words(f"accepts no {name}", "at its default")
        case _:
            return _Words(f"needs another form ({adaptation})", "in it")


def _add(
    targets: Mapping[str, Target], known: Mapping[EndpointModel, tuple[str, ...]], recorded: Collection[str]
) -> Mapping[str, Target]:
    """Return the targets with the adaptations of their endpoints; the same mapping if there are none."""
    if not known:
        return targets
    found = {}
    for name, target in targets.items():
        own = {model: each for (endpoint, model), each in known.items() if endpoint == target.identity}
        if own and name not in recorded:
            found[name] = replace(target, adaptations=own)
    return {**targets, **found} if found else targets
