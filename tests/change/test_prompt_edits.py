"""A prompt is left alone only if all of its files are the same on both sides of the change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from change.recorded_project import CONFIG, FILES, PROMPT, Project, prompt_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.change.prompt_edits import find_edited_prompts
from evalgate.change.workspace import PullRequest, open_pull_request
from evalgate.domain import Gate
from evalgate.errors import EvalgateError
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.tree import CommitTree
from evalgate.services.git import Git

MAIN, PARTS = "prompts/p.j2", ["prompts/a.j2", "prompts/parts/b.j2"]
JINJA = CONFIG.replace("prompts/p.prompt.yml", MAIN)
TEXTS = [
    "Answer {{query}}. {% include 'a.j2' %}",
    "Answer {{query}}. {% include 'a.j2' ignore missing %}",
    "Answer {{query}}. {% include ['parts/b.j2', 'a.j2'] %}",
]
STATES = ["Be exact.", "Be brief.", "Be {% if", "{% include 'parts/b.j2' %}", b"\xff", "LINK", None]
STATE = st.sampled_from(STATES)


def put(project: Project, path: str, state: str | bytes | None) -> None:
    file = project.root / path
    file.unlink(missing_ok=True)
    if state == "LINK":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to("elsewhere.txt")
    elif state is not None:
        project.write(path, state)


def start(project: Project, text: str, states: list[str | bytes | None], *, also: str | None = None) -> None:
    """Commit to `main` and switch to `work`."""
    for path, content in {**FILES, "evalgate.yml": JINJA, MAIN: text}.items():
        project.write(path, content)
    project.write("prompts/elsewhere.txt", "Be someone else.")
    for path, state in zip(PARTS, states, strict=True):
        put(project, path, state)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.commit("base")
    if also is not None:
        project.git("switch", "--quiet", "--create", "work")
        project.git("switch", "--quiet", "main")
        project.commit("the base goes on", **{MAIN: also})
        project.git("switch", "--quiet", "work")
    else:
        project.git("switch", "--quiet", "--create", "work")


def read(git: Git, commit: str, gate: Gate) -> str | None:
    """Return the digest of the prompt at a commit; None if it cannot be read."""
    try:
        return load_prompt(CommitTree(git, git.resolve(commit)), gate.prompt, gate.settings).digest
    except EvalgateError:
        return None


def open_change(project: Project) -> PullRequest:
    git = Git.open(project.root)
    return open_pull_request(git, "evalgate.yml", policy="main", head="work", verify=lambda criterion: None)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(text=st.sampled_from(TEXTS), before=st.tuples(STATE, STATE), after=st.tuples(STATE, STATE))
def test_a_prompt_that_reads_otherwise_or_no_longer_is_edited(
    tmp_path: Path, text: str, before: tuple[str | bytes | None, ...], after: tuple[str | bytes | None, ...]
) -> None:
    root = tmp_path / "example"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    project = Project(root.resolve())
    start(project, text, list(before))
    for path, state in zip(PARTS, after, strict=True):
        put(project, path, state)
    project.commit("change")
    opened = open_change(project)
    (gate,) = opened.config.gates
    was, now = read(opened.git, "main", gate), read(opened.git, "work", gate)
    found = find_edited_prompts(opened.config.gates, opened.change, opened.git)
    if was != now:
        assert found == (gate,)
        assert project.changed() == ["support"], "so it is for a run of the working tree"
    if before == after and "LINK" not in before:
        assert (found, project.changed()) == ((), []), "the change did not break it"


@pytest.mark.parametrize("there", [True, False])
def test_an_edit_of_a_file_that_only_the_base_s_prompt_includes_waits_for_a_person(tmp_path: Path, there: bool) -> None:
    project = Project(tmp_path.resolve())
    states: list[str | bytes | None] = ["Be exact.", "Be brief." if there else None]
    more = " {% include 'parts/b.j2' ignore missing %}"
    start(project, TEXTS[0], states, also=TEXTS[0] + more)
    project.commit("change", **{PARTS[1]: "Be wrong."})
    opened = open_change(project)
    assert find_edited_prompts(opened.config.gates, opened.change, opened.git) == ()
    assert [edit.path for edit in opened.change.changes] == [PARTS[1]]
    assert "the edit is not evaluated before the base is merged into this change" in opened.change.remarks[0]
    project.git("merge", "--quiet", "--no-edit", "main")
    opened = open_change(project)
    assert [gate.name for gate in find_edited_prompts(opened.config.gates, opened.change, opened.git)] == ["support"]
    assert opened.change.changes == ()


def test_another_order_of_the_properties_of_an_answer_is_an_edit(tmp_path: Path) -> None:
    def write(*names: str) -> str:
        properties = ", ".join(f"{name}: {{type: string}}" for name in names)
        schema = f"responseFormat: json_schema\njsonSchema: {{schema: {{properties: {{{properties}}}}}, name: a}}\n"
        return prompt_text(version=None, extra=schema)

    project = Project(tmp_path.resolve())
    for path, content in {**FILES, PROMPT: write("reasoning", "answer")}.items():
        project.write(path, content)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.commit("base")
    project.git("switch", "--quiet", "--create", "work")
    project.commit("answer first", **{PROMPT: write("answer", "reasoning")})
    opened = open_change(project)
    assert find_edited_prompts(opened.config.gates, opened.change, opened.git) == opened.config.gates
    assert project.changed() == ["support"]
    versions = project.resolve(opened.config.gates[0])
    assert versions.baseline is not None
    assert versions.candidate.normalized_digest != versions.baseline.normalized_digest


def test_front_matter_in_a_text_that_had_none_is_an_edit(tmp_path: Path) -> None:
    project = Project(tmp_path.resolve())
    start(project, TEXTS[0], ["Be exact.", None])
    project.commit("change", **{MAIN: f"---\n# Be rude.\n---\n{TEXTS[0]}"})
    opened = open_change(project)
    assert find_edited_prompts(opened.config.gates, opened.change, opened.git) == opened.config.gates
    assert project.changed() == ["support"]
