"""Tests of the gates of a dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.change.workspace import open_workspace
from evalgate.errors import InputError
from evalgate.gate.dataset_gates import find_dataset_gates, load_dataset_gates

CONFIG = """\
format: 1
targets: {api: {type: openai, model: m}}
defaults: {target: api, checks: [{type: no_refusal}]}
gates:
  - {name: one, prompt: p.md, dataset: a.jsonl}
  - {name: two, prompt: p.md, dataset: a.jsonl}
  - {name: three, prompt: p.md, dataset: b.csv, fields: {query: Q}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "evalgate.yml").write_text(CONFIG)
    (tmp_path / "p.md").write_text("answer {{query}}\n")
    (tmp_path / "a.jsonl").write_text('{"query": "x"}\n')
    (tmp_path / "b.csv").write_text("Q\ny\n")
    return tmp_path


def test_gates_are_found_by_their_dataset(project: Path) -> None:
    workspace = open_workspace(project / "evalgate.yml", verify=None)
    assert [gate.name for gate in find_dataset_gates(workspace.config, "two")] == ["two", "one"]
    assert [gate.name for gate in find_dataset_gates(workspace.config, "three")] == ["three"]
    with pytest.raises(InputError, match=r"2 datasets(.|\n)*--gate NAME"):
        find_dataset_gates(workspace.config, None)
    with pytest.raises(InputError, match='no gate is named "four"'):
        find_dataset_gates(workspace.config, "four")
    groups = load_dataset_gates(workspace, workspace.config.gates)
    assert [(group.dataset.path, len(group.gates), len(group.versions)) for group in groups] == [
        ("a.jsonl", 2, 2),
        ("b.csv", 1, 1),
    ]
    assert groups[1].dataset.cases[0].fields == {"query": "y"}
