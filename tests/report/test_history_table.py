"""Tests of the history as text, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json

from history_runs import RUNS, make_criterion, make_run

from evalgate.domain.history_totals import total_runs
from evalgate.report.history_table import COLUMNS, as_json, render_csv, render_terminal


def test_the_text_has_sums_runs_and_weeks_in_80_columns() -> None:
    text = render_terminal(RUNS, total_runs(RUNS, by_week=False), total_runs(RUNS, by_week=True))
    words = " ".join(text.split())
    assert "support: 3 runs (1 PASS, 1 FAIL, 1 INCONCLUSIVE); 400 calls made, 120 cached, 80 saved" in words
    assert "$1.25, and 1 of unknown cost" in words
    assert "not a gate 1.0.0 -> 1.1.0 MINOR (part of the cases)" in words
    assert "(decided before)" in words
    assert "facts -0.020 [-0.050, +0.010] may drop 0.05 answered +0.000 [-0.030, +0.030] 2026" in words
    assert "2026-11-09 support 0 0 0 0 $0.00" in words
    assert max(map(len, text.split("\n"))) <= 80
    many = [make_run(f"2026-11-02T09:{minute:02}:00+00:00") for minute in range(30)]
    assert "... and 10 earlier runs" in render_terminal(many, total_runs(many, by_week=False), ())


def test_a_number_never_contradicts_its_limit() -> None:
    one = make_criterion("facts", -0.0203)
    text = render_terminal([make_run(criteria=(one,))], total_runs([make_run()], by_week=False), ())
    assert "[-0.0503, +0.010]" in text


def test_csv_has_a_row_for_each_criterion_and_no_formula() -> None:
    rows = [*csv.DictReader(io.StringIO(render_csv([*RUNS, make_run(gate="=1+1", criteria=())])))]
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == 4 * 2 + 1 + 1
    assert (rows[0]["criterion"], rows[0]["allowed_drop"], rows[1]["allowed_drop"]) == ("facts", "0.05", "")
    assert (rows[-1]["gate"], rows[-1]["criterion"]) == (" =1+1", "")


def test_json_has_all_of_it() -> None:
    data = as_json(RUNS, total_runs(RUNS, by_week=False), total_runs(RUNS, by_week=True), ["x: not a report"])
    assert json.loads(json.dumps(data)) == data
    assert (len(data["runs"]), len(data["gates"]), len(data["weeks"])) == (5, 2, 4)
    assert data["problems"] == ["x: not a report"]
