"""Places for annotations: the version of a prompt, and the line of each case."""

from __future__ import annotations

from dataclasses import replace

from evalgate.action.locations import find_locations
from evalgate.change.workspace import open_workspace
from evalgate.gate import reports
from evalgate.inputs.tree import WorkTree


def test_a_prompt_has_the_line_of_its_version_and_a_case_its_own(samples, world) -> None:
    workspace = open_workspace(world.root / "evalgate.yml", verify=None)
    report = samples.failing()
    (gate,) = workspace.config.gates
    named = replace(report.gates[0], evidence=replace(report.gates[0].evidence, name=gate.name))
    found = find_locations(replace(report, gates=(named,)), workspace, workspace.tree)
    assert found.prompts == {"support": ("prompts/support.prompt.yml", 2)}
    assert found.cases["support"]["case-001"] == ("cases.jsonl", 2)


def test_a_file_that_cannot_be_read_has_its_first_line_and_no_cases(samples, world, tmp_path) -> None:
    workspace = open_workspace(world.root / "evalgate.yml", verify=None)
    report = samples.failing()
    named = replace(report.gates[0], evidence=replace(report.gates[0].evidence, name="support"))
    world.repository.write("cases.jsonl", "{")
    empty = tmp_path / "empty"
    empty.mkdir()
    found = find_locations(replace(report, gates=(named,)), workspace, WorkTree(empty))
    assert found.prompts == {"support": ("prompts/support.prompt.yml", 1)} and found.cases == {"support": {}}


def test_a_gate_that_the_report_lacks_has_no_place(world) -> None:
    workspace = open_workspace(world.root / "evalgate.yml", verify=None)
    assert find_locations(reports.make_report(()), workspace, workspace.tree).prompts == {}
