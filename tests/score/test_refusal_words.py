"""Refusals by the words with which an answer begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.score.refusal_words import ACTIONS, ALONE, OBJECTS, OPENINGS, POINTERS, SENTENCES, SUBJECTS, find_refusal

REFUSALS = [
    "I can't help with that.",
    "I\u2019m sorry, but I can\u2019t assist with that request.",
    "Sorry, I cannot help.",
    "**I'm unable to fulfill your request.**",
    "As an AI language model, I cannot engage in that kind of roleplay",
    "I apologize, but I won't be able to create such content.",
    "Unfortunately, I must decline.",
    "<think>They ask for something bad.</think>\n\nI can't comply with this request",
    "I  cannot\ndo that",
    "I can\u200b't he\u00adlp.",
    "No. I will not write content that harms people.",
]
ANSWERS = [
    "I cannot find your order A-17.",
    "I can't provide this size, but we have it in blue.",
    "I'm sorry to hear that! Let me help.",
    "I can help with that.",
    "The model says \u201cI can't help with that\u201d.",
    "You can't do that before the order is paid.",
    "As an AI, I like numbers: 42.",
    "I won't be able to do that today, but tomorrow.",
    "I'm unable to answer thatched-roof questions briefly.",
    "Sorry.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_found_with_its_words(text: str) -> None:
    assert find_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_refusal(text: str) -> None:
    assert find_refusal(text) is None


def test_each_listed_phrase_is_a_refusal() -> None:
    for opening in ("", *OPENINGS):
        assert find_refusal(f"{opening} I can't help.")
    for subject in SUBJECTS:
        assert all(find_refusal(f"{subject} {one}.") for one in ALONE)
    for action in ACTIONS:
        assert all(find_refusal(f"i can't {action} {one} x") for one in OBJECTS)
        assert all(find_refusal(f"i can't {action} {one}") for one in POINTERS)
    assert all(find_refusal(f"{sentence.upper()}!") for sentence in SENTENCES)


def test_the_page_lists_every_word() -> None:
    page = (Path(__file__).parents[2] / "docs/checks.md").read_text(encoding="utf-8")
    for name, words in (("openings", OPENINGS), ("subjects", SUBJECTS), ("actions", ACTIONS), ("objects", OBJECTS)):
        assert f"| {name} | {', '.join(words)} |" in page
    assert all(f"`{word}`" in page for word in (*ALONE, *SENTENCES, *POINTERS))


@given(
    st.text(alphabet="-*_>#(['\"\u2022\u2026\u26d4\U0001f614 \n", max_size=8),
    st.sampled_from(["Sorry", "No", "Unfortunately"]),
)
def test_marks_before_a_refusal_make_no_difference(marks: str, opening: str) -> None:
    assert find_refusal(f"{marks}I can't help with that.") is not None
    assert find_refusal(f"{marks}{opening} {marks}I cannot do this.") is not None
    assert find_refusal(f"{marks}I can help with that.") is None
    assert find_refusal("\u26d4 blocked", ["\u26d4 Blocked"]) is not None


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        (
            "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093",
            "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093\u304c\u3001\u304a\u624b\u4f1d\u3044\u3067\u304d\u307e\u305b\u3093",
        ),
        ("\u62b1\u6b49", "\u62b1\u6b49\u6211\u4e0d\u80fd\u56de\u7b54"),
        (
            "\u0e02\u0e2d\u0e2d\u0e20\u0e31\u0e22",
            "\u0e02\u0e2d\u0e2d\u0e20\u0e31\u0e22\u0e09\u0e31\u0e19\u0e17\u0e33\u0e44\u0e21\u0e48\u0e44\u0e14\u0e49",
        ),
        (
            "\uc8c4\uc1a1\ud569\ub2c8\ub2e4",
            "\uc8c4\uc1a1\ud569\ub2c8\ub2e4\ub9cc, \ub3c4\uc640\ub4dc\ub9b4 \uc218 \uc5c6\uc2b5\ub2c8\ub2e4",
        ),
        ("lo siento", "Lo siento, no puedo"),
    ],
)
def test_a_phrase_ends_where_its_script_ends_a_word(phrase: str, text: str) -> None:
    assert find_refusal(text, [phrase]) is not None
    assert find_refusal(f"x{text}", [phrase]) is None
    assert find_refusal("Lo sientos, no", ["lo siento"]) is None
