from __future__ import annotations

import datetime
from email.utils import format_datetime
from typing import Any

import pytest
from scripted_provider import make_request

from evalgate.execute.providers.protocol import ProviderError
from evalgate.execute.providers.refusals import explain_status, is_filtered


def explained(status: int, content: Any = None, scored: bool = False, **headers: str) -> ProviderError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = make_request("q", scale=(1, 5) if scored else None)
    return explain_status(status, content, named, who="api", model="gpt-x", key="the key in KEY", request=request)


@pytest.mark.parametrize(
    ("status", "content", "parts"),
    [
        (401, {"error": {"message": "bad key"}}, ["the key in KEY", "401", "bad key"]),
        (403, {"error": "no permission"}, ["the key in KEY", "403"]),
        (404, {"error": {"message": "no such model"}}, ['"gpt-x"', "base_url"]),
        (429, {"error": {"code": "insufficient_quota", "message": "quota"}}, ["payment", "429"]),
    ],
)
def test_statuses_that_no_retry_mends_are_fatal(status: int, content: Any, parts: list[str]) -> None:
    error = explained(status, content)
    assert error.fatal
    assert not error.retryable
    for part in parts:
        assert part in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("status", "content", "parts"),
    [
        (400, {"error": {"message": "maximum context length is 8192 tokens"}}, ["8192", "longer than the model"]),
        (403, {"error": "no"}, ["the key in KEY", "403", "check the key"]),
        (403, {"error": "the prompt was flagged by our policy"}, ["flagged"]),
        (413, {}, ["413"]),
        (422, "plain text", ["422", "plain text"]),
    ],
)
def test_refusals_that_may_be_about_one_request_are_not_fatal(status: int, content: Any, parts: list[str]) -> None:
    error = explained(status, content)
    assert error.refused
    assert not error.fatal
    assert not error.retryable
    for part in parts:
        assert part in f"{error.message} {error.hint}"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_statuses_that_pass_are_retried(status: int) -> None:
    error = explained(status)
    assert error.retryable
    assert not error.fatal


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert explained(429, **headers).retry_after == seconds


def test_retry_after_as_a_date() -> None:
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    assert explained(503, retry_after=format_datetime(then, usegmt=True)).retry_after == pytest.approx(30, abs=3)


def test_refused_logprobs_point_to_printed_scores() -> None:
    content = {"error": {"message": "'logprobs' is not supported with this model"}}
    assert "score: printed" in str(explained(400, content, scored=True).hint)
    assert explained(400, content, scored=False).hint is None


def test_filtered_is_azures_400() -> None:
    assert is_filtered(400, {"error": {"code": "content_filter"}})
    assert not is_filtered(400, {"error": {"code": "invalid"}})
    assert not is_filtered(401, {"error": {"code": "content_filter"}})


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation", "data_inspection_failed"])
def test_a_filters_code_counts_under_the_status_of_a_gateway(code: str) -> None:
    assert is_filtered(500, {"error": {"code": code}}) and is_filtered(400, {"error": {"type": code}})
    assert not is_filtered(500, {"error": {"code": "upstream", "message": "the content filter is down"}})


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (503, {"error": {"message": "Loading model", "type": "unavailable_error"}}),
        (503, {"error": "Model org/name is currently loading", "estimated_time": 20.5}),
        (500, "the engine is still starting"),
        (409, {"error": "the model is warming up"}),
    ],
)
def test_an_endpoint_that_loads_its_model_is_waited_for(status: int, content: Any) -> None:
    error = explain_status(status, content, {}, who="api", model="m", key="the key", startup_timeout=90.0)
    assert error.retryable and error.startup_timeout == 90.0
    assert "loading its model" in error.message


@pytest.mark.parametrize("content", [{"error": "overloaded, try later"}, "bad gateway", {}])
def test_a_busy_endpoint_is_not_one_that_loads(content: Any) -> None:
    error = explain_status(503, content, {}, who="api", model="m", key="the key", startup_timeout=90.0)
    assert error.retryable and error.startup_timeout is None
