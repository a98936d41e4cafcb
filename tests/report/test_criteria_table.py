"""The table of criteria: what stands in it, and what was decided of each line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import ANSWERED, Estimate, GateReport, Verdict
from evalgate.report import criteria_table, html, markdown, terminal


def of_checks(samples, **check: object) -> GateReport:
    """The gate of a pass whose check `facts` is this one."""
    gate = samples.passing().gates[0]
    return replace(gate, blocking=(samples.blocks("json_schema"), samples.blocks("facts", **check), gate.blocking[2]))


def row(gate: GateReport, criterion: str) -> criteria_table.CriterionRow:
    return next(row for row in criteria_table.make_rows(gate) if row.criterion == criterion)


def test_numbers_stand_on_the_right_side_of_their_limits(samples) -> None:
    gate = samples.new_prompt().gates[0]
    assert criteria_table.make_rows(gate)[1].candidate == "0.8996"
    drop = Estimate(value=-0.04996, low=-0.05004, high=-0.0001, n=60)
    compared = replace(samples.passing().gates[0].comparisons[2], difference=drop, detectable=0.05002)
    found = criteria_table.make_rows(replace(gate, comparisons=(compared,)))[0]
    assert (found.difference, found.interval, found.detectable) == ("-0.04996", "[-0.05004, -0.0001]", "0.05002")


def test_a_criterion_without_a_threshold_is_only_reported(samples) -> None:
    gate = replace(samples.passing().gates[0], findings=(), blocking=())
    assert {row.decision for row in criteria_table.make_rows(gate)} == {"reported"}
    remark = replace(samples.WITHIN, kind="remark")
    assert row(replace(gate, findings=(remark,)), "faithfulness").decision == "reported"


@pytest.mark.parametrize(
    ("decision", "word"), [(Verdict.PASS, "HOLDS"), (Verdict.FAIL, "FAIL"), (Verdict.INCONCLUSIVE, "undecided")]
)
def test_a_blocking_check_is_decided_by_its_own_counts(samples, decision: Verdict, word: str) -> None:
    gate = of_checks(samples, decision=decision)
    assert row(gate, "facts").decision == word
    assert row(gate, "json_schema").decision == "HOLDS"
    assert row(gate, "faithfulness").decision == "PASS"


CASES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("check", "failed", "counts"),
    [
        ({}, "", ""),
        ({"cases": 100}, "0 of 100 failed", "0 of 100 failed"),
        (
            {"cases": 100, "failed": 2, "wavered": CASES[:2], "baseline_draws": 300, "baseline_failed": 1},
            "2 of 100 failed",
            "2 of 100 failed once and held when asked again; the baseline: 1 of 300 draws",
        ),
        (
            {"failed": 3, "wavered": CASES[:1], "both": CASES[1:], "baseline_failed": 6},
            "3 of 60 failed",
            "3 of 60 failed at first (1 held when asked again, 2 failed with the baseline as well); "
            "the baseline: 6 of 180 draws",
        ),
        ({"baseline_failed": 4}, "", "0 of 60 failed; the baseline: 4 of 180 draws"),
        (
            {"failed": 3, "for_good": CASES[:2], "open": CASES[2:], "baseline_draws": 0},
            "3 of 60 failed",
            "3 of 60 failed at first (2 failed in every draw, 1 could not be asked again)",
        ),
    ],
)
def test_a_blocking_check_says_what_became_of_what_failed(samples, check, failed: str, counts: str) -> None:
    gate = of_checks(samples, **check)
    found = row(gate, "facts")
    assert (found.failed, found.counts) == (failed, counts)
    report = samples.report(gate)
    assert counts in markdown.render(report) and counts in html.render(report)
    assert " ".join(failed.split()) in " ".join(terminal.render(report, width=200).split())


def test_the_implicit_check_has_a_line_only_where_something_was_not_answered(samples) -> None:
    gate = samples.passing().gates[0]
    names = [row.criterion for row in criteria_table.make_rows(gate)]
    assert ANSWERED not in names and len(criteria_table.make_spans(gate)) == len(names)
    answered = samples.blocks(ANSWERED)
    less = samples.estimate(0.98, 0.9, 1.0)
    shown = [
        replace(gate, blocking=(*gate.blocking[:2], replace(answered, failed=1))),
        replace(gate, blocking=(*gate.blocking[:2], replace(answered, baseline_failed=1))),
        replace(gate, blocking=(*gate.blocking[:2], replace(answered, decision=Verdict.INCONCLUSIVE))),
        replace(gate, comparisons=(*gate.comparisons[:3], samples.answered(candidate=less))),
        replace(gate, comparisons=(*gate.comparisons[:3], samples.answered(baseline=less))),
        replace(gate, comparisons=(*gate.comparisons[:3], samples.answered(undecided=("a",)))),
    ]
    for found in shown:
        assert criteria_table.make_rows(found)[-1].criterion == ANSWERED
        assert len(criteria_table.make_spans(found)) == len(criteria_table.make_rows(found)) == 4


def test_units_are_shown_where_they_are_not_the_cases(samples) -> None:
    gate = samples.passing().gates[0]
    assert (row(gate, "faithfulness").pairs, row(gate, "faithfulness").units) == ("60", "")
    grouped = replace(gate.comparisons[2], units=24)
    report = samples.report(replace(gate, comparisons=(grouped,)))
    assert (row(report.gates[0], "faithfulness").pairs, row(report.gates[0], "faithfulness").units) == ("60", "24")
    assert "| 60 (24\u00a0units): " in markdown.render(report)
    assert ">60<br>24 units</td>" in html.render(report)
    assert "24 units" in terminal.render(report) and "24 units" in terminal.render(report, width=80)


def test_a_narrow_terminal_keeps_the_names_of_criteria(samples) -> None:
    text = terminal.render(samples.passing(), width=80)
    assert "json_schema" in text and "faithfulness" in text[text.index("Criteria") :]


def test_an_interval_without_width_says_why(samples) -> None:
    gate = samples.failing().gates[0]
    flat = replace(gate.comparisons[1], difference=Estimate(value=-1.0, low=-1.0, high=-1.0, n=8))
    found = replace(gate, comparisons=(flat,))
    (note,) = criteria_table.list_notes(found)
    assert note.startswith("facts: all 8 differences are equal, so the interval has no width.")
    for render in (terminal.render, markdown.render, html.render):
        assert "the interval has no width" in " ".join(render(samples.report(found)).split())
    assert criteria_table.list_notes(gate) == ()


def test_each_row_counts_what_got_better_beside_what_got_worse(samples) -> None:
    report = samples.failing()
    assert row(report.gates[0], "facts").moves == "8 worse, 0 same, 0 better"
    for render in (terminal.render, markdown.render, html.render):
        assert "8 worse, 0 same, 0 better" in render(report).replace("\u00a0", " ")
    assert row(samples.new_prompt().gates[0], "faithfulness").moves == ""
