"""The configuration of a branch is read from its own commit, also in a job without a checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from action.gated_pull_request import Hub
from action.test_fork_approval import fork, last, report

from evalgate.services.git_settings import add_settings


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("checkout", ["none", "of another repository"])
def test_the_branch_and_the_merge_base_are_fetched_where_the_workspace_lacks_them(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: str, free: bool
) -> None:
    """The base has moved the prompt since: an edit where it was counts."""
    edit = "README.md" if free else "prompts/support.prompt.yml"
    fork(hub, "", files=(edit,))
    git, real = hub.world.repository.git, hub.world.root
    hub.server.state["merge_bases"][hub.head] = hub.base
    git("switch", "--quiet", "main")
    git("mv", "prompts/support.prompt.yml", "prompts/moved.prompt.yml")
    config = (real / "evalgate.yml").read_text().replace("prompts/support", "prompts/moved")
    hub.server.state["branches"]["main"] = hub.world.repository.commit("moved", **{"evalgate.yml": config})
    for name, value in add_settings(
        os.environ, [(f"url.{real.as_uri()}.insteadOf", "https://github.test/acme/prompts")]
    ).items():
        monkeypatch.setenv(name, value)
    hub.world.repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    monkeypatch.setattr(type(hub.world), "root", property(lambda self: tmp_path / "workspace"))
    (tmp_path / "workspace").mkdir()
    if checkout != "none":
        hub.world.repository.git("init", "--quiet", str(tmp_path / "workspace"))
    report(hub)
    assert (last(hub)[0] == "success") is free


def test_an_edit_of_a_gate_that_only_another_branch_has_counts_there(hub: Hub) -> None:
    fork(hub, "", files=("evalgate.yml",))
    report(hub)
    assert last(hub)[0] != "success"
