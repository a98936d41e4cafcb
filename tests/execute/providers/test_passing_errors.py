from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from evalgate.execute.providers.passing_errors import describe_error, is_passing


class RateLimitError(Exception):
    """As the packages of providers call it."""


class StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__("failed")
        self.status_code = status


def of_client(base: type[Exception], said: str, **attributes: Any) -> Exception:
    """An error as a client library raises it: each keeps the HTTP status in a place of its own."""
    error = base(said)
    vars(error).update(attributes)
    return error


def replied(status: int) -> Any:
    return SimpleNamespace(status_code=status)


def of_cloud(code: str, status: int) -> Exception:
    reply = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return of_client(Exception, f"An error occurred ({code}) when calling the Converse operation", response=reply)


def named(name: str, said: str, base: type[Exception] = Exception) -> Exception:
    error: Exception = type(name, (base,), {})(said)
    return error


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
        of_client(Exception, "Server error '520 ' for url", response=replied(520)),
        of_client(OSError, "502 Server Error", response=replied(502)),
        of_client(Exception, "", status=522),
        of_client(Exception, "503 UNAVAILABLE", code=503),
        of_cloud("ThrottlingException", 429),
        of_cloud("InternalServerException", 500),
        named("APIError", "The server had an error while processing your request. Sorry about that!"),
        named("APIStatusError", "{'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}"),
        named("ResourceExhausted", "Quota exceeded"),
        named("ClientPayloadError", "Response payload is not completed"),
        named("AioRpcError", "status = StatusCode.UNAVAILABLE"),
        named("OperationalError", "server closed the connection unexpectedly"),
        named("MaxRetryError", "Max retries exceeded with url"),
        ValueError("Ollama call failed with status code 500"),
        ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("x"), StatusError(429)]),
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
        of_client(OSError, "400 Client Error: Bad Request for url: http://x/503/v1", response=replied(400)),
        of_client(OSError, "HTTP Error 403: filtered", code=403),
        of_cloud("ValidationException", 400),
        FileNotFoundError(2, "No such file or directory", "what the model wrote"),
        named("OutputParserException", "Could not parse: `Sorry, the service is unavailable`", ValueError),
        ValueError("the rate limit is 500"),
        RuntimeError("expected 120 words, got 504 words"),
        RuntimeError("this item is unavailable"),
        RuntimeError("no call in the reply: The service is unavailable, please try again later"),
        KeyError(504),
        named("NetworkXNoPath", "no path"),
        named("ProductUnavailableError", "no tent"),
        named("OperationalError", "no such column: price"),
        raised_from(StatusError(400)),
        True,
    ],
    ids=repr,
)
def test_any_other_error_counts(error: Any) -> None:
    assert not is_passing(error)


def test_a_status_counts_whatever_came_before() -> None:
    error = StatusError(400)
    error.__context__ = TimeoutError()
    assert not is_passing(error)


def test_an_error_that_has_no_text_of_its_own_is_described_and_counts() -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise AttributeError("no reply")

        @property
        def response(self) -> None:
            raise RuntimeError("no reply")

    assert describe_error(BrokenError()) == "BrokenError"
    assert describe_error(KeyError("x")) == "KeyError: 'x'"
    assert not is_passing(BrokenError())


def test_causes_in_a_circle_end() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_passing(first)
