"""Requests and results: the key of a request, counts of tokens, marks of texts, stored baselines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Arm, Case, Failure, Message, Output, Request, Result, Score, Trial, Unscored, Usage
from evalgate.domain.trials import MOST_TOKENS, StoredBaseline, read_usage

ASKED = Request(target="api", identity="i", model="m", messages=(Message(role="user", content="hi"),))
RESULT = Result(case="a", arm=Arm.CANDIDATE, repeat=0, tags=(), outcome=Output(text="x"), scores={})


@pytest.mark.parametrize(
    "change",
    [
        {"identity": "j"},
        {"model": "n"},
        {"messages": (Message(role="system", content="hi"),)},
        {"parameters": {"seed": 1}},
        {"response_format": {"type": "json_object"}},
        {"tools": ({},)},
        {"inputs": {"id": "a"}},
        {"scale": (1, 5)},
        {"repeat": 1},
        {"stream": "baseline"},
    ],
)
def test_what_can_change_the_answer_is_in_the_key(change: dict[str, object]) -> None:
    assert replace(ASKED, **change).key != ASKED.key


@pytest.mark.parametrize("change", [{"target": "other"}, {"about": "case a"}, {"max_age": 3.0}])
def test_what_cannot_change_the_answer_is_not_in_the_key(change: dict[str, object]) -> None:
    assert replace(ASKED, **change).key == ASKED.key


@pytest.mark.parametrize("count", [None, -1, True, 1.0, "3", MOST_TOKENS])
def test_a_count_of_tokens_that_is_none_makes_the_usage_unknown(count: object) -> None:
    assert read_usage(count, 1) is None and read_usage(1, count) is None


def test_usages_add_up() -> None:
    assert read_usage(0, MOST_TOKENS - 1) == Usage(output_tokens=MOST_TOKENS - 1)
    assert Usage(input_tokens=1, output_tokens=2) + Usage(input_tokens=3) == Usage(input_tokens=4, output_tokens=2)


@given(st.text(), st.text())
def test_equal_texts_have_equal_marks(one: str, other: str) -> None:
    marks = [replace(RESULT, outcome=Output(text=text)).text_mark for text in (one, other)]
    assert None not in marks
    assert one != other or marks[0] == marks[1]


def test_a_mark_from_a_report_without_texts_is_kept_and_a_failure_has_none() -> None:
    assert replace(RESULT, outcome=Output(text="", mark=7)).text_mark == 7
    lost = replace(RESULT, outcome=Failure(kind="infrastructure", message="503"))
    assert (lost.text_mark, lost.seconds, lost.served_by, lost.failure) == (None, None, None, "infrastructure")
    assert replace(RESULT, outcome=None).failure is None


def test_scores_are_added_and_left_out_in_a_copy() -> None:
    scored = RESULT.with_score("a", Score(value=0.5)).with_score("b", Unscored(reason="no"))
    assert scored.values == {"a": 0.5, "b": None}
    assert scored.without(["a"]).values == {"b": None} and RESULT.values == {}


def test_a_trial_asks_by_its_case_and_repeat() -> None:
    trial = Trial(
        case=Case(id="a", fields={}),
        arm=Arm.CANDIDATE,
        repeat=2,
        ask=lambda case, repeat: replace(ASKED, about=case.id, repeat=repeat),
    )
    assert (trial.request.about, trial.request.repeat) == ("a", 2)


def test_a_stored_baseline_is_named_by_its_parts_and_counts_its_samples() -> None:
    stored = StoredBaseline(
        gate="g",
        prompt="p",
        version=None,
        dataset="d",
        parts={"prompt": "1", "dataset": "2"},
        sampled_at="2026-05-01T12:00:00+00:00",
        tool_version="0",
        served_by=(),
        results=(RESULT, replace(RESULT, repeat=2)),
    )
    assert stored.samples == 3 and replace(stored, results=()).samples == 0
    assert replace(stored, parts={"dataset": "2", "prompt": "1"}).key == stored.key
    assert replace(stored, parts={**stored.parts, "prompt": "3"}).key != stored.key


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_tokens_that_only_the_total_has_are_written_ones(read: int, written: int, hidden: int) -> None:
    found = read_usage(read, written, read + written + hidden)
    assert found == Usage(input_tokens=read, output_tokens=written + hidden)


@pytest.mark.parametrize("total", [None, "9", 1, True, -1, MOST_TOKENS])
def test_a_total_that_cannot_be_right_is_ignored(total: object) -> None:
    assert read_usage(3, 4, total) == Usage(input_tokens=3, output_tokens=4)


@given(st.text(max_size=40), st.sampled_from([" ", "\n\n", "\u200b", "\u00a0\t", "\x00"]))
def test_white_space_and_invisible_characters_change_no_mark(text: str, blank: str) -> None:
    marks = {replace(RESULT, outcome=Output(text=shown)).text_mark for shown in (text, f"{blank}{text}{blank}{blank}")}
    assert len(marks) == 1
