"""Locations for annotations: the file and line of each gate's prompt version, and of each case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import Gate, Report
from evalgate.errors import EvalgateError
from evalgate.inputs import datasets, prompts
from evalgate.inputs.tree import Tree

Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locations:
    """The path and the line (from 1) of each gate's prompt, and of its cases by id. Unreadable files have none."""

    prompts: Mapping[str, Place]
    cases: Mapping[str, Mapping[str, Place]]


NO_LOCATIONS = Locations(prompts={}, cases={})


def find_locations(report: Report, workspace: Workspace, head: Tree) -> Locations:
    """Find the locations for a report's gates: datasets in the evaluated tree, prompts in the `head` of the change."""
    names = {gate.evidence.name for gate in report.gates}
    gates = [gate for gate in workspace.config.gates if gate.name in names]
    return Locations(
        prompts={gate.name: _find_prompt(head, gate, _find_path(gate, workspace)) for gate in gates},
        cases={gate.name: _find_cases(workspace.tree, gate) for gate in gates},
    )


def _find_path(gate: Gate, workspace: Workspace) -> str:
    """Return the path of the prompt in the change, which may have moved it."""
    moved = workspace.change.prompts.get(gate.name) if isinstance(workspace, PullRequest) else None
    return gate.prompt if moved is None else moved.head


def _find_prompt(tree: Tree, gate: Gate, path: str) -> Place:
    """Return the line of the version, which is usually the one to edit; else line 1."""
    try:
        return path, prompts.load_prompt(tree, path, gate.settings).lines.get("version", 1)
    except EvalgateError:
        return path, 1


def _find_cases(tree: Tree, gate: Gate) -> Mapping[str, Place]:
    try:
        cases = datasets.load_dataset(tree, gate.dataset, gate.columns).cases
        return {case.id: (gate.dataset, case.line) for case in cases if case.line}
    except EvalgateError:
        return {}
