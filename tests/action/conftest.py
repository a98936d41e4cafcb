"""Fixtures: a repository on a fake GitHub, a chat endpoint, and a runner that uses both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from action import harness
from action.harness import Machine
from action.hosted import Hosted
from chat_server import ChatServer

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
