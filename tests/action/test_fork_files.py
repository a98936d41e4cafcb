"""A fork's change that edits no gated prompt and no rule succeeds without a key; any other waits for one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from action.gated_pull_request import Hub
from action.test_fork_approval import fork, last, report
from hypothesis import given
from hypothesis import strategies as st
from repository import Repository

from evalgate.action.fork_files import edits_any, list_gate_files, matches_pattern
from evalgate.change.pins import load_pins
from evalgate.change.workspace import open_commit
from evalgate.commands.validate import validate
from evalgate.inputs.config import load_config
from evalgate.inputs.recording_tree import RecordingTree
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git

PROMPT = "prompts/support.prompt.yml"
EVERYTHING = """\
format: 1
targets:
  app: {type: recorded, path: outputs.jsonl}
  api: {type: openai, base_url: "http://127.0.0.1:1/v1", api_key_env: KEY, model: m}
gates:
  - prompt: prompts/*.j2
    dataset: golden/{stem}.jsonl
    target: api
    checks: [{type: json_schema, schema: golden/schema.json}]
    judges: [{rubric: tone.md}]
  - name: pictured
    prompt: prompts/b.prompt.yml
    baseline: old/b.j2
    dataset: golden/b.jsonl
    target: {candidate: app, baseline: api}
    checks: [{type: is_json}]
"""
PICTURED = """\
name: b
messages:
  - role: user
    content: [{type: text, text: "{{query}}"}, {type: image, image: "{{picture}}"}]
"""


def untouched(hub: Hub, files: list, **more: object) -> bool:
    fork(hub, "")
    hub.server.state["pulls"]["7"]["files"] = files
    report(hub)
    return last(hub)[0] == "success"


@pytest.mark.parametrize(
    "files",
    [
        ["README.md"],
        [".evalgate.md", "docs/.evalgate/a.md"],
        ["docs/a.md", ("docs/b.md", "docs/c.md")],
        [f"docs/{n}.md" for n in range(2_999)],
    ],
)
def test_files_of_no_gate_need_no_key(hub: Hub, files: list) -> None:
    assert untouched(hub, files)
    assert hub.comments == []


@pytest.mark.parametrize(
    "files",
    [
        [PROMPT],
        ["README.md", "cases.jsonl"],
        ["evalgate.yml"],
        ["evalgate.pins.yml"],
        [(PROMPT, "prompts/other.prompt.yml")],
        [("README.md", PROMPT)],
        ["Prompts/Support.prompt.yml"],
        ["prompts"],
        [".evalgate/verdicts/a.json"],
        [("README.md", ".Evalgate")],
        ["docs/.gitattributes"],
        [*[f"docs/{n}.md" for n in range(150)], PROMPT],
        [f"docs/{n}.md" for n in range(3_000)],
    ],
    ids=[
        "prompt",
        "cases",
        "rules",
        "pins",
        "moved away",
        "moved there",
        "capitals",
        "folder",
        "the store",
        "a file in its place",
        "attributes",
        "second page",
        "many",
    ],
)
def test_a_file_of_a_gate_or_too_many_files_need_a_key(hub: Hub, files: list) -> None:
    assert not untouched(hub, files)


@pytest.mark.parametrize(("path", "alone"), [("prompts/new.prompt.yml", False), ("docs/new.md", True)])
def test_a_new_file_of_a_pattern_needs_a_key(path: str, alone: bool) -> None:
    gate = SimpleNamespace(pattern="prompts/**/*.prompt.yml")
    assert matches_pattern([path], [gate, SimpleNamespace(pattern=None)]) is not alone


@pytest.mark.parametrize(("path", "alone"), [("prompts/sub", False), ("prompts/a/b.md", False), ("docs", True)])
def test_a_file_that_may_be_a_link_to_prompts_of_a_pattern_needs_a_key(path: str, alone: bool) -> None:
    assert matches_pattern([path], [SimpleNamespace(pattern="prompts/**/*.prompt.yml")]) is not alone


def on_main(hub: Hub, **files: str | None) -> None:
    """Let the base go on after the branch began; None removes a file."""
    repository = hub.world.repository
    repository.git("switch", "--quiet", "main")
    for path, content in files.items():
        if content is None:
            repository.git("rm", "--quiet", path)
    hub.base = repository.commit("base", **{path: text for path, text in files.items() if text is not None})
    repository.git("switch", "--quiet", "work")


def join_main(hub: Hub) -> None:
    hub.world.repository.git("merge", "--quiet", "--ff-only", "main")


JINJA = "You answer. {% include 'parts/a.j2' %} {% include 'parts/b.j2' ignore missing %} {{query}} {{context}}\n"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("path", "free"),
    [
        ("prompts/parts/a.j2", False),
        ("prompts/parts/b.j2", False),  # optional, and not there
        ("prompts/parts", False),
        ("prompts/parts/c.j2", True),
    ],
)
def test_a_file_that_a_prompt_includes_needs_a_key(hub: Hub, path: str, free: bool, late: bool) -> None:
    """So it does if only the base includes it."""
    config = (hub.world.root / "evalgate.yml").read_text().replace(PROMPT, "prompts/support.j2")
    on_main(hub, **{"evalgate.yml": config, "prompts/support.j2": JINJA, "prompts/parts/a.j2": "Be exact.\n"})
    if not late:
        join_main(hub)
    assert untouched(hub, [path]) is free


@pytest.mark.parametrize(
    ("path", "free"), [(PROMPT, False), ("cases.jsonl", False), ("evalgate.yml", False), ("README.md", True)]
)
def test_a_file_that_the_base_has_moved_needs_a_key_where_it_was(hub: Hub, path: str, free: bool) -> None:
    """A merge carries the edit to the new path."""
    root, git = hub.world.root, hub.world.repository.git
    git("switch", "--quiet", "main")
    for folder in ("texts", "ci"):
        (root / folder).mkdir()
    for old, new in ((PROMPT, "texts/helpdesk.prompt.yml"), ("cases.jsonl", "texts/cases.jsonl")):
        git("mv", old, new)
        text = (root / "evalgate.yml").read_text().replace(f" {old}", f" ../{new}")
        (root / "evalgate.yml").write_text(text)
    git("mv", "evalgate.yml", "ci/evalgate.yml")
    hub.base = hub.world.repository.commit("moved")
    git("switch", "--quiet", "work")
    fork(hub, "")
    hub.server.state["pulls"]["7"]["files"] = [path]
    run = {"id": 3, "event": "pull_request", "head_sha": hub.head, "head_branch": "work"}
    run["head_repository"] = {"id": 8, "owner": {"login": "eve"}}
    event = {"workflow_run": run, "repository": {"id": 1, "default_branch": "main"}}
    hub.run("workflow_run", event, command="report", config="ci/evalgate.yml")
    assert (last(hub)[0] == "success") is free


def test_a_prompt_that_the_base_no_longer_gates_needs_no_key(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text()
    on_main(hub, **{"evalgate.yml": config.replace(PROMPT, "prompts/b.md"), "prompts/b.md": "{{query}}\n"})
    assert untouched(hub, [PROMPT])


def test_no_key_is_needed_where_the_base_had_no_gates_yet(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text()
    on_main(hub, **{"evalgate.yml": None})
    hub.world.repository.git("merge", "--quiet", "--ff-only", "main")
    on_main(hub, **{"evalgate.yml": config})
    assert untouched(hub, ["README.md"])


def test_a_merge_base_that_cannot_be_read_decides_nothing(hub: Hub) -> None:
    config = (hub.world.root / "evalgate.yml").read_text()
    on_main(hub, **{"evalgate.yml": "format: 9\n"})
    join_main(hub)
    on_main(hub, **{"evalgate.yml": config})
    assert not untouched(hub, ["README.md"])


@pytest.mark.parametrize("value", ["fail", "warn"])
@pytest.mark.parametrize(
    ("path", "is_prompt"),
    [
        ("prompts/refund.prompt.yml", True),
        (("README.md", "x.prompty"), True),
        (("prompts/refund.prompt.yml", None), False),
        (".github/x.prompt.yml", False),
        ("docs/page.md", False),
    ],
    ids=["new", "renamed", "removed", "hidden", "other"],
)
def test_a_prompt_without_a_gate_needs_a_key_where_the_base_refuses_it(
    hub: Hub, value: str, path: object, is_prompt: bool
) -> None:
    hub.configure("format: 1\n", f"format: 1\nungated: {value}\n")
    assert untouched(hub, [path]) is not (is_prompt and value == "fail")


def test_every_file_that_a_verdict_is_reached_by_needs_a_key(repository: Repository) -> None:
    """Loading and validating all gates reads no file besides."""
    files = {
        "evalgate.yml": EVERYTHING,
        "prompts/a.j2": "{% include 'parts/x.j2' %} {% include 'no.j2' ignore missing %} {{query}}\n",
        "prompts/parts/x.j2": "Be exact.\n",
        "prompts/b.prompt.yml": PICTURED,
        "old/b.j2": "{% include 'y.j2' %} {{query}}\n",
        "old/y.j2": "Be kind.\n",
        "golden/a.jsonl": '{"id": "a", "query": "q", "picture": "p.png"}\n',
        "golden/b.jsonl": '{"id": "b", "query": "q", "picture": "p.png"}\n',
        "outputs.jsonl": '{"case": "b", "text": "{}"}\n',
        "golden/schema.json": '{"$ref": "parts.json#/$defs/any"}\n',
        "golden/parts.json": '{"$defs": {"any": {"type": "object"}}}\n',
        "tone.md": "---\nname: tone\nversion: 1.0.0\nscale: {min: 1, max: 5}\ninputs: [output]\n---\nJudge.\n",
    }
    repository.write("golden/p.png", b"\x89PNG\r\n\x1a\n")
    view = CommitView(Git.open(repository.root), repository.commit("first", **files))
    commit = open_commit(view, "evalgate.yml", verify=None, environment={})
    recorded = RecordingTree(commit.tree)
    assert len(load_config(recorded, "evalgate.yml", environment={}).gates) == 2
    load_pins(recorded, "evalgate.pins.yml")
    validate(replace(commit, tree=recorded))
    assert {"prompts/parts/x.j2", "prompts/no.j2", "old/y.j2", "golden/p.png", "golden/parts.json"} <= recorded.paths
    assert recorded.paths <= list_gate_files(commit)


def test_a_push_during_the_lookup_decides_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalgate.services.github import GitHub

    listed = GitHub.files

    def push_meanwhile(self: GitHub, number: int) -> object:
        found = listed(self, number)
        hub.server.state["pulls"]["7"]["head"]["sha"] = "c" * 40
        return found

    monkeypatch.setattr(GitHub, "files", push_meanwhile)
    assert not untouched(hub, ["README.md"])


NAMES = st.sampled_from(["a", "b", "A", "c.yml"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@given(edited=st.lists(PATHS), gated=st.lists(PATHS, min_size=1))
def test_an_edit_of_a_gated_path_or_of_a_folder_of_it_is_seen(edited: list[str], gated: list[str]) -> None:
    folded = [path.casefold() for path in gated]
    expected = any(
        path.casefold() == other or other.startswith(f"{path.casefold()}/") for path in edited for other in folded
    )
    assert edits_any(edited, gated) is expected
