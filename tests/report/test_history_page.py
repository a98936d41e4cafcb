"""Tests of the page of a history: it loads nothing, and hostile names stay text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from history_runs import RUNS, make_criterion, make_run

from evalgate.domain.history_totals import total_runs
from evalgate.report.history_page import render

HOSTILE = "</td><script>alert(1)</script>\u202e"


class Tags(HTMLParser):
    """The tags of a page, and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_page_has_plots_tables_and_nothing_that_loads() -> None:
    runs = [*RUNS, make_run(gate=HOSTILE, candidate=HOSTILE, criteria=(make_criterion(HOSTILE),))]
    text = render(runs, total_runs(runs, by_week=False), total_runs(runs, by_week=True), [HOSTILE])
    tags = Tags(text).found
    names = [name for name, _ in tags]
    assert not {"script", "img", "link", "iframe", "object", "a"} & set(names)
    assert not any(name in attributes for _, attributes in tags for name in ("style", "src", "href", "onload"))
    assert "\u202e" not in text and "default-src 'none'" in text
    assert names.count("svg") == 2 * 2 + 1 + 2  # intervals of two gates with two criteria, one of one; two costs
    assert names.count("circle") == 3 * 2 + 1 * 2 + 1
    assert "Skipped files" in text
    words = " ".join(re.sub("<[^>]*>", " ", text).split())
    assert "INCONCLUSIVE support" in words and "not a gate" in words
    assert "facts -0.020 [-0.050, +0.010] may drop 0.05" in words
