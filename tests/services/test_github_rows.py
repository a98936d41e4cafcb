"""Rows of GitHub's answers: nothing that it leaves out is taken for absent."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import ServiceError
from evalgate.services.github_rows import Author, read_authors, read_coauthors, read_compared, read_overwritten_heads


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("fix\n\nCo-authored-by: Bob B <bob@x.org>\n", [("Bob B", "bob@x.org")]),
        ("fix\r\n\r\nco-authored-by: Bob <b@x>\r\nCo-Authored-By: Eve <e@x>", [("Bob", "b@x"), ("Eve", "e@x")]),
        ("Co-authored-by: nobody", [("nobody", "")]),
        ("we wrote this Co-authored by hand", []),
    ],
)
def test_co_authors_are_found_in_any_line(message: str, found: list[tuple[str, str]]) -> None:
    assert list(read_coauthors(message)) == found


_LINE = re.compile(r"^[ \t]*co-authored-by[ \t]*:[ \t]*(?! |\t|$)(.+?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_NAMED = re.compile(r"(.*?)\s*<([^<>]*)>.*")


@given(st.lists(st.sampled_from(["Co-authored-by", ":", " ", "\t", "\n", "\r", "x", "<", ">", "\x85"])).map("".join))
def test_co_authors_are_those_of_the_pattern(message: str) -> None:
    lines = _LINE.findall(message.replace("\r", "\n"))
    named = [(_NAMED.fullmatch(line), line) for line in lines]
    found = [(one[1].strip(), one[2].strip()) if one else (line, "") for one, line in named]
    assert list(read_coauthors(message)) == found


@pytest.mark.parametrize("value", [f"x{' ' * 500_000}x", f"x <{' ' * 500_000}<", "<" * 500_000])
def test_a_long_message_takes_no_longer_than_it_has_characters(value: str) -> None:
    assert list(read_coauthors(f"fix\n\nCo-authored-by: {value}")) == [(value, "")]


def _heads(nodes: list[Any], more: bool = False) -> dict[str, Any]:
    items = {"pageInfo": {"hasNextPage": more}, "nodes": [{"beforeCommit": node} for node in nodes]}
    return {"data": {"repository": {"pullRequest": {"timelineItems": items}}}}


def test_heads_that_were_pushed_over_are_all_known_or_an_error() -> None:
    assert read_overwritten_heads(_heads([{"oid": "a"}, {"oid": "b"}])) == ("a", "b")
    with pytest.raises(ServiceError, match="more than 100"):
        read_overwritten_heads(_heads([{"oid": "a"}], more=True))
    with pytest.raises(ServiceError, match="no record"):
        read_overwritten_heads(_heads([{"oid": "a"}, None]))


def test_a_comparison_that_leaves_out_commits_is_an_error() -> None:
    assert read_compared({"commits": [{"sha": "a"}], "total_commits": 1}) == ("a",)
    with pytest.raises(ServiceError, match="only 1 of 300"):
        read_compared({"commits": [{"sha": "a"}], "total_commits": 300})


def test_authors_of_all_pages_are_read_and_a_cursor_that_stands_still_ends() -> None:
    def page(after: str | None) -> dict[str, Any]:
        number = 0 if after is None else int(after)
        author = {"name": f"n{number}", "email": None, "user": {"login": "ann"} if number else None}
        commits = {
            "nodes": [{"commit": {"authors": {"nodes": [author]}}}],
            "pageInfo": {"hasNextPage": True, "endCursor": str(min(number + 1, 2))},
        }
        return {"data": {"repository": {"pullRequest": {"commits": commits}}}}

    assert read_authors(page) == (
        Author(name="n0", email="", login=""),
        Author(name="n1", email="", login="ann"),
        Author(name="n2", email="", login="ann"),
    )


def test_a_long_trailer_is_read_in_one_pass() -> None:
    start = time.process_time()
    name = f"a{' ' * 60_000}b"
    assert list(read_coauthors(f"Co-authored-by: {name} <{'<' * 60_000}c@x>")) == [(f"{name} <{'<' * 59_999}", "c@x")]
    assert list(read_coauthors(f"Co-authored-by:{' ' * 60_000}\nCo-authored-by: {name}")) == [(name, "")]
    assert time.process_time() - start < 2
