"""Tests for evalgate.domain.reasoning: reasoning is found in every form, and the answer is not touched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Failure, Output, ToolCall, Usage
from evalgate.domain.outcome_json import decode_outcome, encode_outcome
from evalgate.domain.output_calls import UNNAMED
from evalgate.domain.reasoning import (
    LIMIT_SPENT,
    MOST_REASONING,
    ONLY_REASONING,
    read_reasoning,
    separate_tags,
    spends_reasoning,
    split_reasoning,
    strip_reasoning,
)

TAGS = [
    ("<think>", "</think>"),
    ("<Thinking>", "</Thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
]
WORDS = st.text(st.characters(exclude_characters="<>[]◁▷|"), max_size=30)
ANSWERS = st.sampled_from(['{"a": 1}', "Yes.", "line\nline\n", "5 < 6", "Ünïcode"])


@given(tags=st.sampled_from(TAGS), words=WORDS, space=st.sampled_from(["", "\n", "\n\n "]), answer=ANSWERS)
def test_a_block_before_the_answer_is_split_off(tags: tuple[str, str], words: str, space: str, answer: str) -> None:
    split = split_reasoning(f"{space}{tags[0]}{words}{tags[1]}{space}{answer}")
    assert split.answer == answer
    assert split.found and split.closed
    assert split.reasoning.startswith(words.strip())


@given(tags=st.sampled_from(TAGS), words=WORDS.filter(lambda text: not text.lstrip().startswith(("{", "`", "~"))))
def test_the_start_tag_may_be_in_the_prompt(tags: tuple[str, str], words: str) -> None:
    split = split_reasoning(f'{words}{tags[1]}\n\n{{"a": 1}}')
    assert (split.answer, split.found) == ('{"a": 1}', True)


def test_many_blocks_are_split_at_once() -> None:
    split = split_reasoning("<think>a</think>" * 200_000 + "Yes.")
    assert (split.answer, split.reasoning) == ("Yes.", "a")
    assert split_reasoning("<think>" * 300_000).answer == ""


@given(st.text())
def test_a_text_without_a_tag_is_the_answer_as_it_is(text: str) -> None:
    plain = separate_tags(text)
    assert split_reasoning(plain).answer == plain


@given(st.lists(st.sampled_from([tag for pair in TAGS[:-2] for tag in pair] + ["<", ">", "x", " ", "/"])))
def test_separated_tags_open_and_close_nothing(pieces: list[str]) -> None:
    text = separate_tags("".join(pieces))
    assert not split_reasoning(text).found


@pytest.mark.parametrize(
    "text",
    ['{"html": "a</think>b"}', '```json\n{"a": "</think>"}\n```', '["</think>"]', "use <think> and </think>"],
)
def test_a_tag_within_data_or_after_its_start_tag_ends_no_reasoning(text: str) -> None:
    assert split_reasoning(text).answer == text


def test_an_answer_keeps_everything_but_the_reasoning() -> None:
    usage = Usage(input_tokens=1, output_tokens=2)
    output = Output(text="<think>hm</think>\n\nYes.", usage=usage, seconds=1.0, cost_usd=0.1, reasoning="before")
    stripped = strip_reasoning(output)
    assert stripped == Output(text="Yes.", usage=usage, seconds=1.0, cost_usd=0.1, reasoning="before\n\nhm")
    assert strip_reasoning(stripped) == stripped
    failure = Failure(kind="unusable", message="refused")
    assert strip_reasoning(failure) is failure


@pytest.mark.parametrize(
    ("text", "finish", "message"),
    [
        ("<think>hm", "length", LIMIT_SPENT),
        ("<think>hm", "stop", ONLY_REASONING),
        ("<think>hm</think> \n", "stop", ONLY_REASONING),
        ("hm</think>\u200b", "max_tokens", LIMIT_SPENT),
    ],
)
def test_reasoning_without_an_answer_is_unusable(text: str, finish: str, message: str) -> None:
    outcome = strip_reasoning(Output(text=text, finish_reason=finish, cost_usd=0.2))
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.message, outcome.cost_usd) == ("unusable", message, 0.2)


def test_tool_calls_after_reasoning_are_the_answer() -> None:
    output = Output(text="<think>hm</think>", tool_calls=(ToolCall(name="f", arguments='{"a": 1}'),))
    stripped = strip_reasoning(output)
    assert isinstance(stripped, Output)
    assert stripped.text == '{"tool_calls": [{"name": "f", "arguments": {"a": 1}}]}'
    assert (stripped.tool_calls, stripped.calls_beside_text, stripped.reasoning) == (output.tool_calls, (), "hm")


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "because"},
        {"reasoning": "because", "reasoning_details": [{"type": "reasoning.text", "text": "because"}]},
        {"thinking": "because"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "because"}]}]},
        {"content": [{"type": "reasoning", "text": "because"}, {"type": "text", "text": "Yes."}]},
        {"content": [{"text": "because", "thought": True}, {"type": "text", "text": "Yes."}]},
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "because"}]}]},
    ],
)
def test_reasoning_is_read_from_fields_and_parts(message: dict[str, Any]) -> None:
    assert read_reasoning(message) == "because"


@pytest.mark.parametrize("message", [{}, {"reasoning": None}, {"reasoning": {"effort": 3}}, {"content": "because"}])
def test_a_message_may_have_no_reasoning(message: dict[str, Any]) -> None:
    assert read_reasoning(message) == ""


def test_long_reasoning_is_cut_and_deep_reasoning_left_out() -> None:
    assert len(read_reasoning({"reasoning": "x" * (MOST_REASONING + 5)})) == MOST_REASONING
    nested: Any = "because"
    for _ in range(50):
        nested = [nested]
    assert read_reasoning({"reasoning": nested}) == ""


def test_tokens_of_reasoning_are_found_in_the_usage() -> None:
    assert spends_reasoning({"completion_tokens_details": {"reasoning_tokens": 200}})
    assert spends_reasoning({"reasoning_tokens": 200})
    for usage in (
        None,
        {},
        {"completion_tokens_details": None},
        {"completion_tokens_details": {"reasoning_tokens": 0}},
    ):
        assert not spends_reasoning(usage)


def test_reasoning_is_stored_only_where_there_is_some() -> None:
    assert "reasoning" not in encode_outcome(Output(text="Yes."))
    kept = Output(text="Yes.", reasoning="because")
    assert decode_outcome(encode_outcome(kept)) == kept
    assert decode_outcome({"text": "Yes.", "reasoning": 5}) == Output(text="Yes.")


def test_an_announced_call_that_is_not_there_is_no_answer_after_reasoning() -> None:
    output = Output(text="<think>hm</think>", tool_calls=(ToolCall(name=UNNAMED, arguments="null"),))
    assert isinstance(strip_reasoning(output), Failure)
