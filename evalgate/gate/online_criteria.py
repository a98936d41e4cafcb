"""The criteria of a gate by which evalgate scores answers in production, fixed when a rollout starts.

An answer in production has what its row has: fields and a text, at most its seconds and its cost. What a criterion
needs beyond that is in the golden dataset alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from evalgate.domain import ANSWERED, TOOL_CHECKS, Check, Config, Gate, Json, Judge, Target, digest
from evalgate.domain.report_criteria import list_criteria
from evalgate.domain.rollout import RolloutRules
from evalgate.errors import Fault, InputError

EXPECTED = "expected"
"""The field with the answer that a case wants, which is known of golden cases only."""


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
        reason = explain_unscorable(gate, watched)
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


def explain_unscorable(gate: Gate, name: str) -> str | None:
    """Return why answers in production cannot be scored by a criterion of a gate; None if they can."""
    criterion = find_criterion(gate, name)
    if criterion is None:
        return None  # the implicit check needs the text alone
    if criterion.when is not None or criterion.unless is not None:
        return "its `when` and `unless` choose cases, and an answer in production is not a case"
    match criterion:
        case Judge():
            needed = [one for one in criterion.rubric.inputs if not one.endswith("?")]
        case Check():
            needed = [path for each in criterion.nested for path in each.fields]
        case _:
            assert_never(criterion)
    if any(one.partition(".")[0] == EXPECTED for one in needed):
        return f"it reads the field {EXPECTED}, which an answer in production does not have"
    parts = criterion.nested if isinstance(criterion, Check) else ()
    return next((reason for each in parts if (reason := _explain_check(each)) is not None), None)


def _explain_check(check: Check) -> str | None:
    if check.type in TOOL_CHECKS:
        return "it looks at tool calls, which rows do not have"
    if check.type == "python":
        return "it runs code of the repository"
    if check.type == "tokens":
        return "it counts tokens, which rows do not have"
    if check.type == "latency" and "max_seconds" not in {*check.options, *check.from_case}:
        return "its p95 is that of all cases; a rollout watches slow answers anyway"
    return None


def list_needed_fields(judge: Judge) -> list[str]:
    """Return the fields of a row without which a judge cannot be asked."""
    return [one for one in judge.rubric.inputs if not one.endswith("?") and one != "output"]


def digest_criterion(gate: Gate, name: str, targets: Mapping[str, Target]) -> str:
    """Return the digest of all that a score of a criterion of a gate depends on, but for the answer."""
    answering: list[Json] = list(targets[gate.candidate_target].scored_as)
    own = next(one.digest for one in list_criteria(gate, gate.judges, targets) if one.name == name)
    return digest([name, own, answering])


def _is_of_gate(gate: Gate, name: str) -> bool:
    return name == ANSWERED or find_criterion(gate, name) is not None
