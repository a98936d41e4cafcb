"""A fork's change that edits no gated prompt and no rule succeeds without a key; any other waits for one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from action.gated_pull_request import Hub
from action.test_fork_approval import fork, last, report
from hypothesis import given
from hypothesis import strategies as st

from evalgate.action.fork_files import edits_any, matches_pattern

PROMPT = "prompts/support.prompt.yml"


def untouched(hub: Hub, files: list, **more: object) -> bool:
    fork(hub, "")
    hub.server.state["pulls"]["7"]["files"] = files
    report(hub)
    return last(hub)[0] == "success"


@pytest.mark.parametrize(
    "files", [["README.md"], ["docs/a.md", ("docs/b.md", "docs/c.md")], [f"docs/{n}.md" for n in range(2_999)]]
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
        [*[f"docs/{n}.md" for n in range(150)], PROMPT],
        [f"docs/{n}.md" for n in range(3_000)],
    ],
    ids=["prompt", "cases", "rules", "pins", "moved away", "moved there", "capitals", "folder", "second page", "many"],
)
def test_a_file_of_a_gate_or_too_many_files_need_a_key(hub: Hub, files: list) -> None:
    assert not untouched(hub, files)


@pytest.mark.parametrize(("path", "alone"), [("prompts/new.prompt.yml", False), ("docs/new.md", True)])
def test_a_new_file_of_a_pattern_needs_a_key(path: str, alone: bool) -> None:
    gate = SimpleNamespace(pattern="prompts/**/*.prompt.yml")
    assert matches_pattern([path], [gate, SimpleNamespace(pattern=None)]) is not alone


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
