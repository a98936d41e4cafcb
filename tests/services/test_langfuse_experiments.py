"""Spans and scores of experiments against the fake server: batches, lost answers, pages, both forms of scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse_server import PUBLIC, SECRET, LangfuseServer

from evalgate.services import langfuse_pages
from evalgate.services.langfuse import LARGEST_REQUEST, Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseError, LangfuseLostError
from evalgate.services.langfuse_experiments import LangfuseExperiments, _split

SINCE = "2026-11-29T00:00:00.000Z"
START = 1795927317690153728


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_pages, "_WAIT_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


@pytest.fixture
def service(server: LangfuseServer) -> LangfuseExperiments:
    return open_service(server)


def open_service(server: LangfuseServer) -> LangfuseExperiments:
    return LangfuseExperiments(Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET)))


def make_span(number: int, output: str = "out", experiment: str = "exp") -> dict[str, Any]:
    root = f"{number + 1:016x}"
    about = {
        "id": experiment,
        "name": "a run",
        "item.id": f"case-{number}",
        "item.root_observation_id": root,
    }
    attributes = [
        {"key": f"langfuse.experiment.{key}", "value": {"stringValue": value}} for key, value in about.items()
    ]
    attributes.append({"key": "langfuse.observation.output", "value": {"stringValue": output}})
    times = {"startTimeUnixNano": str(START + number * 1000), "endTimeUnixNano": str(START + number * 1000 + 7)}
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": root,
        "name": "case",
        "kind": 1,
        **times,
        "attributes": attributes,
    }


def make_score(number: int, name: str = "fact", value: Any = 0.5, **more: Any) -> dict[str, Any]:
    ids = {"traceId": f"{number + 1:032x}", "observationId": f"{number + 1:016x}"}
    kind = "NUMERIC" if isinstance(value, float) else "CATEGORICAL"
    return {"id": f"{number}-{name}", "name": name, "value": value, "dataType": kind, **ids, **more}


def test_an_experiment_is_written_and_counted_back(server: LangfuseServer, service: LangfuseExperiments) -> None:
    service.check_keys()
    service.send_spans([make_span(number) for number in range(3)], tool_version="1.0")
    run = {"id": "exp-verdict", "name": "verdict", "value": "PASS", "dataType": "CATEGORICAL", "datasetRunId": "exp"}
    service.send_scores([*(make_score(number) for number in range(3)), run])
    assert service.count_items("exp", SINCE) == 3 and service.count_items("another", SINCE) == 0
    found = service.read_items("exp", SINCE)
    assert {one.id: dict(one.scores) for one in found.values()} == {
        f"{number + 1:016x}": {f"{number}-fact": 0.5} for number in range(3)
    }
    assert service.read_run_scores("exp") == {"exp-verdict": "PASS"} and service.read_items("another", SINCE) == {}
    assert service.read_trace_scores(f"{1:032x}") == {"0-fact": 0.5}


def test_all_pages_of_items_are_read(server: LangfuseServer, service: LangfuseExperiments) -> None:
    service.send_spans([make_span(number) for number in range(250)], tool_version="1.0")
    assert len(service.read_items("exp", SINCE)) == 250 == service.count_items("exp", SINCE)
    assert sum("experiment-items" in path for _, path, _ in server.requests) == 3


def test_a_span_and_a_score_that_are_sent_twice_are_there_once(service: LangfuseExperiments) -> None:
    for value in (0.25, 0.5):
        service.send_spans([make_span(0)], tool_version="1.0")
        service.send_scores([make_score(0, value=value)])
    assert service.count_items("exp", SINCE) == 1
    assert [dict(one.scores) for one in service.read_items("exp", SINCE).values()] == [{"0-fact": 0.5}]


def test_no_request_is_larger_than_the_server_takes(server: LangfuseServer, service: LangfuseExperiments) -> None:
    service.send_spans([make_span(number, output="é\\\n" * 60_000) for number in range(6)], tool_version="1.0")
    assert service.count_items("exp", SINCE) == 6
    sizes = [len(json.dumps(one, ensure_ascii=False).encode()) for one in server.rows.posted]
    assert len(sizes) == 3 and all(status == 200 for _, _, status in server.requests)


@given(
    sizes=st.lists(st.integers(min_value=0, max_value=400), max_size=40),
    largest=st.integers(min_value=1, max_value=900),
    most=st.integers(min_value=1, max_value=20),
)
def test_batches_keep_all_bodies_in_order_and_the_limits(sizes: list[int], largest: int, most: int) -> None:
    bodies = [{"n": str(number), "text": "é" * size} for number, size in enumerate(sizes)]
    batches = list(_split(bodies, largest, most=most))
    assert [body for some in batches for body in some] == bodies
    for some in batches:
        size = sum(len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()) + 1 for body in some)
        assert 1 <= len(some) <= most and (size <= largest or len(some) == 1)


@pytest.mark.parametrize("fault", [{"lost": "before"}, {"lost": "after"}, {"status": 500}, {"status": 429}])
def test_an_answer_that_is_lost_is_asked_for_again(
    server: LangfuseServer, service: LangfuseExperiments, fault: dict[str, Any]
) -> None:
    service.check_keys()
    for path in ("otel", "scores", "experiments", "experiment-items"):
        server.fail("*", path=path, count=3, **fault)
    service.send_spans([make_span(0)], tool_version="1.0")
    service.send_scores([make_score(0)])
    assert service.count_items("exp", SINCE) == 1 and len(service.read_items("exp", SINCE)) == 1
    server.fail("POST", path="otel", count=4, **fault)
    with pytest.raises(LangfuseLostError, match="1 spans"):
        service.send_spans([make_span(0)], tool_version="1.0")


def test_what_is_refused_is_sent_once(server: LangfuseServer, service: LangfuseExperiments) -> None:
    with pytest.raises(LangfuseError, match="expected number, received string"):
        service.send_scores([make_score(0, value="x", dataType="NUMERIC")])
    assert server.count("POST") == 1
    with pytest.raises(LangfuseError, match=r"refuses the request \(400\)"):
        service.send_spans([{**make_span(0), "traceId": "short"}], tool_version="1.0")


def test_spans_that_are_rejected_are_an_error(server: LangfuseServer, service: LangfuseExperiments) -> None:
    service.check_keys()
    server.fail("POST", status=200, body='{"partialSuccess": {"rejectedSpans": "2"}}', path="otel")
    with pytest.raises(LangfuseError, match="rejects 2 spans"):
        service.send_spans([make_span(0)], tool_version="1.0")


@pytest.mark.parametrize(("version", "form"), [("4.16.0", dict), ("4.58.9", dict), ("4.59.0", list), ("5.0.0", list)])
def test_the_form_of_scores_follows_the_version(version: str, form: type) -> None:
    with LangfuseServer(version=version) as server:
        service = open_service(server)
        service.send_scores([make_score(number, timestamp="2026-11-29T05:00:00Z") for number in range(20)])
        assert service.takes_arrays is (form is list)
        assert {type(one) for one in server.rows.posted} == {form} and len(server.rows.scores) == 20
        sent = server.rows.posted if form is dict else [one for some in server.rows.posted for one in some]
        assert all(("timestamp" in one) is (form is list) for one in sent)
        server.rows.reject = lambda score: score["id"] == "3-fact"
        if form is list:
            with pytest.raises(LangfuseError, match="rejects 1 of 15 scores: the score fact is rejected"):
                service.send_scores([make_score(number) for number in range(20)])


def test_an_answer_of_another_server_is_told(server: LangfuseServer, service: LangfuseExperiments) -> None:
    service.check_keys()
    for body in ('{"data": 7}', '{"data": [{"name": "x"}]}', "[]"):
        server.fail("GET", status=200, body=body, path="experiments")
        with pytest.raises(LangfuseError, match="not what Langfuse sends"):
            service.count_items("exp", SINCE)
    server.fail("GET", status=200, body="<html>", path="experiments", count=9)
    with pytest.raises(LangfuseError, match="not what Langfuse sends"):
        service.count_items("exp", SINCE)


def test_a_request_leaves_room_for_its_frame() -> None:
    assert LARGEST_REQUEST < 1024 * 1024
