"""GitHub on loopback, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from github_server import GitHubServer, ticking
from services.github_client import HEAD, TOKEN, Waits, hub

from evalgate.services.github import GitHub


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    made = GitHubServer({"token": TOKEN}, clock=ticking())
    made.add_pull(7, head=HEAD)
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def gh(server: GitHubServer, waits: Waits, notes: list[str]) -> Iterator[GitHub]:
    made = hub(server, waits, notes.append)
    yield made
    made.close()
    assert TOKEN not in "".join(notes)
