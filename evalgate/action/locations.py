"""Where in the files stands what a report speaks of: the line of each gate's version, and of each of its cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalgate.change.workspace import Workspace
from evalgate.domain import Report
from evalgate.errors import EvalgateError
from evalgate.inputs import datasets, prompts
from evalgate.inputs.tree import Tree

Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Locations:
    """A path and a line (from 1) for each gate's prompt, and for its cases by id; what cannot be read has none."""

    prompts: Mapping[str, Place]
    cases: Mapping[str, Mapping[str, Place]]


NO_LOCATIONS = Locations(prompts={}, cases={})


def find_locations(report: Report, workspace: Workspace, head: Tree) -> Locations:
    """The places of a report's gates: datasets as they were judged, prompts as they are at the `head` of a change."""
    names = {gate.evidence.name for gate in report.gates}
    gates = [gate for gate in workspace.config.gates if gate.name in names]
    return Locations(
        prompts={gate.name: _prompt(head, gate.prompt) for gate in gates},
        cases={gate.name: _cases(workspace.tree, gate.dataset) for gate in gates},
    )


def _prompt(tree: Tree, path: str) -> Place:
    """The line of the version, which is the one to edit in most cases; else the first."""
    try:
        return path, prompts.load_prompt(tree, path).lines.get("version", 1)
    except EvalgateError:
        return path, 1


def _cases(tree: Tree, path: str) -> Mapping[str, Place]:
    try:
        return {case.id: (path, case.line) for case in datasets.load_dataset(tree, path).cases if case.line}
    except EvalgateError:
        return {}
