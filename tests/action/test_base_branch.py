"""The configuration of a branch is read from its own commit, also in a job without a checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from action.gated_pull_request import Hub
from action.test_fork_approval import fork, last, report

from evalgate.services.git_settings import add_settings


@pytest.mark.parametrize("checkout", ["none", "of another repository"])
def test_the_branch_is_fetched_where_the_workspace_lacks_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: str
) -> None:
    fork(hub, "", files=("README.md",))
    real = hub.world.root
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
    assert last(hub)[0] == "success"


def test_an_edit_of_a_gate_that_only_another_branch_has_counts_there(hub: Hub) -> None:
    fork(hub, "", files=("evalgate.yml",))
    report(hub)
    assert last(hub)[0] != "success"
