"""Semantic similarity: the score of two embeddings, the texts of a case, and what is unscored."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalgate.domain import Case, Failure, Output, Score, Target, Unscored
from evalgate.domain.similarity import Similarity
from evalgate.domain.vectors import encode_vector
from evalgate.score.text_similarity import compute_cosine, list_texts, make_request, score_similarity

SIMILARITY = Similarity(target="api", model="e-1")
TARGET = Target(name="api", kind="openai", location="https://example.org/v1", identity="i")
VALUES = st.floats(-(2.0**100), 2.0**100, width=32)
VECTORS = st.lists(VALUES, min_size=1, max_size=6).filter(any)
PAIRS = st.integers(1, 6).flatmap(
    lambda size: st.tuples(*[st.lists(VALUES, min_size=size, max_size=size).filter(any)] * 2)
)


def embed(*values: float) -> Output:
    return Output(text=encode_vector(values))


@given(PAIRS)
def test_a_score_is_from_0_to_1_and_the_same_in_both_directions(pair: tuple[list[float], list[float]]) -> None:
    one, other = pair
    scores = [score_similarity(embed(*a), [embed(*b)]) for a, b in ((one, other), (other, one))]
    assert all(isinstance(score, Score) and 0.0 <= score.value <= 1.0 for score in scores)
    assert scores[0] == scores[1]


@given(PAIRS, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_the_lengths_of_the_vectors_do_not_matter(pair: tuple[list[float], list[float]], a: float, b: float) -> None:
    one, other = pair
    scaled = [value * a for value in one], [value * b for value in other]
    assume(all(any(vector) for vector in scaled))
    assert compute_cosine(*scaled) == pytest.approx(compute_cosine(one, other), abs=1e-6)


@given(VECTORS)
def test_equal_texts_score_1_and_opposite_directions_0(vector: list[float]) -> None:
    assert compute_cosine(vector, vector) == pytest.approx(1.0)
    assert compute_cosine(vector, [-value for value in vector]) == pytest.approx(-1.0)


def test_a_right_angle_is_one_half_and_the_reason_has_the_cosine() -> None:
    assert score_similarity(embed(1, 0), [embed(0, 2)]) == Score(value=0.5, reason="cosine 0.0000")


def test_the_closest_of_several_texts_counts() -> None:
    found = score_similarity(embed(1, 0), [embed(0, 1), embed(3, 0), embed(-1, 0)])
    assert found == Score(value=1.0, reason="cosine 1.0000")


@pytest.mark.parametrize(
    ("output", "texts", "why"),
    [
        (embed(1, 2), [embed(1, 2, 3)], "the embeddings have different numbers of values: 2 and 3"),
        (embed(1), [], "there is no text to compare with"),
        (Failure(kind="unusable", message="odd"), [embed(1)], "the output has no embedding: odd"),
        (embed(1), [embed(1), Failure(kind="infrastructure", message="down")], "the text to compare with has no"),
        (Output(text="damaged"), [embed(1)], "the embedding of the output cannot be used: it is not readable"),
    ],
)
def test_what_cannot_be_compared_is_unscored_with_the_reason(output: Any, texts: list[Any], why: str) -> None:
    found = score_similarity(output, texts)
    assert isinstance(found, Unscored) and found.reason.startswith(why)


def test_a_vector_without_a_direction_has_no_cosine() -> None:
    for vector in ([0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]):
        with pytest.raises(ValueError, match="no direction"):
            compute_cosine([1.0, 1.0], vector)


@pytest.mark.parametrize(
    ("fields", "source", "texts"),
    [
        ({"expected": "a"}, "expected", ("a",)),
        ({"expected": ["a", "b", "a", "", None, " \u200b"]}, "expected", ("a", "b")),
        ({"expected": 30}, "expected", ("30",)),
        ({"expected": {"x": ["deep"]}}, "expected.x", ("deep",)),
        ({"expected": None}, "expected", ()),
        ({"expected": []}, "expected", ()),
        ({}, "expected", ()),
    ],
)
def test_the_texts_of_a_case_are_those_of_its_field(fields: Any, source: str, texts: tuple[str, ...]) -> None:
    assert list_texts(replace(SIMILARITY, source=source), Case(id="c", fields=fields)) == texts


def test_equal_texts_are_asked_once_whatever_they_are_of_and_never_as_a_completion() -> None:
    one, other = (make_request(SIMILARITY, "hi", TARGET, about) for about in ("a", "b"))
    assert one.key == other.key != make_request(SIMILARITY, "hi!", TARGET, "a").key
    assert one.key != replace(one, embeds=False).key
    assert make_request(SIMILARITY, "a\x00\ud800b", TARGET, "").messages[0].content == "a\ufffd\ufffdb"
