"""The batch provider under the engine, against the endpoints' own shapes."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from chat_server import Received, Reply, completion, error
from scripted_provider import answer_only, judged, make_result, make_trials

from evalgate.domain import Batching, Calls, Failure, Limits, Outcome, Output, Prices, Request, Result, Target, Trial
from evalgate.errors import InputError, ServiceError
from evalgate.execute.engine import Engine, EngineRun
from evalgate.execute.providers.batch.api import BatchEndpoint
from evalgate.execute.providers.batch.provider import BatchProvider
from evalgate.execute.providers.batch.records import BatchRecord, BatchRecords

KEY = "sk-secret-123"
FAST = Batching(poll_seconds=0.02, collect_seconds=0.05)


class Batched:
    """An engine over one batch endpoint, as often as a test wants to start it."""

    def __init__(self, server: BatchServer, folder: Path) -> None:
        self.server = server
        self.folder = folder / "batches"
        self.notes: list[str] = []

    def records(self, run: str = "run", **more: Any) -> BatchRecords:
        return BatchRecords(self.folder, run, **more)

    def provider(self, records: BatchRecords | None = None, **more: Any) -> BatchProvider:
        target = Target(
            name="t",
            kind="openai",
            location=self.server.url,
            identity="i",
            model="m",
            api_key_env="MY_KEY",
            prices=more.pop("prices", Prices(input=1, output=10)),
        )
        key = more.pop("key", KEY)
        endpoint = BatchEndpoint(target if key else replace(target, api_key_env=None), key, 10)
        settings = {"batching": FAST, "note": self.notes.append, **more}
        return BatchProvider(endpoint, target, records or self.records(), **settings)

    def run(
        self, count: int, *, model: Any = None, evaluate: Any = answer_only, limits: Limits | None = None, **more: Any
    ) -> EngineRun:
        trials = make_trials(count)
        if model is not None:
            named = [replace(trial.request, model=model(n)) for n, trial in enumerate(trials)]
            trials = [
                replace(trial, ask=lambda *_, request=request: request)
                for trial, request in zip(trials, named, strict=True)
            ]
        provider = self.provider(**more)
        # fewer slots than trials: a round must not be cut by them
        with Engine(
            {"t": provider, "judge": provider}, limits=limits or Limits(concurrency=2), backoff=0.001
        ) as engine:
            return engine.run(trials, evaluate)

    def kept(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]


@pytest.fixture
def batched(batch_server: BatchServer, tmp_path: Path) -> Batched:
    batch_server.script = echo
    return Batched(batch_server, tmp_path)


def echo(received: Received, number: int) -> Reply:
    return Reply(body=completion(f"re {said(received)}"))


def said(received: Received) -> str:
    return received.body["messages"][0]["content"]


def texts(run: EngineRun) -> list[str | None]:
    return [r.outcome.text if isinstance(r.outcome, Output) else None for r in run.results]


def test_a_round_is_one_file_one_batch_at_half_the_price(batched: Batched) -> None:
    run = batched.run(40)
    assert texts(run) == [f"re q{n}" for n in range(40)]
    assert run.calls == Calls(made=40)
    assert run.cost_usd == pytest.approx(40 * (100 * 1 + 10 * 10) / 1e6 / 2)
    server = batched.server
    assert (server.count("POST /v1/files"), server.count("POST /v1/batches")) == (1, 1)
    lines = server.lines(0)
    assert [line["custom_id"] for line in lines] == [trial.request.key for trial in make_trials(40)]
    assert lines[3] == {
        "custom_id": make_trials(4)[3].request.key,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "q3"}]},
    }
    assert server.keys == {f"Bearer {KEY}"}
    assert batched.notes[0] == 'batch batch_0: 40 requests to target "t"'
    assert batched.notes[-1] == "batch batch_0: completed, 40 of 40 done"
    assert all(result.outcome.seconds is None for result in run.results)


def test_an_endpoint_that_needs_no_key_is_sent_none(batched: Batched) -> None:
    batched.server.faults = {"POST /v1/batches": [error(500, "lost")]}  # so that the list is asked for too
    assert texts(batched.run(3, key=None)) == ["re q0", "re q1", "re q2"]
    assert batched.server.keys == {""}


def test_a_judge_round_is_a_second_batch(batched: Batched) -> None:
    run = batched.run(12, evaluate=judged)
    assert [reply.text for reply in run.results[5].replies["x"]] == ["re judge a: re q5", "re judge b: re q5"]
    assert [len(batched.server.lines(n)) for n in range(2)] == [12, 24]
    assert len(batched.server.batches) == 2


def test_a_batch_holds_one_model(batched: Batched) -> None:
    run = batched.run(10, model=lambda n: "big" if n % 2 else "small")
    assert texts(run) == [f"re q{n}" for n in range(10)]
    assert [{line["body"]["model"] for line in batched.server.lines(n)} for n in range(2)] == [{"small"}, {"big"}]


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [({"most_requests": 4}, [4, 4, 3]), ({"most_bytes": 800}, [4, 4, 3]), ({"most_bytes": 1}, [1] * 11)],
)
def test_the_limits_of_a_batch_split_a_round(batched: Batched, limits: dict[str, int], sizes: list[int]) -> None:
    run = batched.run(11, **limits)
    assert texts(run) == [f"re q{n}" for n in range(11)]
    assert [len(batched.server.lines(n)) for n in range(len(batched.server.batches))] == sizes
    if "most_bytes" in limits and limits["most_bytes"] > 1:
        assert all(
            len(content) <= limits["most_bytes"] for name, content in batched.server.files.items() if name == "file-0"
        )


def test_failures_go_into_the_next_batch(batched: Batched) -> None:
    faults = {
        "q1": error(429, "slow down"),
        "q2": error(500, "oops"),
        "q3": Reply(fault="reset"),
        "q4": Reply(body={"choices": "none"}),
    }

    def script(received: Received, number: int) -> Reply:
        return faults.pop(said(received), None) or echo(received, number)

    batched.server.script = script
    run = batched.run(8)
    assert texts(run) == [f"re q{n}" for n in range(8)]
    assert [len(batched.server.lines(n)) for n in range(2)] == [8, 4]
    assert run.calls == Calls(made=8)


def test_an_expired_batch_keeps_what_was_answered(batched: Batched) -> None:
    batched.server.ends = lambda batch, n: "expired" if n == 0 else "completed"
    batched.server.script = lambda received, n: Reply(fault="reset") if 2 <= n < 6 else echo(received, n)
    run = batched.run(6)
    assert texts(run) == [f"re q{n}" for n in range(6)]
    assert [len(batched.server.lines(n)) for n in range(2)] == [6, 4]


def test_what_fails_in_every_batch_is_lost_alone_and_does_not_end_the_run(batched: Batched) -> None:
    batched.server.script = lambda received, n: (
        error(503, "busy") if int(said(received)[1:]) < 40 else echo(received, n)
    )
    run = batched.run(50, attempts=3)
    assert len(batched.server.batches) == 3
    outcome = run.results[0].outcome
    assert isinstance(outcome, Failure)
    assert outcome.kind == "infrastructure"
    assert outcome.message.endswith("answered 503: busy (in 3 batches)")
    assert [text is not None for text in texts(run)] == [n >= 40 for n in range(50)]


def test_a_refusal_and_a_filter_are_answers(batched: Batched) -> None:
    replies = [Reply(body=completion(None, message={"refusal": "no"})), error(400, "filtered", code="content_filter")]
    batched.server.script = lambda received, n: replies[n]
    run = batched.run(2)
    assert [result.outcome.kind for result in run.results] == ["unusable", "unusable"]
    assert run.results[0].outcome.cost_usd == pytest.approx(0.0001)


def test_a_line_may_hold_what_other_readers_take_for_its_end(batched: Batched) -> None:
    text = "one\u2028two\x85three\x0bfour\nfive"
    batched.server.script = lambda received, n: Reply(body=completion(text))
    assert texts(batched.run(3)) == [text] * 3


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (error(401, f"bad key {KEY}"), "refused the key in MY_KEY (401): bad key ***"),
        (error(429, "no money", code="insufficient_quota"), "requires payment (429): no money"),
    ],
)
def test_a_line_that_no_other_try_can_mend_ends_the_run(batched: Batched, reply: Reply, message: str) -> None:
    batched.server.script = lambda received, n: reply if n == 3 else echo(received, n)
    with pytest.raises(ServiceError) as caught:
        batched.run(6)
    assert message in str(caught.value)
    # what was answered is paid: the next run fetches it, and sends the one request anew
    batched.server.script = echo
    assert texts(batched.run(6)) == [f"re q{n}" for n in range(6)]
    assert [len(batched.server.lines(n)) for n in range(2)] == [6, 1]


def test_a_line_that_is_refused_leaves_its_case_undecided(batched: Batched) -> None:
    said = "This model's maximum context length is 8192 tokens"
    batched.server.script = lambda received, n: error(400, said) if n in range(3, 15) else echo(received, n)
    results = batched.run(20).results
    failed = [n for n, result in enumerate(results) if isinstance(result.outcome, Failure)]
    assert len(failed) == 12
    assert all(said in results[n].outcome.message for n in failed)


def test_a_line_that_is_accepted_in_another_form_goes_into_the_next_batch(batched: Batched) -> None:
    batched.server.script = lambda received, n: (
        error(400, "Unsupported parameter: 'seed' is not supported with this model.")
        if "seed" in received.body
        else echo(received, n)
    )

    def with_seed(trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
        (outcome,) = yield [replace(trial.request, parameters={"seed": 1})]
        return make_result(trial, outcome)

    run = batched.run(6, evaluate=with_seed)
    assert texts(run) == [f"re q{n}" for n in range(6)]
    assert [len(batched.server.lines(n)) for n in range(2)] == [6, 6]
    assert run.calls == Calls(made=6)


def test_a_batch_that_is_refused_as_a_whole_names_why(batched: Batched) -> None:
    fault = {
        "code": "model_not_found",
        "line": 1,
        "message": "The provided model 'm' is not supported by the Batch API.",
        "param": "body.model",
    }
    batched.server.ends = lambda batch, n: {"status": "failed", "errors": {"object": "list", "data": [fault]}}
    with pytest.raises(ServiceError, match="refused batch batch_0: line 1: The provided model 'm' is not supported"):
        batched.run(3)
    assert batched.kept() == []


def test_a_batch_that_somebody_cancelled_is_not_sent_again_by_itself(batched: Batched) -> None:
    batched.server.ends = lambda batch, n: "cancelled" if n == 0 else "completed"
    batched.server.script = lambda received, n: Reply(fault="reset") if n == 1 else echo(received, n)
    with pytest.raises(ServiceError, match="batch batch_0 was cancelled at"):
        batched.run(3)
    assert len(batched.server.batches) == 1
    assert texts(batched.run(3)) == ["re q0", "re q1", "re q2"]
    assert len(batched.server.lines(1)) == 1


def test_an_endpoint_without_a_batch_api_says_so(batched: Batched) -> None:
    batched.server.faults["POST /v1/files"] = [error(404, "no such route") for _ in range(9)]
    with pytest.raises(ServiceError, match="cannot accept the file of requests \\(404\\)") as caught:
        batched.run(3)
    assert "Batch API" in str(caught.value.faults[0].hint)


def test_uploads_polls_and_downloads_are_tried_again(batched: Batched) -> None:
    batched.server.faults = {
        "POST /v1/files": [error(500, "a"), Reply(fault="reset"), Reply(body=b"what")],
        "POST /v1/batches": [Reply(body=b"{}")],
        "GET /v1/batches/": [error(502, "b"), error(429, "c"), Reply(fault="reset"), Reply(body=b"<html>")],
        "GET /v1/files/": [Reply(body=b"{" * 1000, fault="truncate"), error(500, "d")],
    }
    assert texts(batched.run(5, limits=Limits(attempts=9, concurrency=2))) == [f"re q{n}" for n in range(5)]
    assert len(batched.server.batches) == 1
    assert not any(batched.server.faults.values())


def test_a_batch_whose_creation_was_not_heard_of_is_found(batched: Batched) -> None:
    def lose_the_reply() -> None:
        batched.server.after_create = lambda: None
        raise ConnectionError  # the handler dies, the batch lives

    batched.server.after_create = lose_the_reply
    assert texts(batched.run(5)) == [f"re q{n}" for n in range(5)]
    assert batched.server.count("POST /v1/batches") == 1


def test_a_full_queue_is_waited_for_with_smaller_batches(batched: Batched) -> None:
    fault = {
        "code": "token_limit_exceeded",
        "line": None,
        "message": "Enqueued token limit reached for m",
        "param": None,
    }

    def ends(batch: dict[str, Any], number: int) -> str | dict[str, Any]:
        under_way = sum(b["status"] in ("validating", "in_progress") for b in batched.server.batches.values())
        full = under_way > 1 or len(batched.server.lines(number)) > 5
        return {"status": "failed", "errors": {"object": "list", "data": [fault]}} if full else "completed"

    batched.server.ends = ends
    assert texts(batched.run(16)) == [f"re q{n}" for n in range(16)]
    sizes = [len(batched.server.lines(n)) for n in range(len(batched.server.batches))]
    assert sizes == [16, 8, 8, 4, 4, 4, 4] or sizes[-4:] == [4, 4, 4, 4], sizes


def test_a_queue_without_room_for_one_request_ends_the_run(batched: Batched) -> None:
    fault = {"code": "token_limit_exceeded", "message": "Enqueued token limit reached for m"}
    batched.server.ends = lambda batch, n: {"status": "failed", "errors": {"data": [fault]}}
    with pytest.raises(ServiceError, match="its batch queue does not accept even one request"):
        batched.run(3)


def test_the_limit_in_dollars_counts_what_might_be_spent(batched: Batched) -> None:
    # a line of about 190 bytes and an answer of at most 256 tokens: about 0.0013 dollars at half the price
    run = batched.run(10, max_cost_usd=0.0042)
    assert [text is not None for text in texts(run)] == [True] * 3 + [False] * 7
    assert run.results[9].outcome.message.startswith("not evaluated: its estimated cost would exceed")
    assert len(batched.server.lines(0)) == 3


def test_a_target_without_a_key_is_refused_before_anything_is_sent(batched: Batched) -> None:
    target = Target(name="t", kind="openai", location=batched.server.url, identity="i", api_key_env="MY_KEY")
    with pytest.raises(InputError, match="MY_KEY is not set"):
        BatchEndpoint(target, None, 10)


def test_an_old_record_is_not_waited_for(batched: Batched) -> None:
    records = batched.records()
    key = make_trials(1)[0].request.key
    month = BatchRecord(token="x", id="batch_9", identity="i", run="run", created=time.time() - 30 * 86400, keys=(key,))
    records.store(month)
    (batched.folder / "torn.json").write_text('{"token": "y"')
    assert texts(batched.run(1)) == ["re q0"]
    assert batched.server.count("GET /v1/batches/batch_9") == 0
    assert [record["id"] for record in batched.kept()] == ["batch_0"]


def test_a_file_with_two_answers_to_each_request_gives_none(batched: Batched) -> None:
    own = batched.server._by_name

    def doubled(path: str) -> Reply:
        reply = own(path)
        assert isinstance(reply.body, bytes | dict)
        if path.endswith("/content"):
            reply = replace(reply, body=reply.body + reply.body.replace(b"re q", b"or q"))
        return reply

    batched.server._by_name = doubled
    run = batched.run(2, attempts=2)
    assert texts(run) == [None, None]
    assert len(batched.server.batches) == 2
