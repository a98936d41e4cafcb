"""Tests of the history on the page of a run: which runs it shows, as which texts, and that hostile ones stay text."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from history_runs import RUNS, make_criterion, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from report.pages import require_inert, require_ours

from evalgate.domain import ReportKind
from evalgate.report import html
from evalgate.report.gate_history import MOST, MOST_ROWS, make_gate_history

GOLD = Path(__file__).with_name("gold") / "page" / "history.html"
HOSTILE = "</td><script>alert(1)</script>\u202e"
DAYS = [make_run(f"2026-11-{day:02}T09:00:00+00:00", ("PASS", "FAIL")[day % 2]) for day in range(1, MOST + 5)]


def test_two_runs_with_a_verdict_are_a_history() -> None:
    found = make_gate_history(RUNS, "support")
    assert found is not None
    assert found.count == "last 3 runs: 1 PASS, 1 FAIL, 1 INCONCLUSIVE"
    assert [row.word for row in found.rows] == ["INCONCLUSIVE", "FAIL", "PASS"]
    assert found.rows[1].cost == "cost unknown" and found.costs is not None and len(found.costs.columns) == 2
    assert make_gate_history(RUNS, "billing") is None and make_gate_history([], "support") is None
    part = make_run(kind=ReportKind.PART, criteria=())
    assert make_gate_history([RUNS[0], part], "support") is None


def test_the_newest_runs_are_shown() -> None:
    found = make_gate_history(DAYS, "support")
    assert found is not None
    assert [at for _, at in found.verdicts] == [run.at for run in DAYS[-MOST:]]
    assert {len(chart.bars) for _, chart in found.charts} == {MOST}
    assert [row.at for row in found.rows] == [run.at[:16].replace("T", " ") for run in DAYS[: -MOST_ROWS - 1 : -1]]


def test_a_page_without_a_history_has_no_place_for_it(samples) -> None:
    report = samples.passing()
    assert ">History <" not in html.render(report)
    others = [replace(run, gate="another") for run in DAYS]
    assert html.render(report, history=others) == html.render(report)


def test_a_page_shows_the_history_as_the_gold_file(samples) -> None:
    page = html.render(samples.passing(), history=RUNS)
    require_ours(page)
    require_inert(page)
    start = page.index('<details class="fold">\n<summary><h2>History')
    text = page[start : page.index("</details>", start)]
    if os.environ.get("EVALGATE_UPDATE_GOLD"):
        GOLD.parent.mkdir(exist_ok=True)
        GOLD.write_text(text, encoding="utf-8", newline="\n")
    assert text == GOLD.read_text(encoding="utf-8")


@settings(max_examples=8)
@given(text=st.sampled_from([HOSTILE, '" onload="x', "&amp;", "\x00\x1b"]) | st.text(max_size=8))
def test_no_text_of_a_run_adds_an_element_or_an_attribute(samples, text: str) -> None:
    runs = [
        make_run(text, gate="support", run_id=text, level=text, candidate=text, baseline=text, criteria=(one, other))
        for one, other in [(make_criterion(text), make_criterion("facts"))] * 2
    ]
    tags = require_ours(html.render(samples.passing(), history=runs))
    plain = require_ours(html.render(samples.passing(), history=RUNS[:2]))
    for tag in ("script", "style", "div", "section", "details", "h2", "ol", "li"):
        assert tags.count(tag) == plain.count(tag), tag


def test_the_words_of_a_run_are_on_the_page(samples) -> None:
    page = html.render(samples.passing(), history=[*RUNS[:1], make_run(candidate=HOSTILE)])
    words = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "1.0.0 -&gt; &lt;/td&gt;&lt;script&gt;alert(1)" in words and "\u202e" not in page
    assert "facts -0.020 [-0.050, +0.010] may drop 0.05" in words
