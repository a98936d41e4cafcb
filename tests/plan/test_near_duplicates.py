"""Tests of finding texts that are nearly the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalgate.plan.near_duplicates import find_near_duplicates

TEXT = "My parcel has not arrived although it was promised for last Tuesday, so please send me the money back."


def test_texts_with_small_edits_are_found_by_their_first() -> None:
    texts = [TEXT, "Something else", TEXT.replace("Tuesday", "Monday"), TEXT.upper(), f"{TEXT} Thanks!"]
    assert find_near_duplicates(texts) == {2: 0, 3: 0, 4: 0}
    assert find_near_duplicates(["kurz", "kürz", "wo ist es?", "wo ist es"]) == {3: 2}
    assert find_near_duplicates(["退款需要多长时间才能到账?请告诉我。", "退款需要多长时间才能到账？请告诉我。"]) == {
        1: 0
    }


def test_other_texts_are_not_found() -> None:
    other = "My parcel has arrived, but it has another colour than was promised, and I want to keep it all the same."
    assert find_near_duplicates([TEXT, other, "", "a", "b"]) == {}


@given(st.lists(st.text(max_size=30), max_size=12))
def test_each_duplicate_points_to_an_earlier_text_that_is_none(texts: list[str]) -> None:
    found = find_near_duplicates(texts)
    assert all(first < position and first not in found for position, first in found.items())
    assert all(texts.index(text) == position or position in found for position, text in enumerate(texts))
