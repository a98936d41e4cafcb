"""Whose token it is: what GitHub tells, or who wrote what was written with it."""

from __future__ import annotations

import pytest
from github_server import GitHubServer

from evalgate.services.github import GitHub


@pytest.mark.parametrize("viewer", ["shop-ci[bot]", "shop-ci"])
def test_the_token_of_an_app_is_that_of_the_viewer(server: GitHubServer, gh: GitHub, viewer: str) -> None:
    server.state["viewer"] = viewer
    assert gh.login() == "shop-ci[bot]"


@pytest.mark.parametrize("write", ["status", "comment"])
def test_the_login_is_learned_from_the_first_text_that_is_written(server: GitHubServer, gh: GitHub, write: str) -> None:
    server.state["actor"] = "shop-ci[bot]"
    assert gh.login() == "github-actions[bot]"
    if write == "status":
        gh.set_status("a" * 40, state="success", description="", context="c", target_url="")
    else:
        gh.create_comment(7, "text")
    assert gh.login() == "shop-ci[bot]"
    assert server.calls().count("GET /user") == 1
