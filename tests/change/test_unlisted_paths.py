"""Links and submodules where a pattern of gates looks for prompts."""

from __future__ import annotations

import pytest
from change.recorded_project import CONFIG, PROMPT, Project, prompt_text

from evalgate.change.workspace import PullRequest, open_pull_request
from evalgate.errors import InputError
from evalgate.score.criterion import validate_criterion
from evalgate.services.git import Git

PATTERN = CONFIG.replace(f"  - name: support\n    prompt: {PROMPT}", "  - prompt: prompts/**/*.prompt.yml")
HIDING = """[submodule "s"]\n\tpath = {path}\n\turl = https://example.invalid/s\n\tignore = all\n"""


@pytest.fixture
def many(project: Project) -> Project:
    """A project whose gates are those of a pattern."""
    project.git("switch", "--quiet", "main")
    project.commit("pattern", **{"evalgate.yml": PATTERN, "docs/other.md": prompt_text()})
    project.git("switch", "--quiet", "work")
    project.git("merge", "--quiet", "--ff-only", "main")
    return project


def judge(project: Project) -> PullRequest:
    git = Git.open(project.root)
    return open_pull_request(git, "evalgate.yml", policy="main", head="work", verify=validate_criterion)


def link(project: Project, path: str, target: str) -> None:
    place = project.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)
    project.commit("link")


def add_module(project: Project, path: str, *, is_hidden: bool = False) -> None:
    if is_hidden:
        project.write(".gitmodules", HIDING.format(path=path))
        project.git("add", "--all")
    commit = project.git("rev-parse", "HEAD")
    project.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    project.git("commit", "--quiet", "-m", "module")


@pytest.mark.parametrize(
    ("path", "target", "why"),
    [
        ("prompts/new.prompt.yml", "../docs/other.md", "which matches"),
        ("prompts/new.prompt.yml", "/etc/passwd", "which matches"),
        ("prompts/a/b/new.prompt.yml", "nowhere", "which matches"),
        ("prompts/sub", "../docs", "which may lead to files that match"),
        ("prompts/sub", "../../outside", "which may lead to files that match"),
        ("prompts/a/sub", "/tmp", "which may lead to files that match"),
    ],
)
def test_a_link_that_a_pattern_may_reach_is_refused(many: Project, path: str, target: str, why: str) -> None:
    link(many, path, target)
    with pytest.raises(InputError, match=rf"{path}: is a symbolic link, {why} prompts/") as refused:
        judge(many)
    assert refused.value.faults[0].hint


@pytest.mark.parametrize(("path", "target"), [("prompts/AGENTS.md", "../docs/other.md"), ("docs/sub", "../prompts")])
def test_any_other_link_is_left_alone(many: Project, path: str, target: str) -> None:
    link(many, path, target)
    assert judge(many).change.changes == ()


def test_a_link_that_the_base_has_already_is_left_alone(many: Project) -> None:
    many.git("switch", "--quiet", "main")
    link(many, "prompts/sub", "../docs")
    many.git("switch", "--quiet", "work")
    many.git("merge", "--quiet", "--ff-only", "main")
    many.commit("edit", **{PROMPT: prompt_text("1.1.0", "Answer {{query}} in two sentences.")})
    assert judge(many).change.changes == ()


@pytest.mark.parametrize("is_hidden", [False, True])
@pytest.mark.parametrize("path", ["prompts/sub", "prompts/new.prompt.yml", "prompts/a/b"])
def test_a_submodule_that_a_pattern_may_reach_waits_for_a_person(many: Project, path: str, is_hidden: bool) -> None:
    add_module(many, path, is_hidden=is_hidden)
    change = judge(many).change
    assert [edit.path for edit in change.changes] == [path]
    assert change.reason
    assert change.remarks[-1].endswith(path)


def test_a_submodule_elsewhere_is_left_alone(many: Project) -> None:
    add_module(many, "vendor/lib")
    assert judge(many).change.changes == ()


def test_a_link_that_looks_like_a_prompt_is_no_way_around_ungated_fail(project: Project) -> None:
    project.git("switch", "--quiet", "main")
    project.commit("rule", **{"evalgate.yml": CONFIG.replace("format: 1", "format: 1\nungated: fail"), "x.md": "x"})
    project.git("switch", "--quiet", "work")
    project.git("merge", "--quiet", "--ff-only", "main")
    link(project, "prompts/new.prompt.yml", "../x.md")
    with pytest.raises(InputError, match=r"prompts/new\.prompt\.yml: is a symbolic link, which looks like a prompt"):
        judge(project)


@pytest.mark.parametrize("is_hidden", [False, True])
def test_no_setting_of_the_change_hides_a_submodule_that_is_a_twin(project: Project, is_hidden: bool) -> None:
    add_module(project, "Prompts", is_hidden=is_hidden)
    with pytest.raises(InputError, match="differs only in upper and lower case"):
        judge(project)
