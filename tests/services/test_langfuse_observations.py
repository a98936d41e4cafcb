from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer, find_contract

from evalgate.services import langfuse, langfuse_observations, langfuse_pages
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseError
from evalgate.services.langfuse_observations import LangfuseObservations

RECORD = find_contract() / "exchanges-server-4.16.0-release.jsonl"
SINCE = 1_795_000_000.0
AT = "2026-11-29T04:40:44.000Z"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_pages, "_WAIT_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def service(server: LangfuseServer) -> LangfuseObservations:
    return LangfuseObservations(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))


class Recorded:
    """A server that answers with a body, and keeps what it was asked."""

    url = "http://langfuse.test"

    def __init__(self, body: Any) -> None:
        self.body = {**body, "meta": {}}
        self.asked: dict[str, str] = {}

    def request(self, about: str, path: str, *, query: dict[str, str]) -> Any:
        self.asked = query
        return self.body


def load_exchange(step: str) -> Any:
    if not RECORD.is_file():
        pytest.skip("the recorded exchanges are not here")
    lines = map(json.loads, RECORD.read_text(encoding="utf-8").splitlines())
    return next(one for one in lines if one["step"] == step)


def read_observations(answer: Any) -> tuple[list[Any], dict[str, str]]:
    server: Any = Recorded(answer)
    pages = LangfuseObservations(server).stream_observations("support", SINCE, SINCE + 60)
    return [one for page in pages for one in page], server.asked


def read_scores(answer: Any, *names: str) -> list[Any]:
    server: Any = Recorded(answer)
    return [one for page in LangfuseObservations(server).stream_scores(names, SINCE, None) for one in page]


def test_recorded_observations_are_read() -> None:
    exchange = load_exchange("rows: observations of one prompt version since a time")
    found, asked = read_observations(exchange["response"]["body"])
    assert [one.id for one in found] == ["712842c57e10dc6f", "e62f0fb4f87da308", "18fa2c98e39b37f1"]
    first = found[0]
    assert (first.trace, first.at) == ("77506ffef6c101054c99043daad747c8", "2026-11-29T04:40:20.254Z")
    assert (first.user, first.is_error, first.seconds, first.cost_usd) == ("user-6", False, 0.86, 3.24e-05)
    assert (first.prompt_id, first.prompt_version) == ("39380689-d725-498e-a612-2f1f66bfb1cb", 2)
    assert (first.environment, first.metadata["variant"]) == ("default", "canary")
    # what is asked has the form of the recorded request
    recorded = dict(parse_qsl(exchange["request"]["query"]))
    forms = [
        [(one["type"], one["column"], one["operator"]) for one in json.loads(each["filter"])]
        for each in (asked, recorded)
    ]
    assert set(forms[0]) <= {*forms[1], ("datetime", "startTime", "<")}
    assert set(asked["fields"].split(",")) <= set(recorded["fields"].split(","))


def test_recorded_scores_are_read() -> None:
    found = read_scores(load_exchange("scores v3 with subject")["response"]["body"], "quality")
    assert [(one.observation, one.trace, one.value) for one in found] == [
        ("5c463971c27ef279", "ce3ac76d1d4a82fac30e1dc1db2cd4bb", 0.7),
        ("7741c39b1966bf8c", "6df04a4b39265ed805fb87d212107361", 0.7),
    ]


def make_observation(**facts: Any) -> dict[str, Any]:
    given = {
        "id": "a", "traceId": "t", "startTime": AT, "environment": "default", "userId": "ada", "level": "DEFAULT",
        "latency": 0.5, "totalCost": 0.25, "costDetails": {"total": 0.25}, "promptId": "p", "promptVersion": 1,
        "metadata": {},
    }  # fmt: skip
    return {"data": [{**given, **facts}]}


@pytest.mark.parametrize(("facts", "cost"), [
    ({"totalCost": 0, "costDetails": {}}, None),  # recorded: the answer of a model without a price
    ({"totalCost": 0, "costDetails": {"total": 0}}, 0),
    ({"totalCost": None, "costDetails": None}, None),
    ({"totalCost": 0.5, "costDetails": {}}, 0.5),
])  # fmt: skip
def test_a_cost_that_the_server_does_not_know_is_none(facts: dict[str, Any], cost: float | None) -> None:
    ((found,), _) = read_observations(make_observation(**facts))
    assert found.cost_usd == cost


@pytest.mark.parametrize("facts", [
    {"startTime": "yesterday"}, {"startTime": "2026-11-29T04:40:44"}, {"startTime": None}, {"userId": 7},
    {"latency": "0.5"}, {"latency": True}, {"totalCost": "NaN"}, {"promptVersion": "1"}, {"promptVersion": True},
    {"promptId": 7}, {"metadata": "x"}, {"traceId": ["t"]}, {"id": "\ud800"},
])  # fmt: skip
def test_an_observation_of_another_form_is_an_error(facts: dict[str, Any]) -> None:
    with pytest.raises(LangfuseError, match="the answers of support: the answer is not what Langfuse sends"):
        read_observations(make_observation(**facts))


@pytest.mark.parametrize(("kind", "value", "found"), [
    ("NUMERIC", 0.5, 0.5), ("NUMERIC", 7, 7), ("BOOLEAN", True, True), ("BOOLEAN", False, False),
    ("CATEGORICAL", "NaN", "NaN"), ("CATEGORICAL", "good", "good"), ("TEXT", "0.5", "0.5"), ("NUMERIC", "0.5", "0.5"),
    ("NUMERIC", True, "True"), ("BOOLEAN", 1, "1"), ("CATEGORICAL", 0.5, "0.5"), (None, 0.5, "0.5"),
    ("NUMERIC", None, "None"), ("NUMERIC", {"a": 1}, "{'a': 1}"),
])  # fmt: skip
def test_the_value_of_a_score_fits_its_type_or_is_a_text(kind: str | None, value: Any, found: Any) -> None:
    row = {"id": "s", "name": "helpful", "timestamp": AT, "dataType": kind, "value": value}
    (one,) = read_scores({"data": [{**row, "subject": {"kind": "trace", "id": "t"}}]}, "helpful")
    assert (type(one.value), one.value, one.trace, one.observation) == (type(found), found, "t", "")


@pytest.mark.parametrize(("subject", "message"), [
    (None, "the scores"), ({"kind": "trace"}, "the scores"), ({"kind": "observation", "id": 7}, "the scores"),
])  # fmt: skip
def test_a_score_without_a_subject_is_an_error(subject: Any, message: str) -> None:
    row = {"id": "s", "name": "helpful", "timestamp": AT, "dataType": "NUMERIC", "value": 1, "subject": subject}
    with pytest.raises(LangfuseError, match=f"{message}: the answer is not what Langfuse sends"):
        read_scores({"data": [row]}, "helpful")


def test_other_scores_are_left_out(service: LangfuseObservations, server: LangfuseServer) -> None:
    for subject in (
        {"traceId": "t"},
        {"traceId": "t", "observationId": "o"},
        {"sessionId": "s"},
        {"datasetRunId": "d"},
    ):
        server.rows.seed_score(name="a,b", value=1, timestamp=AT, **subject)
    server.rows.seed_score(name="b", value=1, timestamp=AT, traceId="t")
    server.rows.seed_score(name="other", value=1, timestamp=AT, traceId="t")
    found = [one for page in service.stream_scores(["a,b", "b"], SINCE, None) for one in page]
    assert sorted((one.name, one.observation) for one in found) == [("a,b", ""), ("a,b", "o"), ("b", "")]
    assert [one for page in service.stream_scores(["b"], SINCE, SINCE + 1) for one in page] == []
    assert server.requests[-1][1].endswith("&name=b")


def test_pages_have_no_more_than_the_server_sends(
    service: LangfuseObservations, server: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        server.rows.seed_span(
            start=f"2026-11-29T04:40:0{number}.000Z",
            **{"langfuse.observation.prompt.name": "support", "langfuse.observation.prompt.version": 1},
        )
    monkeypatch.setattr(langfuse_observations, "OBSERVATIONS_A_PAGE", 2)
    pages = [len(page) for page in service.stream_observations("support", SINCE, None)]
    assert pages == [2, 2, 1]
    assert list(service.stream_observations("other", SINCE, None)) == [[]]


def test_the_server_may_ask_to_wait(
    service: LangfuseObservations, server: LangfuseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of Langfuse Cloud allows so many requests a minute."""
    slept: list[float] = []
    monkeypatch.setattr(langfuse, "time", type("Clock", (), {"sleep": slept.append, "time": time.time}))
    server.fail("GET", status=429, count=2, path="scores", headers={"retry-after": "20"})
    assert [one for page in service.stream_scores(["b"], SINCE, None) for one in page] == []
    assert slept == [20.0, 20.0]
    server.fail("GET", status=429, count=100, path="scores", headers={"retry-after": "30"})
    with pytest.raises(LangfuseError, match="the server answered 429 again and again"):
        list(service.stream_scores(["b"], SINCE, None))
    assert sum(slept) <= 120
