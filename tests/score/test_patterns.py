"""Patterns in limited time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check, Output, Score, Unscored
from evalgate.score import checks, patterns
from evalgate.score.whole_words import is_of_word


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


LETTERS = st.characters(categories=["Lu", "Ll", "Lo"], min_codepoint=0xC0).filter(
    lambda letter: is_of_word(letter) and len(letter.upper()) == len(letter.lower()) == 1
)
WORDS = [
    r"\b{}x", r"x{}\b", r"(?i)\b{}x", r"(?i)X{}\b", r"\b(a|{}|c)x", r"\b(?:{}x|a)\b", r"(x|y{})\b", r"((?P<n>x{}))\b",
    r"\b[{}]x", r"\b{}\w$", r"\b\x{{{:x}}}x", r"\b\pLx\b",
]  # fmt: skip


@given(LETTERS, st.sampled_from(WORDS), st.booleans())
def test_the_end_of_a_word_is_that_of_the_letters_in_a_pattern(letter: str, pattern: str, negated: bool) -> None:
    written = pattern.format(ord(letter) if "{:x}" in pattern else letter)
    check = Check(name="c", type="regex", options={"pattern": written}, negated=negated)
    checks.validate(check)
    ends = pattern.endswith((r"x{}\b", r"X{}\b", r"{})\b", r"{}))\b"))
    word = f"x{letter}" if ends and "|y" not in pattern else f"y{letter}" if ends else f"{letter}x"
    for text, is_word in ((word, True), (f"a, {word}", True), (f"é{word}é", False)):
        scored = checks.score(check, Case(id="a", fields={}), Output(text=text))
        assert isinstance(scored, Score)
        assert (scored.value == 1.0) is (is_word is not negated)


@pytest.mark.parametrize("text", ["返金", "これは返金です", "返金 or not", "x返金"])
def test_a_word_of_a_script_without_spaces_ends_anywhere(text: str) -> None:
    assert patterns.compile_search(r"\b返金\b")(text)
    assert patterns.compile_group(r"\b(返金)\b")(text) == "返金"


def test_a_slow_pattern_with_other_words_leaves_the_output_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PATTERN_SECONDS", 0.2)
    check = Check(name="c", type="regex", options={"pattern": r"\bü(x|x|x)+\d\b"})
    found = checks.score(check, Case(id="a", fields={}), Output(text="ü" + "x" * 40 + "!"))
    assert isinstance(found, Unscored) and "took more than 0.2 s on this output" in found.reason


@pytest.mark.parametrize("kind", ["regex", "json_schema"])
def test_a_backspace_is_no_end_of_a_word(kind: str) -> None:
    given = {"pattern": "\bfoo\b"}
    options = given if kind == "regex" else {"schema": {"not": {"type": "string", **given}}}
    told = r'"\\bfoo\\b" has a backspace, which no output has: write \\\\b' if kind == "regex" else "/not/pattern: "
    with pytest.raises(ValueError, match=told):
        checks.validate(Check(name="c", type=kind, options=options))


@pytest.mark.parametrize("pattern", ["foo|\nbar", "(foo\n  |bar)", "foo |\r\n bar"])
def test_a_line_break_beside_an_alternative_is_no_part_of_it(pattern: str) -> None:
    with pytest.raises(ValueError, match=r'has a line break beside a "\|": write it in one line'):
        patterns.validate_pattern(pattern)
    patterns.validate_pattern(pattern.replace("\r", "").replace("\n", r"\n"))


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
        "a\nb",
        "a\\|\nb",
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
