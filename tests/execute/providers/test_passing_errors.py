from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from evalgate.execute.providers.passing_errors import is_passing


class RateLimitError(Exception):
    """As the packages of providers call it."""


class StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__("failed")
        self.status_code = status


def raised_from(cause: BaseException) -> BaseException:
    error = ValueError("no answer")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("x"),
        TimeoutError(),
        OSError("name resolution"),
        asyncio.CancelledError(),
        RateLimitError("slow down"),
        RuntimeError("the request timed out"),
        RuntimeError("HTTP 503"),
        StatusError(429),
        StatusError(500),
        raised_from(ConnectionError("x")),
        "upstream: 502",
        "overloaded",
    ],
    ids=repr,
)
def test_an_error_of_a_connection_or_a_busy_service_passes(error: Any) -> None:
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        json.JSONDecodeError("Expecting value", "x", 0),
        KeyError("answer"),
        RecursionError(),
        StatusError(400),
        raised_from(KeyError("x")),
        "no tool for this",
        True,
    ],
    ids=repr,
)
def test_any_other_error_counts(error: Any) -> None:
    assert not is_passing(error)


def test_causes_in_a_circle_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_passing(first)
