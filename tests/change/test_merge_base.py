"""The merge base: its commit, what is unchanged since, and the gates that were there."""

from __future__ import annotations

from change.recorded_project import CONFIG, PROMPT, Project, prompt_text

from evalgate.change import merge_base
from evalgate.services.git import Git


def find(project: Project) -> merge_base.Base:
    base = merge_base.find_base(project.tree, Git.open(project.root), project.config())
    assert base is not None
    return base


def test_the_base_is_where_the_branch_began(project: Project) -> None:
    began = project.git("rev-parse", "main")
    project.commit("on the branch")
    project.git("checkout", "--quiet", "main")
    project.commit("on main")
    project.git("checkout", "--quiet", "work")
    assert merge_base.find_base_commit(Git.open(project.root), None) == began
    assert find(project).commit == began


def test_before_the_first_commit_there_is_none(bare_project: Project) -> None:
    bare_project.git("init", "--quiet", "--initial-branch", "main")
    assert merge_base.find_base_commit(Git.open(bare_project.root), None) is None


def test_unchanged_is_told_by_content_whatever_is_committed(project: Project) -> None:
    git, base = Git.open(project.root), project.git("rev-parse", "main")
    project.write(PROMPT, prompt_text("1.1.0"))
    project.write("new.txt", "x")
    (project.root / "schema.json").unlink()
    paths = ["evalgate.yml", PROMPT, "schema.json", "new.txt", "never.txt"]
    assert merge_base.find_unchanged(paths, project.tree, git, base) == {"evalgate.yml", "never.txt"}


def test_an_edited_configuration_is_read_at_the_base_and_a_broken_one_is_none(project: Project) -> None:
    assert not find(project).edited
    project.write("evalgate.yml", CONFIG.replace("name: support", "name: renamed"))
    base = find(project)
    assert base.edited and base.config is not None and [gate.name for gate in base.config.gates] == ["support"]
    project.git("checkout", "--quiet", "main")
    project.commit("broken", **{"evalgate.yml": "gates: ["})
    project.git("checkout", "--quiet", "-B", "work")
    project.write("evalgate.yml", CONFIG)
    assert find(project).config is None


def test_a_renamed_gate_keeps_its_history_and_a_new_one_has_none(project: Project) -> None:
    project.write("evalgate.yml", CONFIG.replace("name: support", "name: renamed"))
    (gate,) = project.config().gates
    before = find(project).gate_at_base(gate)
    assert before is not None and before.name == "support"
    project.write("other.jsonl", '{"id": "z", "query": "other"}\n')
    project.write(
        "outputs.jsonl", '{"case": "a", "text": "1"}\n{"case": "b", "text": "2"}\n{"case": "z", "text": "3"}\n'
    )
    project.write(
        "prompts/q.prompt.yml", "name: q\nmodel: m\nmessages:\n  - {role: user, content: Something else entirely}\n"
    )
    added = CONFIG + CONFIG[CONFIG.index("  - name") :].replace("support", "second").replace("p.prompt", "q.prompt")
    project.write("evalgate.yml", added.replace("dataset: cases", "dataset: other").replace("other", "cases", 1))
    base = find(project)
    kept, new = base.now.gates
    assert base.gate_at_base(kept) is not None and base.gate_at_base(new) is None


def test_a_configuration_that_was_moved_is_found_at_the_base(project: Project) -> None:
    base = project.git("rev-parse", "HEAD")
    project.git("mv", "evalgate.yml", "gate.yml")
    project.commit("moved")
    git = Git.open(project.root)
    assert merge_base.config_path_at(base, "gate.yml", git) == "evalgate.yml"
    assert merge_base.config_path_at(base, "never.yml", git) == "never.yml"
