"""A client of GitHub on loopback, and a clock that its waits move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from github_server import GitHubServer

from evalgate.errors import ServiceError
from evalgate.services.github import GitHub

HEAD = "a" * 40
TOKEN = "ghs_nobodymayseethis"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
DENIED = "Resource not accessible by integration"


class Waits(list[float]):
    """The seconds waited, and a clock that they move."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0

    def __call__(self, seconds: float) -> None:
        self.append(seconds)
        self.now += seconds


def hub(server: GitHubServer, waits: Waits, note: Callable[[str], None] = lambda text: None, **more: Any) -> GitHub:
    options = {"token": TOKEN, "repository": "acme/prompts", "api_url": server.url, **more}
    return GitHub(**options, note=note, sleep=waits, now=lambda: waits.now)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ServiceError) as caught:
        call()
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)
