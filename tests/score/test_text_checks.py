"""Checks of a whole text: how it begins and ends, which one it is, how far from it, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from score.scored_outputs import fails_on_all_hostile, score, value

from evalgate.domain import Case, Check, Output, Score, Unscored
from evalgate.score import checks

ROWS: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "starts_with",
        {"value": "Dear Ann"},
        ["Dear Ann", "Dear Ann, hello", " \n Dear Ann", "Dear Annabel", "Dear Ann\0"],
        ["", "dear Ann", "Hi. Dear Ann", "Dear", "Dear\u00a0Ann"],
    ),
    (
        "starts_with",
        {"value": "yes", "ignore_case": True, "at": "/a"},
        ['{"a": "YES"}', '{"a": "yes, sir"}', '{"a": " Yes"}', '{"b": 1, "a": "yes"}', '{"a": "yEs"}'],
        ["yes", '{"a": null}', '{"a": ""}', '{"b": "yes"}', '{"a": "no"}'],
    ),
    (
        "ends_with",
        {"value": "Regards"},
        ["Regards", "Hi. Regards", "Regards \n", "a\nRegards", "Regards Regards"],
        ["", "regards", "Regards.", "Regard", "Regards\0"],
    ),
    (
        "one_of",
        {"values": ["positive", "negative"]},
        ["positive", "negative", " positive\n", "\tnegative", "positive\r\n"],
        ["", "Positive", "positive.", "neutral", "positive negative"],
    ),
    (
        "one_of",
        {"values": ["A", "b"], "ignore_case": True, "at": "/label"},
        ['{"label": "a"}', '{"label": "B"}', '{"label": " A "}', '{"label": "b", "x": 1}', ' {"label": "A"} '],
        ["a", '{"label": null}', '{"label": ""}', '{"label": ["a"]}', '{"label": "c"}'],
    ),
    (
        "levenshtein",
        {"value": "kitten", "max_distance": 3},
        ["kitten", " kitten ", "sitting", "kit", "kittens"],
        ["", "kitte\u200b" * 3, "KITTEN", "sitting on", "\0\0\0\0"],
    ),
    (
        "levenshtein",
        {"value": "Ab", "max_distance": 5, "ignore_case": True},
        ["AB", "ab", "abcdefg", "xyz", "A"],
        ["", " ", "\u200b\u200b", "abcdefgh", "a" * 100_000],
    ),
    (
        "no_refusal",
        {},
        [
            "I cannot refund an order after 30 days.",
            "Sorry for the delay. Your order is on its way.",
            "You can't help with that? Then call us.",
            "He said: I can't help with that.",
            "Unfortunately, I can't provide this size.",
        ],
        ["", "I can't help with that.", "I\u2019m sorry, but I cannot assist with that request.", " \u200b ", "As an AI, I can't comply."],
    ),
    (
        "no_refusal",
        {"phrases": ["Das kann ich nicht"]},
        ["Das kann ich.", "Gern.", "Wer sagt: Das kann ich nicht?", "Das kann ich nichtig machen", "yes"],
        ["das kann ich nicht tun", "**Das kann ich nicht**", "Sorry, das kann ich nicht.", "I won't do that.", "<think>ok</think>Das kann ich nicht"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "good", "bad"), ROWS)
def test_five_outputs_pass_and_five_fail(kind: str, options: dict[str, Any], good: list[str], bad: list[str]) -> None:
    assert len(good) == len(bad) == 5
    assert [value(kind, text, **options) for text in good] == [1.0] * 5
    assert [value(kind, text, **options) for text in bad] == [0.0] * 5


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("starts_with", {"value": "yes "}),
        ("ends_with", {"value": "y"}),
        ("one_of", {"values": ["x", "y"]}),
        ("levenshtein", {"value": "kitten", "max_distance": 3}),
        ("no_refusal", {"phrases": ["x"]}),
    ],
)
def test_hostile_outputs_raise_nothing(kind: str, options: dict[str, Any]) -> None:
    # an answer that is not a refusal passes `no_refusal`, whatever it is, but for an empty one
    assert fails_on_all_hostile(kind, **options) or kind == "no_refusal"
    for text in ("", " ", "\u200b", "\U000e0041"):
        assert value(kind, text, **options) == 0.0


@pytest.mark.parametrize("kind", ["starts_with", "ends_with", "levenshtein"])
def test_a_field_gives_one_text_or_several(kind: str) -> None:
    limit = {"max_distance": 0} if kind == "levenshtein" else {}
    assert value(kind, "yes", {"f": "yes"}, from_="f", **limit) == 1.0
    assert value(kind, "no", {"f": ["yes", "no"]}, from_="f", **limit) == 1.0
    for empty in (None, "", [], ["yes", None], "\u200b"):
        assert isinstance(score(kind, "yes", {"f": empty}, from_="f", **limit), Unscored)


def test_one_of_takes_values_of_a_field() -> None:
    assert value("one_of", '{"n": 2}', {"f": [1, 2.0]}, from_="f", at="/n") == 1.0
    assert value("one_of", '{"n": true}', {"f": [1, 2]}, from_="f", at="/n") == 0.0
    assert value("one_of", "2", {"f": [1, 2]}, from_="f") == 1.0
    assert value("one_of", '"2"', {"f": [1, 2]}, from_="f") == 0.0
    assert value("one_of", "null", {"f": [1]}, from_="f") == 0.0
    for empty in (None, [], [None], ["x", ""], "\u200b"):
        assert isinstance(score("one_of", "x", {"f": empty}, from_="f"), Unscored)


@pytest.mark.parametrize("limit", [-1, 1.5, 10_001, "many", None, True])
def test_a_distance_of_the_case_is_a_whole_number(limit: object) -> None:
    check = Check(name="it", type="levenshtein", options={"value": "x"}, from_case={"max_distance": "d"})
    scored = checks.score(check, Case(id="c", fields={"d": limit}), Output(text="x"))
    assert isinstance(scored, Unscored) and 'cannot be "max_distance"' in scored.reason
    assert checks.score(check, Case(id="c", fields={"d": "2"}), Output(text="xyz")) == Score(
        value=1.0, reason='must be at most 2 edits from "x"; found 2 in "xyz"'
    )


def test_a_distance_without_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="max_distance"):
        score("levenshtein", "x", value="x")
