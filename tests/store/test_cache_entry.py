from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Failure, Outcome, Output, Score, ScoreToken, Usage, encode_outcome
from evalgate.domain.answered import score_answered
from evalgate.store import codec
from evalgate.store.cache_entry import CacheEntry, dump, is_answer, load

OUTCOMES: list[Outcome] = [
    Output(
        text='zwölf "quoted"\nlines\u2028',
        finish_reason="length",
        served_by="m/fp",
        usage=Usage(input_tokens=3, output_tokens=4),
        seconds=0.25,
        cost_usd=0.001,
        score_tokens=(ScoreToken(token=4, logprobs={3: -1.5, 4: -0.25}),),
    ),
    Output(text=""),
    Output(text="half a pair \ud83d"),
    Failure(kind="unusable", message="refused", usage=Usage(output_tokens=1), cost_usd=0.5),
]


@pytest.mark.parametrize("created", [None, 1790000000.0])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_entry_comes_back_from_one_line_of_utf_8(outcome: Outcome, created: float | None) -> None:
    entry = CacheEntry(key="k", about="case a", outcome=outcome, created=created)
    line = dump(entry)
    assert "\n" not in line
    assert load(line.encode()) == entry


def test_what_says_nothing_and_whether_it_was_cached_are_left_out() -> None:
    line = dump(CacheEntry(key="k", about="case a", outcome=Output(text="x", cached=True)))
    assert json.loads(line) == {"key": "k", "about": "case a", "text": "x", "finish_reason": "stop"}


@pytest.mark.parametrize(
    "line", ["", "[]", "{", "[" * 100_000, '{"key": ""}', '{"key": "k"}', '{"key": "k", "text": 5}']
)
def test_what_is_no_entry_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not an o"):
        load(line)


@pytest.mark.parametrize("created", ["yesterday", "2026-01-02T03:04:05", 5])
def test_a_moment_that_is_none_is_a_value_error(created: object) -> None:
    with pytest.raises(ValueError, match="not a date and time in ISO 8601"):
        load(json.dumps({"key": "k", "text": "x", "created": created}))


def test_only_a_failed_call_is_no_answer() -> None:
    kinds = [is_answer(Failure(kind=kind, message="")) for kind in ("unusable", "infrastructure")]
    assert [is_answer(Output(text="")), *kinds] == [True, True, False]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("1e999"),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "token", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
STORED = {
    "key": "k",
    "about": "case a",
    "text": "x",
    "finish_reason": "stop",
    "served_by": "m",
    "usage": {"input_tokens": 1, "output_tokens": 2},
    "seconds": 0.5,
    "cost_usd": 0.1,
    "score_tokens": [{"token": 4, "logprobs": {"4": -0.5}}],
    "tool_calls": [{"name": "f", "arguments": "{}"}],
    "mark": 1,
    "reasoning": "r",
}
PLACES = [*([key] for key in STORED), *(["usage", key] for key in STORED["usage"])]  # type: ignore[attr-defined]
PLACES += [["score_tokens", 0, "token"], ["score_tokens", 0, "logprobs"], ["score_tokens", 0, "logprobs", "4"]]
PLACES += [["tool_calls", 0], ["tool_calls", 0, "name"], ["tool_calls", 0, "arguments"]]


@given(st.sampled_from(PLACES), JSON)
def test_an_entry_from_elsewhere_is_refused_or_can_be_used_in_a_report(place: list[str | int], value: object) -> None:
    data = json.loads(json.dumps(STORED))
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    try:
        entry = load(json.dumps(data))
    except ValueError:
        return
    assert isinstance(score_answered(entry.outcome, "fail"), Score) or isinstance(entry.outcome, Failure)
    assert (
        codec.decode(Outcome, json.loads(json.dumps(encode_outcome(entry.outcome), allow_nan=False)), "")
        == entry.outcome
    )
    assert load(dump(entry)).outcome == entry.outcome
    if isinstance(entry.outcome, Output):
        assert all(isinstance(text, str) for call in entry.outcome.calls for text in (call.name, call.arguments))
