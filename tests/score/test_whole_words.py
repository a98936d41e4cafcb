"""Whole words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.scored_outputs import value

from evalgate.domain import Case, Check, Output
from evalgate.score import checks
from evalgate.score.whole_words import has_words

GOOD = ["art", "Modern art.", "art-deco", "(art)", "start art"]
BAD = ["", "start", "arts", "art_1", "art\u0301"]


def test_five_outputs_pass_and_five_fail() -> None:
    for kind, options in (("contains", {"value": "art"}), ("contains_any", {"values": ["art", "zz"]})):
        assert [value(kind, text, words=True, **options) for text in GOOD] == [1.0] * 5
        assert [value(kind, text, words=True, **options) for text in BAD] == [0.0] * 5
    assert value("contains_all", "Art and deco", words=True, ignore_case=True, values=["art", "DECO"]) == 1.0
    assert value("contains_all", "arts and deco", words=True, values=["art", "deco"]) == 0.0


@pytest.mark.parametrize("text", GOOD)
def test_the_not_form_passes_where_the_text_is_missing(text: str) -> None:
    check = Check(name="it", type="contains", options={"value": "art", "words": True}, negated=True)
    found = [checks.score(check, Case(id="c", fields={}), Output(text=one)) for one in (text, "start")]
    assert [getattr(one, "value", None) for one in found] == [0.0, 1.0]


@pytest.mark.parametrize("text", ["no\u00a0go", "no\u200b go!", "(no  go)", "x no\ngo y"])
def test_a_forbidden_word_that_looks_the_same_is_found(text: str) -> None:
    check = Check(name="it", type="contains", options={"value": "no go", "words": True}, negated=True)
    found = checks.score(check, Case(id="c", fields={}), Output(text=text))
    assert getattr(found, "value", None) == 0.0
    inside = checks.score(check, Case(id="c", fields={}), Output(text=text.replace("go", "gone")))
    assert getattr(inside, "value", None) == 1.0


def test_only_ends_that_are_letters_need_a_word_boundary() -> None:
    assert has_words("C++, C", "C++") and has_words("xC++".replace("x", " "), "C++")
    assert not has_words("xC++", "C++")
    assert has_words("a.b", ".") and has_words("50%off", "50%")


UNSPACED = st.text(
    st.sampled_from("\u4fdd\u8bc1\u9000\u304b\u306a\u30ab\u30ca\u0e01\u0e02\u0e31\u0ea5\u1000\u1782"), min_size=1
)


@given(UNSPACED, UNSPACED, st.sampled_from(["AI", "\u00c4", "\u8fd8"]), UNSPACED)
def test_a_script_without_spaces_hides_no_word(before: str, words: str, other: str, after: str) -> None:
    assert has_words(f"{before}{words}{after}", words)
    assert has_words(f"{before}{other}{after}", other)
    check = Check(name="it", type="contains", options={"value": words, "words": True}, negated=True)
    found = checks.score(check, Case(id="c", fields={}), Output(text=f"{before}{words}{after}"))
    assert getattr(found, "value", None) == 0.0


MARKS = st.sampled_from(["\u0301", "\u093c", "\u093e", "\u05b8", "\u064b", "\U0001e944"])


@given(st.text(st.sampled_from("aé1_\u0915\u0916\u093e\u0e01"), min_size=1), MARKS)
def test_a_mark_continues_a_word_in_each_script_with_spaces(words: str, mark: str) -> None:
    assert has_words(f"({words})", words)
    is_open = words[-1] == "\u0e01"
    assert has_words(f"({words}{mark})", words) is is_open
    is_open = words[0] == "\u0e01"
    assert has_words(f"(x{mark}{words})", words) is is_open


EMOJI = [
    "\u26a0\ufe0f",
    "1\ufe0f\u20e3",
    "\u2764\ufe0e",
    "\U0001f44d\U0001f3fd",
    "\U0001f469\u200d\u2696\ufe0f",
    "\u845b\U000e0100",  # an ideograph in another form
]


@pytest.mark.parametrize("emoji", EMOJI)
def test_an_emoji_before_a_word_does_not_continue_it(emoji: str) -> None:
    for text, is_in in ((f"{emoji}art", True), (f"{emoji}start", False), (f"start{emoji}", False)):
        for is_negated in (False, True):
            check = Check(name="it", type="contains", options={"value": "art", "words": True}, negated=is_negated)
            found = checks.score(check, Case(id="c", fields={}), Output(text=text))
            assert getattr(found, "value", None) == float(is_in is not is_negated)


@given(st.text(min_size=1), st.text())
def test_whole_words_are_a_part_of_the_text(words: str, text: str) -> None:
    assert has_words(words, words)
    assert has_words(f"{text} {words} {text}", words) or not words.strip()
    if has_words(text, words):
        assert words in text


@given(st.text("a_ -\u0e01", max_size=12), st.text("a_ -\u0e01", min_size=1, max_size=4))
def test_words_are_found_wherever_they_overlap(text: str, words: str) -> None:
    letter = re.compile("[a_]")

    def is_whole(start: int) -> bool:
        before, after = text[:start][-1:], text[start + len(words) :][:1]
        joins_before = letter.match(words[0]) and letter.match(before)
        return (
            text.startswith(words, start) and not joins_before and not (letter.match(words[-1]) and letter.match(after))
        )

    assert has_words(text, words) is any(map(is_whole, range(len(text))))
