from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evalgate.domain import Failure, Message, Output, Request, Target
from evalgate.execute.providers.protocol import ProviderError
from evalgate.execute.providers.recorded import RecordedProvider, ReplayProvider
from evalgate.store.cache_entry import CacheEntry


def make_request(case: str = "c1", repeat: int = 0, **more: Any) -> Request:
    messages = (Message(role="user", content="hi"),)
    inputs = {"case": case}
    return Request(target="t", identity="i", model=None, messages=messages, inputs=inputs, repeat=repeat, **more)


def make_target(kind: Any = "recorded") -> Target:
    return Target(name="app", kind=kind, location="outputs.jsonl", identity="i")


def test_recorded_outputs_by_case_and_repeat() -> None:
    outputs = {
        ("c1", 0): Output(text="once", seconds=2.5),
        ("c2", 0): Output(text="first"),
        ("c2", 1): Output(text="second"),
        ("c3", 0): Failure(kind="infrastructure", message="timeout"),
    }
    provider = RecordedProvider(make_target(), outputs)

    def text(case: str, repeat: int) -> str:
        outcome = asyncio.run(provider.answer(make_request(case, repeat)))
        assert outcome.cached
        return outcome.text if isinstance(outcome, Output) else outcome.message

    assert [text("c1", 0), text("c1", 2)] == ["once", "once"], "recorded once, it stands for every repeat"
    assert [text("c2", 0), text("c2", 1)] == ["first", "second"]
    assert text("c3", 0) == "timeout"


@pytest.mark.parametrize(("case", "repeat", "missing"), [("c9", 0, "case c9"), ("c2", 2, "repeat 2 of case c2")])
def test_what_was_not_recorded_is_an_error(case: str, repeat: int, missing: str) -> None:
    provider = RecordedProvider(make_target(), {("c2", 0): Output(text="a"), ("c2", 1): Output(text="b")})
    with pytest.raises(ProviderError, match=f"outputs.jsonl has no output for {missing}") as caught:
        asyncio.run(provider.answer(make_request(case, repeat)))
    assert caught.value.fatal


def test_replay_by_key() -> None:
    asked, entry_asked = make_request(), make_request("c2")
    output = Output(text="x", seconds=5.1, cost_usd=0.0)
    recordings = {asked.key: output, entry_asked.key: CacheEntry(key=entry_asked.key, about="", outcome=output)}
    provider = ReplayProvider(make_target("local"), recordings, "recordings.jsonl")
    for request in (asked, entry_asked):
        assert asyncio.run(provider.answer(request)) == Output(text="x", seconds=5.1, cost_usd=0.0, cached=True)


@pytest.mark.parametrize(
    ("kind", "hints"),
    [
        ("local", ['pip install "prompt-evalgate[local]"', "evalgate model pull", "evalgate run --record"]),
        ("openai", ["evalgate run --record"]),
    ],
)
def test_replay_names_the_case_and_how_to_record(kind: str, hints: list[str]) -> None:
    provider = ReplayProvider(make_target(kind), {}, "golden/recordings.jsonl")
    with pytest.raises(
        ProviderError, match=r"golden/recordings\.jsonl has no recording for candidate, case c7"
    ) as caught:
        asyncio.run(provider.answer(make_request(about="candidate, case c7")))
    assert caught.value.fatal
    for hint in hints:
        assert hint in str(caught.value.hint)
