"""Patterns in limited time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check, Output, Score, Unscored
from evalgate.score import checks, patterns


def test_linear_time_is_limited_where_text_and_pattern_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATTERN_SECONDS", 0.2)
    text = ("a" * 100 + " ") * 2_000
    check = Check(name="c", type="regex", options={"pattern": r"(\pL\s?){300}x{300}$"})
    for _ in range(2):  # the second finds the first still at work, and does not begin
        started = time.monotonic()
        found = checks.score(check, Case(id="a", fields={}), Output(text=text))
        assert time.monotonic() - started < 2.0
        assert isinstance(found, Unscored) and "took more than 0.2 s on this output" in found.reason
    short = Check(name="c", type="regex", options={"pattern": r"(\w+\s?){30}z"})
    assert checks.score(short, Case(id="a", fields={}), Output(text=text + "z")) != found
    assert isinstance(checks.score(short, Case(id="a", fields={}), Output(text=text * 50)), Score)


LETTERS = st.characters(categories=["Lu", "Ll", "Lo"], min_codepoint=0xC0)


@given(
    LETTERS,
    st.sampled_from(
        ["{}x\\b", r"\b{}x", r"(?i)\b{}x", r"\b(a|{}|c)", r"\b(?:{}x|a)\b", r"x{}\b", r"(x|y{})\b", r"((?P<n>{}))\b"]
    ),
)
def test_the_end_of_a_word_knows_no_letter_that_is_not_ascii(letter: str, pattern: str) -> None:
    written = pattern.format(letter)
    if pattern == r"{}x\b":
        patterns.validate_pattern(written)
        return
    with pytest.raises(ValueError, match="RE2 knows the ends of ASCII words alone"):
        patterns.validate_pattern(written)
    with pytest.raises(ValueError, match=f'beside "{letter}"'):
        checks.validate(Check(name="c", type="regex", options={"pattern": written}, negated=True))


@pytest.mark.parametrize("pattern", ["guaranteed\n", "(?i)free|\r\n", "a\nb\n"])
def test_the_line_break_of_a_block_is_no_part_of_a_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="ends with a line break: in YAML, begin the block"):
        checks.validate(Check(name="c", type="regex", options={"pattern": pattern}, negated=True))
    patterns.validate_pattern(pattern.rstrip())


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bfoo\b",
        r"\bgrößer\b",
        r"\bfoo\b|über",
        r"über|\bfoo\b",
        r"\b(a|b) über (c|d)\b",
        r"ü\\b",
        r"[ü]\b",
        r"\b→",
        r"\pL\b",
    ],
)
def test_other_patterns_with_ends_of_words_may_be_used(pattern: str) -> None:
    patterns.validate_pattern(pattern)
