"""Stored reports: a verdict has to follow from the evidence, and sentences may be those of an earlier version."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate import decide_scores
from evalgate.decide import verify
from evalgate.domain import Admission, Level, Report, Verdict
from evalgate.errors import InputError
from evalgate.gate.reports import verify_report


def made(mean: float, level: Level = Level.MINOR) -> Report:
    rows = [
        {"case": f"c{place}", "arm": arm, "criterion": "quality", "value": value}
        for place in range(70)
        for arm, value in (("baseline", 0.9), ("candidate", mean))
    ]
    return decide_scores(rows, max_drop=0.05, minimum={"quality": 0.2}, level=level)


REPORTS = [made(mean, level) for mean in (0.9, 0.6) for level in Level]


def reworded(report: Report, text: str) -> Report:
    """The report with another text in place of each sentence."""
    gates = tuple(
        replace(
            gate,
            findings=tuple(replace(one, sentence=text) for one in gate.findings),
            requirements=tuple(replace(one, detail=text) for one in gate.requirements),
        )
        for gate in report.gates
    )
    return replace(report, gates=gates)


@given(st.sampled_from(REPORTS), st.text())
def test_sentences_of_an_earlier_version_are_replaced(report: Report, text: str) -> None:
    assert verify_report(reworded(report, text), "report.json") == report


def test_a_verdict_that_does_not_follow_is_refused_however_it_is_worded() -> None:
    report = made(0.6)
    assert report.decision is Verdict.FAIL
    passed = replace(report.gates[0], decision=Verdict.PASS, exit_code=Admission.PASS)
    forged = replace(report, gates=(passed,), decision=Verdict.PASS, exit_code=Admission.PASS)
    for one in (forged, reworded(forged, "All thresholds are met.")):
        assert verify.find_fault(verify.update_sentences(one)) is not None
        with pytest.raises(InputError, match="the file was edited"):
            verify_report(one, "report.json")


def test_a_finding_that_was_changed_or_removed_is_refused() -> None:
    report = made(0.6)
    (gate,) = report.gates
    first, *others = gate.findings
    edited = (
        replace(first, decision=Verdict.PASS if first.decision is Verdict.FAIL else Verdict.FAIL),
        replace(first, blocks=not first.blocks),
        replace(first, cases=("x",)),
    )
    for findings in (tuple(others), *((one, *others) for one in edited)):
        with pytest.raises(InputError, match="the file was edited"):
            verify_report(replace(report, gates=(replace(gate, findings=findings),)), "report.json")


@given(
    st.sampled_from(REPORTS),
    st.sampled_from(["p_value", "deviation", "detectable"]),
    st.sampled_from([-1e-15, 1e-15, 1e-13, -1e-13, 1e-6]),
)
def test_numbers_may_differ_in_the_last_digits_as_between_machines_and_libraries(
    report: Report, name: str, by: float
) -> None:
    """And in no digit that is shown."""
    (gate,) = report.gates
    (comparison,) = gate.comparisons
    moved = replace(comparison, **{name: (getattr(comparison, name) or 0.0) + by})
    found = replace(report, gates=(replace(gate, comparisons=(moved,)),))
    if getattr(comparison, name) is None or abs(by) > 1e-9:
        with pytest.raises(InputError, match="the file was edited"):
            verify_report(found, "report.json")
    else:
        assert verify_report(found, "report.json") == found
