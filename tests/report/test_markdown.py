"""The report in Markdown: its order, its limit of cases, and what it never shows as Markdown."""

from __future__ import annotations

from dataclasses import replace

from evalgate.report import markdown


def test_the_verdict_stands_before_the_criteria_and_these_before_the_cases(samples) -> None:
    report = samples.failing()
    text = markdown.render(report)
    places = [
        text.index(part)
        for part in (
            "FAIL",
            "### Criteria",
            next(markdown.render_cases(report.gates[0], 1)),
            "<summary>Versions and run</summary>",
        )
    ]
    assert places == sorted(places) and markdown.criteria(report.gates[0]) in text


def test_as_many_cases_are_shown_as_asked_for(samples) -> None:
    gate = samples.failing().gates[0]
    shown = [
        sum("<details" in line for line in "\n".join(markdown.render_cases(gate, most)).split("\n")) for most in (1, 20)
    ]
    assert shown[0] <= shown[1]
    assert len(markdown.render(samples.failing(), cases=1)) <= len(markdown.render(samples.failing()))


def test_a_report_without_gates_still_has_a_verdict(samples) -> None:
    assert "PASS" in markdown.render(replace(samples.passing(), gates=()))
