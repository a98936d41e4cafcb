"""What is forbidden is forbidden however it is spelt, as long as it looks the same; what is required is not."""

from __future__ import annotations

import html
import re
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check, Output, Score
from evalgate.score import checks, shown_text

NOTHING = "\u200b\u200d\u00ad\u2060\ufeff\ufe0f\u034f\u202a\x00\U000e0041"
SPACES = "\u00a0\u202f\u2009\u3000"
WORDS = st.lists(st.text("abcÄéñ한größ0", min_size=1, max_size=6), min_size=1, max_size=4).map(" ".join)
NEGATED = ["contains", "contains_any", "contains_all", "regex", "equals"]


def holds(kind: str, wanted: str, text: str, *, negated: bool = True, **options: Any) -> bool:
    given_as: dict[str, Any] = (
        {"pattern": re.escape(wanted).replace(r"\ ", " ")} if kind == "regex" else {"value": wanted}
    )
    check = Check(name="it", type=kind, options={**given_as, **options}, negated=negated)
    scored = checks.score(check, Case(id="c", fields={}), Output(text=text))
    assert isinstance(scored, Score)
    return scored.value == 1.0


@st.composite
def disguises(draw: st.DrawFn) -> tuple[str, str]:
    """Return a text, and another spelling of it that looks the same."""
    plain = unicodedata.normalize("NFC", draw(WORDS))
    form = draw(st.sampled_from(["NFC", "NFD"]))
    written = ""
    for char in unicodedata.normalize(form, plain):
        spelt = draw(st.sampled_from(SPACES)) if char == " " and draw(st.booleans()) else char
        written += spelt + draw(st.sampled_from(["", "", *NOTHING]))
    return plain, written


@given(disguises(), st.sampled_from(NEGATED), st.sampled_from(["", "x "]))
def test_a_forbidden_text_is_found_in_each_spelling_that_looks_the_same(
    both: tuple[str, str], kind: str, around: str
) -> None:
    plain, written = both
    text = written if kind == "equals" else f"{around}{written}{around}"
    assert not holds(kind, plain, text)
    assert not holds(kind, plain, text, ignore_case=True)
    if kind not in ("regex", "equals"):  # and where the configuration has the odd spelling
        assert not holds(kind, unicodedata.normalize("NFD", plain), f"{around}{plain}{around}")


@given(st.lists(WORDS, min_size=2, max_size=4), st.sampled_from(["\r\n", "\r", "\u2028", "\x85"]))
def test_a_line_break_looks_the_same_however_it_is_written(lines: list[str], end: str) -> None:
    plain = "\n".join(lines)
    for text in (f"x\n{plain}\nx", plain):
        written = text.replace("\n", end)
        assert not holds("contains", plain, written) and not holds("contains", plain.replace("\n", end), text)
        check = Check(name="it", type="regex", options={"pattern": f"(?m)^{lines[1]}$"}, negated=True)
        scored = checks.score(check, Case(id="c", fields={}), Output(text=written))
        assert isinstance(scored, Score) and scored.value == 0.0
    assert not holds("equals", plain, plain.replace("\n", end))


@given(st.lists(WORDS, min_size=1, max_size=3).map("\n".join), st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_a_line_break_at_the_end_of_a_block_forbids_no_less(plain: str, end: str, words: bool) -> None:
    for text in (plain, f"x {plain}.", f"{plain}\nx"):
        assert not holds("contains", f"{plain}{end}", text, words=words)
        assert not holds("equals", f"{plain}{end}", plain)
    assert holds("contains", f"{plain}{end}", plain[:-1])


@given(disguises(), st.sampled_from(["contains", "regex", "equals"]))
def test_a_required_text_has_to_be_there_as_it_is(both: tuple[str, str], kind: str) -> None:
    plain, written = both
    assert holds(kind, plain, written, negated=False) == (
        plain in written if kind != "equals" else plain == written.strip()
    )


@given(WORDS, st.text("xyz \n\u00a0\u200b", max_size=30), st.sampled_from(NEGATED))
def test_a_text_that_is_not_there_is_not_found(wanted: str, text: str, kind: str) -> None:
    assert holds(kind, wanted, text)


@pytest.mark.parametrize(
    ("wanted", "text", "is_there"),
    [
        ("as an AI", "as\nan  AI", True),
        ("as an AI", "as an\n\nAI", False),  # an empty line ends a sentence
        ("a\nb", "a b", False),
        ("a  b", "a b", False),
        ("\n\n", "a b", False),
        ("\u200b", "a", False),
        ("\u200b", "a\u200bb", True),
        ("x²", "x2", False),  # what looks different is different
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\U000e0073\U000e007f", False),  # flags
        ("\u2764", "\u2764\ufe0f", True),
    ],
)
def test_texts_that_look_the_same_are_found(wanted: str, text: str, is_there: bool) -> None:
    assert shown_text.make_search([text])(wanted) is is_there


MARKS = st.sampled_from([("-", "\u2010"), ("-", "\u2011"), ("'", "\u2019"), ("'", "\u02bc"), ("'", "\uff07")])


@given(WORDS, MARKS, st.sampled_from(NEGATED))
def test_a_hyphen_or_an_apostrophe_in_a_word_is_the_same_in_each_form(
    word: str, marks: tuple[str, str], kind: str
) -> None:
    plain, other = (f"{word}{mark}{word}" for mark in marks)
    assert not holds(kind, plain, other)
    assert kind == "regex" or not holds(kind, other, plain)
    assert kind == "contains" or holds(kind, marks[1], f"a {plain}.")
    assert holds("contains", marks[1], plain) and not holds("contains", marks[1], other)
    assert not holds(kind, plain, other, negated=False)


def test_values_that_look_the_same_are_forbidden_inside_of_json_as_well() -> None:
    check = Check(name="it", type="equals", options={"value": {"action": "re fund"}}, negated=True)
    for text in ('{"action": "re\u00a0fund"}', '{"action": "re f\u200bund "}', '{"act\u00adion": "re fund"}'):
        scored = checks.score(check, Case(id="c", fields={}), Output(text=text))
        assert isinstance(scored, Score) and scored.value == 0.0


def test_the_spelling_of_a_long_text_is_found_in_linear_time() -> None:
    began = time.process_time()
    search = shown_text.make_search(["a\u200b \u00a0" * 200_000])
    assert not any(search(f"b {number}") for number in range(100))
    assert time.process_time() - began < 3


@given(st.text("aé&'\"1 ", min_size=1, max_size=8).filter(str.strip), st.text("xy", max_size=4), st.data())
def test_a_forbidden_text_is_found_in_the_entities_of_html(wanted: str, around: str, data: st.DataObject) -> None:
    def spell(char: str) -> str:
        return data.draw(st.sampled_from([html.escape(char), f"&#{ord(char)};", f"&#x{ord(char):X};"]))

    text = f"{around}{''.join(map(spell, wanted))}{around}"
    for kind in ("contains", "contains_any", "contains_all"):
        check = Check(name="c", type=kind, options={"value": wanted}, negated=True)
        assert getattr(checks.score(check, Case(id="c", fields={}), Output(text=text)), "value", None) == 0.0


def test_a_tag_that_is_escaped_is_none() -> None:
    for text in ("&lt;script&gt;", "&#60;script&#x3e;", "&LT;script&GT;"):
        for kind, options in (("contains", {"value": "<script>"}), ("regex", {"pattern": "<[a-z]+>"})):
            check = Check(name="c", type=kind, options=options, negated=True)
            assert getattr(checks.score(check, Case(id="c", fields={}), Output(text=text)), "value", None) == 1.0
    assert shown_text.decode_entities("AT&amp;T &nbsp;&unknown; &amp;lt;") == "AT&T \u00a0&unknown; &lt;"
