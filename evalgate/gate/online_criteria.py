"""The criteria of a gate by which evalgate scores answers in production, fixed when a rollout starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evalgate.domain import ANSWERED, Check, Config, Gate, Json, Judge, Target, digest
from evalgate.domain.report_criteria import list_criteria
from evalgate.domain.rollout import RolloutRules
from evalgate.errors import Fault, InputError
from evalgate.gate.row_criteria import explain_unscorable


def choose_criteria(
    config: Config, name: str, rules: RolloutRules, *, are_defaults: bool
) -> tuple[RolloutRules, tuple[str, ...]]:
    """Return rules with the criteria by which evalgate scores the answers of a prompt, and notes for the person.

    `are_defaults`: the scores are those of the gate, and the configuration names none. Those that cannot be scored are
    then not watched, which a note says. Raises InputError for a named one, and where nothing is left to score.
    """
    if not rules.score_per_day:
        return rules, ()
    gate = find_gate(config, name)
    if gate is None:
        raise InputError(
            f"{name}: there is no gate of this name, by whose checks and judges answers could be scored",
            hint="remove release.rollout.score_per_day, or add the gate",
        )
    scores, criteria, notes, faults = dict(rules.scores), {}, [], []
    for watched in dict.fromkeys([*rules.scores, *rules.floors]):
        if not _is_of_gate(gate, watched):
            notes.append(f"{watched} is not a check or judge of the gate: its scores are those that the rows have")
            continue
        criterion = find_criterion(gate, watched)  # None for the implicit check, which needs the text alone
        reason = None if criterion is None else explain_unscorable(criterion, replayed=False)
        if reason is None:
            criteria[watched] = digest_criterion(gate, watched, config.targets)
        elif are_defaults and watched not in rules.floors:
            del scores[watched]
            notes.append(f"{watched} is not watched: {reason}")
        else:
            faults.append(Fault(message=f"{name}: {watched} cannot be scored in production: {reason}"))
    if faults:
        hint = "remove it from release.rollout, or let the application log its scores under another name"
        raise InputError(faults=[replace(fault, hint=hint) for fault in faults])
    if not criteria:
        raise InputError(
            f"{name}: release.rollout.score_per_day has no effect: no check or judge of the gate scores what is watched"
            + "".join(f"; {note}" for note in notes),
            hint="name some in release.rollout.scores, such as {faithfulness: 0.10}, or remove score_per_day",
        )
    return replace(rules, scores=scores, criteria=criteria), tuple(notes)


def load_and_choose(
    config_path: Path, name: str, rules: RolloutRules, environment: Mapping[str, str], *, are_defaults: bool
) -> tuple[RolloutRules, tuple[str, ...]]:
    """Return what `choose_criteria` does for a configuration. Without `score_per_day` the file is not read."""
    if not rules.score_per_day:
        return rules, ()
    from evalgate.change.workspace import open_workspace
    from evalgate.score.criterion import validate_criterion

    workspace = open_workspace(config_path, verify=validate_criterion, environment=environment)
    return choose_criteria(workspace.config, name, rules, are_defaults=are_defaults)


def find_gate(config: Config, name: str) -> Gate | None:
    """Return the gate of a prompt; None without one."""
    return next((one for one in config.gates if one.name == name), None)


def find_criterion(gate: Gate, name: str) -> Check | Judge | None:
    """Return a check or judge of a gate by its name; None for another name, and for the implicit check."""
    return next((one for one in gate.criteria if one.name == name), None)


def digest_criterion(gate: Gate, name: str, targets: Mapping[str, Target]) -> str:
    """Return the digest of all that a score of a criterion of a gate depends on, but for the answer."""
    answering: list[Json] = list(targets[gate.candidate_target].scored_as)
    own = next(one.digest for one in list_criteria(gate, gate.judges, targets) if one.name == name)
    return digest([name, own, answering])


def _is_of_gate(gate: Gate, name: str) -> bool:
    return name == ANSWERED or find_criterion(gate, name) is not None
