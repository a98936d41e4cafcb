"""Tests of facts and a table as Markdown."""

from __future__ import annotations

import re

from evalgate.report.fact_table import render_facts

HOSTILE = "a | b\n<img src=x> @ann `x` [y](https://evil.test) \x1b[31m"


def test_facts_and_a_table_are_a_heading_a_list_and_rows() -> None:
    shown = render_facts("support: 1.1.0", [("stage", "1 of 3")], [["watched", "n"], ["helpful", "12"]])
    assert shown.splitlines() == [
        "### support: 1.1.0",
        "",
        "- stage: 1 of 3",
        "",
        "| watched | n |",
        "| :--- | ---: |",
        "| helpful | 12 |",
    ]
    assert render_facts("support", [], []) == "### support\n"


def test_texts_stay_text() -> None:
    shown = render_facts(HOSTILE, [("stage", HOSTILE)], [[HOSTILE, "n"], [HOSTILE, HOSTILE]])
    assert len(shown.splitlines()) == 7
    plain = re.sub("`[^`]*`", "", shown)  # a code span is not markup
    assert "`@ann`" in shown and not re.search(r"[@\x1b<`]|\]\(", plain)
    assert all(row.count("|") == 3 for row in shown.splitlines()[4:])
