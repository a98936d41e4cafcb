"""Finish reasons: how an answer ended, whatever key tells it and however it is spelt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.finish_reasons import classify_ending, find_error, normalize_reason, read_finish_reason


@given(
    st.sampled_from(["max_tokens", "content_filter", "tool_calls", "stop", "error"]),
    st.sampled_from(["_", "-", " ", "."]),
)
def test_spelling_changes_no_ending(reason: str, between: str) -> None:
    written = reason.replace("_", between)
    for spelt in (written, written.upper(), written.title(), f"FINISH_REASON_{reason.upper()}"):
        assert classify_ending(spelt) == classify_ending(reason)
        assert normalize_reason(spelt) == normalize_reason(reason)


def test_no_reason_is_a_whole_answer_and_an_unknown_one_is_none() -> None:
    assert classify_ending(None) == classify_ending("") == "whole"
    assert classify_ending("a reason of the future") == "broken"


@pytest.mark.parametrize(
    ("given", "around", "reason"),
    [
        ({}, {}, "silent"),
        ({"finish_reason": "stop"}, {}, "stop"),
        ({"finish_reason": "stop", "native_finish_reason": "MAX_TOKENS"}, {}, "MAX_TOKENS"),
        ({"finish_reason": "stop"}, {"stop_reason": "refusal"}, "refusal"),
        ({"finish_reason": "stop", "stop_reason": "###"}, {}, "stop"),
        ({"finish_reason": "stop", "truncated": True}, {}, "length"),
        ({"finish_reason": "length", "stop_reason": "refusal"}, {}, "length"),
        ({"finish_reason": "stop", "stop_reason": "max_turns"}, {}, "max_turns"),
        ({"finish_reason": "stop", "status": "in_progress"}, {}, "in_progress"),
        ({"finish_reason": "stop", "status": "completed"}, {"status": "requires_action"}, "requires_action"),
        ({"finish_reason": "stop", "status": "delivered"}, {}, "stop"),
    ],
)
def test_a_second_reason_counts_if_it_is_no_normal_end(
    given: dict[str, object], around: dict[str, object], reason: str
) -> None:
    assert read_finish_reason(given, "silent", around) == reason


def test_a_reason_that_is_no_text_is_an_unknown_one() -> None:
    assert classify_ending(read_finish_reason({"finish_reason": 7}, "stop")) == "broken"


@pytest.mark.parametrize("key", ["err", "error_type", "lastError", "failure_reason", "traceback", "interrupted"])
def test_any_key_of_an_error_tells_one(key: str) -> None:
    assert find_error({key: "timeout"}) is not None
    assert find_error({key: None}, {key: ""}) is None


@pytest.mark.parametrize("value", [None, "", 0, "none", "OK", "No Error", {}, []])
def test_a_key_of_an_error_that_tells_none_is_none(value: object) -> None:
    assert find_error({"error": value}) is None
    assert find_error({"error": value}, {"errMsg": "overloaded"}) == "overloaded"


@pytest.mark.parametrize("empty", [None, "", 0, False, [], {}])
def test_an_error_whose_keys_are_all_empty_is_none(empty):
    assert find_error({"error": {"code": empty, "message": empty, "metadata": {"raw": empty}}}) is None
    assert find_error({"error": {"code": 502, "message": empty}}) is not None


@given(
    st.sampled_from(["is_error", "has_error", "has_failed", "is_failure", "timed_out"]),
    st.sampled_from([True, "true", "True"]),
    st.booleans(),
)
def test_a_flag_of_a_failure_is_an_error_where_it_is_set(flag: str, value: object, is_camel: bool) -> None:
    first, *rest = flag.split("_")
    key = "".join([first, *(word.title() for word in rest)]) if is_camel else flag
    assert find_error({key: value}) is not None
    assert all(find_error({key: unset}) is None for unset in (False, None, 0, "", "false"))


@pytest.mark.parametrize(("subtype", "is_error"), [("error_max_turns", True), ("success", False), (None, False)])
def test_the_subtype_of_a_result_may_be_an_error(subtype: str | None, is_error: bool) -> None:
    assert (find_error({"type": "result", "subtype": subtype}) is not None) is is_error
