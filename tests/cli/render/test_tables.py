"""Tables of text and of Markdown, and JSON with the number of its format."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from evalgate.cli.render import tables

CELL = st.text("ab 1", min_size=1, max_size=8).map(lambda text: text.strip() or "x")
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=2, max_size=6)
)


@given(ROWS)
def test_columns_end_in_line_and_no_line_ends_in_a_space(rows: list[list[str]]) -> None:
    head, rule, *body = tables.render_text(rows).split("\n")
    assert set(rule) == {"-"} and len(rule) == max(map(len, (head, *body)))
    assert all(line == line.rstrip() for line in (head, *body))
    if len(rows[0]) > 1:
        assert len({len(line) for line in (head, *body)}) == 1, "the last column is on the right"


@given(ROWS)
def test_markdown_has_a_cell_for_each_cell(rows: list[list[str]]) -> None:
    lines = tables.render_markdown(rows).split("\n")
    assert len(lines) == len(rows) + 1
    assert {line.count("|") for line in lines} == {len(rows[0]) + 1}


def test_json_has_the_number_of_its_format_first() -> None:
    text = tables.render_json({"a": [1]})
    assert json.loads(text) == {"format": 1, "a": [1]} and text.index("format") < text.index('"a"')
