"""A text of nothing but thoughts is not an answer, with or without a start tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Output, Score, answered

MARKS = [
    ("<think>", "</think>"),
    ("<THINK>", "</THINK>"),
    ("<thinking>", "</thinking>"),
    ("<think >", "</think >"),
    ("<reasoning>", "</reasoning>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
]
WORDS = st.text(st.characters(exclude_characters="<>[]◁▷|"), max_size=20)
SHOWN = st.text(st.characters(categories=("Lu", "Ll", "Nd")), min_size=1, max_size=20)


def value(text: str) -> float:
    scored = answered.score_answered(Output(text=text), "fail")
    assert isinstance(scored, Score)
    return scored.value


@given(st.lists(st.tuples(st.sampled_from(MARKS), WORDS), min_size=1, max_size=3), SHOWN)
def test_thoughts_alone_are_no_answer_and_before_one_they_do_no_harm(
    thoughts: list[tuple[tuple[str, str], str]], shown: str
) -> None:
    closed = "\n".join(f"{opened}{words}{end}" for (opened, end), words in thoughts)
    assert value(closed) == 0
    assert value(f"{closed}\n{shown}") == 1
    (opened, end), words = thoughts[0]
    assert value(f"{opened}{words}{shown}") == 0  # never closed
    assert value(f"{words}{shown}\n{end} \n") == 0  # opened by the chat template
    assert value(f"{words}{end}{shown}") == 1


@pytest.mark.parametrize(
    "text", ["Write <think>like this</think>", "5 < 6", "the tag </b>", "use <think> and </think>", "thinking"]
)
def test_an_answer_about_thoughts_is_one(text: str) -> None:
    assert value(text) == 1
