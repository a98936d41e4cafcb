"""Fixtures: a repository on a fake GitHub, a chat endpoint, and a runner that uses both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from action import harness
from action.gated_pull_request import hub  # noqa: F401 - a fixture
from action.harness import Machine
from action.hosted import Hosted
from action.langfuse_hub import langfuse_hub  # noqa: F401 - a fixture
from action.merged_change import released  # noqa: F401 - a fixture
from action.pull_request_comment import HEAD, START
from action.scheduled_ticks import ticks  # noqa: F401 - a fixture
from chat_server import ChatServer
from github_server import GitHubServer

from evalgate.services.github import GitHub

NOWHERE = "http://127.0.0.1:9"  # a closed port


@pytest.fixture
def hosted(tmp_path: Path, git_environment: None, chat_server: ChatServer) -> Hosted:
    return Hosted(tmp_path / "hosted", chat_url=chat_server.url)


@pytest.fixture
def machine(tmp_path: Path, hosted: Hosted) -> Callable[..., Machine]:
    """Return `machine(action=FOLDER, api_url=URL)`, which makes a runner for workflows of `hosted`."""
    if reason := harness.missing():
        pytest.skip(reason)

    def made(*, action: Path = tmp_path, api_url: str = NOWHERE) -> Machine:
        return Machine(tmp_path / "machine", hosted, action=action, api_url=api_url)

    return made


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    seconds = count()
    found = GitHubServer(clock=lambda: START + timedelta(seconds=next(seconds)))
    found.add_pull(7, head=HEAD)
    yield found
    found.close()
    assert found.violations == []


@pytest.fixture
def github(server: GitHubServer) -> Iterator[GitHub]:
    found = GitHub(token="t", repository="acme/prompts", api_url=server.url, note=lambda _: None, sleep=lambda _: None)
    yield found
    found.close()
