from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.message_diff import RoleText, compare_messages

MESSAGES = st.lists(
    st.tuples(st.sampled_from(["system", "user"]), st.text(st.sampled_from("ab \n"), max_size=30)), max_size=4
)


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("Be kind to users.", "Be brief to users.", ["  user:", "~ Be [-kind -]{+brief +}to users."]),
        ("Be kind.", "Say nothing at all", ["  user:", "- Be kind.", "+ Say nothing at all"]),
        ("a\nb\nc\nd\ne", "a\nb\nc\nd\ne\nf", ["  user:", "  d", "  e", "+ f"]),
        ("same", "same", []),
    ],
)
def test_words_and_lines_are_marked(old: str, new: str, shown: list[str]) -> None:
    assert compare_messages([("user", old)], [("user", new)]) == ([""] * bool(shown) + shown)


def test_messages_that_only_one_side_has_are_shown_whole() -> None:
    system, user = ("system", "Be kind."), ("user", "Hello")
    assert compare_messages([user], [system, user]) == ["", "+ system:", "+ Be kind."]
    assert compare_messages([system, user], [user]) == ["", "- system:", "- Be kind."]
    assert compare_messages([("system", "x")], [("user", "x")]) == ["", "- system:", "- x", "+ user:", "+ x"]


@given(MESSAGES, MESSAGES)
def test_equal_messages_show_nothing_and_others_something(old: list[RoleText], new: list[RoleText]) -> None:
    assert compare_messages(old, old) == []
    assert bool(compare_messages(old, new)) == (old != new)


def test_a_very_long_text_is_compared_by_lines() -> None:
    old, new = "word " * 3_000, "word " * 3_000 + "more"
    assert compare_messages([("user", old)], [("user", new)])[2].startswith("- word")
