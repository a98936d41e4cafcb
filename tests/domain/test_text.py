"""Texts that differ in nothing a reader sees are one to the key of a verdict."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message, PromptVersion, is_invisible, normalize
from evalgate.domain.text import place_hidden_text

INVISIBLE = [" ", "\t", "\n", "\r\n", "\u00a0", "\u200b", "\u2060", "\ufeff", "\U000e0041", "\ufe0f", "\u3164", "\x00"]


def prompt(text: str, **fields: object) -> PromptVersion:
    messages = (Message(role="system", content=text),)
    return PromptVersion(name="p", path="p", source="working tree", messages=messages, **fields)


@given(st.text(), st.lists(st.sampled_from(INVISIBLE), max_size=4))
def test_spaces_at_the_ends_change_nothing(text: str, more: list[str]) -> None:
    added = "".join(more)
    assert normalize(added + text + added) == normalize(text)
    assert normalize(normalize(text)) == normalize(text)


@given(st.text(alphabet="abc", min_size=1), st.lists(st.sampled_from(INVISIBLE), min_size=1, max_size=4))
def test_every_run_of_them_is_one_space(word: str, between: list[str]) -> None:
    assert normalize(f"{word}{''.join(between)}{word}") == f"{word} {word}"


@given(st.text(alphabet=st.characters(categories=["L", "N", "P"])))
def test_words_stay_as_they_are(text: str) -> None:
    seen = [char for char in unicodedata.normalize("NFC", text) if char not in "\u115f\u1160\u3164\uffa0"]
    assert normalize(text).replace(" ", "") == "".join(seen)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert normalize("caf\u00e9") == normalize("cafe\u0301")


@pytest.mark.parametrize("fields", [{"model": "m-2"}, {"parameters": {"temperature": 0.5}}, {"tools": ({"a": 1},)}])
def test_what_else_reaches_the_model_counts(fields: dict[str, object]) -> None:
    assert prompt("Say it.").normalized_digest == prompt("Say  it. \n").normalized_digest
    assert prompt("Say it.").digest != prompt("Say  it. \n").digest
    assert prompt("Say it.").normalized_digest != prompt("Say it.", **fields).normalized_digest
    assert prompt("Say it.").normalized_digest != prompt("Sayit.").normalized_digest


def test_every_character_is_a_blank_or_stays() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if is_invisible(char) or char.isspace():
            assert normalize(f"a{char}b") == "a b"


def test_megabytes_do_not_take_seconds() -> None:
    normalize("word \u202e\u4e2d")  # the table holds them now
    started = time.process_time()
    normalize("word \u202e\u4e2d " * 500_000)
    assert time.process_time() - started < 2.0


HIDDEN = st.sampled_from(["\ufe00", "\U000e0041", "\U000e0042", "\U000e0100"])


@given(st.text("ab c", max_size=8), st.lists(st.tuples(st.integers(0, 8), HIDDEN), max_size=3))
def test_hidden_text_counts_with_its_place(plain: str, hidden: list[tuple[int, str]]) -> None:
    """Behind another word, hidden letters are another instruction."""
    text = plain
    for place, letter in hidden:
        text = text[:place] + letter + text[place:]
    assert bool(place_hidden_text(text)) is bool(hidden)
    assert place_hidden_text(text.replace(" ", " \u200b ")) == place_hidden_text(text)
    for place in range(len(plain) + 1):
        one = plain[:place] + "\U000e0041" + plain[place:]
        other = plain[: place + 1] + "\U000e0041" + plain[place + 1 :]
        if normalize(plain[:place]) != normalize(plain[: place + 1]):
            assert place_hidden_text(one) != place_hidden_text(other)
