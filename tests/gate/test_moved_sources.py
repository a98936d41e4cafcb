"""A run whose label or dataset moved meanwhile: the gates that read it are inconclusive, and only these."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from langfuse_project import LangfuseWorld, langfuse, source_world

from evalgate.change.workspace import open_workspace
from evalgate.decide import policy
from evalgate.domain import Admission, Verdict
from evalgate.gate.moved_sources import add_moved, find_moved
from evalgate.gate.options import CallMode, Selection
from evalgate.gate.plans import make_plans, select_gates
from evalgate.gate.reports import make_report, report_without_calls
from evalgate.store.store import Store

__all__ = ["langfuse", "source_world"]
KEYS = {"API_KEY": "k", "LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test"}


def test_the_gate_that_reads_what_moved_is_inconclusive(source_world: LangfuseWorld, tmp_path: Path) -> None:
    world = source_world
    text = (world.root / "evalgate.yml").read_text().replace("\nlangfuse:", f"\n{GATE}langfuse:")
    world.repository.write("evalgate.yml", text)
    workspace = open_workspace(Path("evalgate.yml"), verify=None, environment=KEYS)
    assert find_moved(workspace) == {}
    gates = select_gates(workspace, Selection())
    plans = make_plans(workspace, gates, Selection(first=True), CallMode(), Store(root=tmp_path / "store"))
    report = make_report([report_without_calls(plan, workspace.config) for plan in plans])
    assert add_moved(report, workspace, plans) is report
    world.langfuse.prompts.move("support", 1, ["staging"])
    assert list(find_moved(workspace)) == ["langfuse:support@staging"]
    assert find_moved(workspace, ["langfuse:golden"]) == {}
    moved = add_moved(report, workspace, plans)
    first, second = moved.gates
    said = "langfuse:support@staging was langfuse:support@2 when the run began, and now it is langfuse:support@1"
    assert first.evidence.moved == (said,) and f"{said}: run the gate again." in [
        one.sentence for one in first.findings
    ]
    assert first.decision is Verdict.INCONCLUSIVE and first.exit_code is Admission.INCONCLUSIVE
    assert second == report.gates[1] and moved.exit_code is Admission.INCONCLUSIVE


@pytest.mark.parametrize("moved", [(), ("it moved",)])
def test_a_sentence_about_a_move_blocks_each_level(source_world: LangfuseWorld, moved: tuple[str, ...]) -> None:
    workspace = open_workspace(Path("evalgate.yml"), verify=None, environment=KEYS)
    (plan,) = make_plans(
        workspace, workspace.config.gates, Selection(), CallMode(), Store(root=source_world.root / ".evalgate")
    )
    gate = report_without_calls(plan, workspace.config)
    again = policy.decide(replace(gate.evidence, moved=moved), gate.thresholds, gate.policy, gate.level_policy)
    found = [one for one in again.findings if one.sentence == "it moved: run the gate again."]
    assert len(found) == len(moved) and all(one.blocks for one in found)


GATE = """\
  - prompt: langfuse:support@2
    name: fixed
    baseline: langfuse:support@1
    dataset: langfuse:golden
    checks: [{type: is_json}]
"""
