"""Paths of a document: relative to its folder, and inside the tree."""

from __future__ import annotations

from evalgate.inputs.config import load_config

from .conftest import CHECKS, CONFIG, Project, faults


def test_a_linked_prompt_is_refused_at_its_path(project: Project) -> None:
    (project.root / "linked.prompt.yml").symlink_to(project.root / "prompts" / "support.prompt.yml")
    found = faults(project, CHECKS.replace("prompts/support", "linked"))
    assert found == [
        'evalgate.yml:4:13: "linked.prompt.yml" is, or is reached through, a symbolic link\n  hint: replace the link by the file'
    ]


def test_paths_are_joined_to_the_folder_of_the_config(project: Project) -> None:
    project.write(
        "sub/evalgate.yml", CONFIG.replace("prompts/", "../prompts/./").replace("cases.jsonl", "data/../../cases.jsonl")
    )
    gate = load_config(project.tree, "sub/evalgate.yml").gates[0]
    assert (gate.prompt, gate.dataset) == ("prompts/support.prompt.yml", "cases.jsonl")
    absolute = load_config(project.tree, str(project.root / "evalgate.yml"))
    assert absolute.gates[0].dataset == str(project.root / "cases.jsonl")
