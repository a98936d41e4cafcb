"""The files that a run reads: of the working tree, of a commit, or of a change under the policy of its base."""

from __future__ import annotations

from pathlib import Path

import pytest
from change.recorded_project import CONFIG, PROMPT, Project, prompt_text

from evalgate.change.workspace import find_name, find_repository, open_commit, open_pull_request, open_workspace
from evalgate.errors import GitError, InputError
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git


def test_the_tree_is_the_repository_s_wherever_the_configuration_lies(project: Project) -> None:
    above = CONFIG
    for path in ("prompts/p.prompt.yml", "cases.jsonl", "outputs.jsonl", "schema.json", "rubrics/tone.md"):
        above = above.replace(f" {path}", f" ../{path}")
    project.write("sub/evalgate.yml", above)
    found = open_workspace(project.root / "sub" / "evalgate.yml", verify=None)
    assert Path(found.tree.root) == project.root and found.git is not None
    assert (found.config.path, found.config.gates[0].prompt) == ("sub/evalgate.yml", PROMPT)


def test_without_a_repository_the_tree_is_the_folder(bare_project: Project) -> None:
    found = open_workspace(bare_project.root / "evalgate.yml", verify=None)
    assert (found.git, Path(found.tree.root)) == (None, bare_project.root)


def test_a_commit_is_read_whatever_lies_in_the_working_tree(project: Project) -> None:
    head = project.git("rev-parse", "HEAD")
    project.write("evalgate.yml", "broken: [")
    found = open_commit(CommitView(Git.open(project.root), head), "evalgate.yml", verify=None)
    assert [gate.name for gate in found.config.gates] == ["support"]


def test_a_change_is_judged_by_the_rules_of_its_base_and_read_at_its_head(project: Project) -> None:
    looser = CONFIG.replace("json_schema, schema: schema.json", "is_json")
    head = project.commit("edit", **{PROMPT: prompt_text("1.1.0"), "evalgate.yml": looser})
    git = Git.open(project.root)
    found = open_pull_request(git, "evalgate.yml", policy="main", head=head, verify=lambda criterion: None)
    assert [check.type for gate in found.config.gates for check in gate.checks] == ["json_schema"]
    assert [change.path for change in found.change.changes] == ["evalgate.yml"]
    assert found.change.prompts["support"].head == PROMPT


def test_a_configuration_that_only_the_change_has_is_an_edit_of_the_rules(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    project.git("rm", "--quiet", "evalgate.yml")
    project.commit("without")
    project.git("checkout", "--quiet", "-B", "work")
    head = project.commit("with", **{"evalgate.yml": CONFIG})
    git = Git.open(project.root)
    found = open_pull_request(git, "evalgate.yml", policy="main", head=head, verify=lambda criterion: None)
    assert found.config.gates == () and [change.path for change in found.change.changes] == ["evalgate.yml"]
    with pytest.raises(InputError, match="no such file"):
        open_pull_request(git, "never.yml", policy="main", head=head, verify=lambda criterion: None)


def test_a_fault_of_the_base_is_placed_at_its_commit(project: Project) -> None:
    project.git("checkout", "--quiet", "main")
    broken = project.commit("broken", **{"evalgate.yml": CONFIG + "polcy: {}\n"})
    project.git("checkout", "--quiet", "-B", "work")
    with pytest.raises(InputError) as caught:
        open_pull_request(
            Git.open(project.root), "evalgate.yml", policy="main", head="HEAD", verify=lambda criterion: None
        )
    assert str(caught.value).startswith(f"{broken[:7]}:evalgate.yml:")


def test_a_link_inside_the_repository_names_no_other_configuration(project: Project) -> None:
    git = Git.open(project.root)
    (project.root / "linked").symlink_to(project.root / "rubrics", target_is_directory=True)
    assert find_name(git, project.root / "linked" / "evalgate.yml") == "linked/evalgate.yml"
    assert find_name(git, project.root / "sub" / ".." / "evalgate.yml") == "evalgate.yml"
    with pytest.raises(InputError, match="outside of the repository"):
        find_name(git, project.root.parent / "evalgate.yml")


def test_the_outermost_repository_is_the_one_that_judges(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = project.root / "vendor"
    inner.mkdir()
    Project(inner).git("init", "--quiet")
    monkeypatch.chdir(project.root)
    assert find_repository(Path("vendor/evalgate.yml")).root.resolve() == project.root.resolve()


def test_without_any_repository_there_is_an_error(bare_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare_project.root)
    with pytest.raises(GitError):
        find_repository(Path("evalgate.yml"))
