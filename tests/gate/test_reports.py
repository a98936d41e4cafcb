"""Reports: the verdict over all gates, the report of an error, and stored reports that are verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import evalgate
from evalgate.domain import Admission, PolicyChange, Report, Verdict
from evalgate.errors import EvalgateError, InputError, InterruptedRunError, ServiceError
from evalgate.gate import reports
from evalgate.store import report_json


def test_the_most_severe_gate_is_the_verdict(samples) -> None:
    gates = (*samples.passing().gates, *samples.failing().gates)
    made = reports.make_report(gates, ["a warning"])
    assert (made.decision, made.exit_code, made.warnings) == (Verdict.FAIL, Admission.FAIL, ("a warning",))
    assert made.created_at.endswith("+00:00")
    assert reports.make_report(gates).run_id != made.run_id


def test_an_edited_rule_waits_for_a_person_though_nothing_was_run() -> None:
    made = reports.make_report((), (), (PolicyChange(path="evalgate.yml", digest="0" * 64),))
    assert (made.decision, made.exit_code.awaits_sign_off) == (Verdict.PASS, True)
    assert reports.make_report(()).exit_code is Admission.PASS


@pytest.mark.parametrize(("error", "code"), [(InputError("bad"), 2), (ServiceError("down"), 3)])
def test_the_report_of_an_error_is_no_verdict_and_has_its_exit_code(error: InputError, code: int) -> None:
    made = reports.report_error(error)
    assert (made.decision, int(made.exit_code), made.gates) == (Verdict.INCONCLUSIVE, code, ())
    assert made.warnings == (str(error),)


@pytest.mark.parametrize("error", [InputError("bad"), ServiceError("down"), InterruptedRunError("stopped")])
def test_the_report_of_an_error_is_refused_as_what_it_is(error: EvalgateError, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(report_json.render(reports.report_error(error)), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        reports.load_report(path)
    text = str(refused.value)
    assert "ended before any verdict" in text and error.faults[0].message in text
    assert "edited" not in text


def decided() -> Report:
    arms = (("baseline", 0.9), ("candidate", 0.5))
    rows = [{"case": f"c{n}", "arm": arm, "criterion": "q", "value": value} for n in range(70) for arm, value in arms]
    return evalgate.decide_scores(rows, max_drop=0.05)


def test_a_stored_report_reads_back_and_an_edited_one_is_refused(tmp_path: Path) -> None:
    report = decided()
    path = tmp_path / "report.json"
    path.write_text(report_json.render(report), encoding="utf-8")
    read = reports.load_report(path)
    assert report_json.render(read) == report_json.render(report) and read.decision is Verdict.FAIL
    edited = replace(report, decision=Verdict.PASS, exit_code=Admission.PASS)
    with pytest.raises(InputError, match="the file was edited"):
        reports.verify_report(edited, "report.json")


def test_a_missing_report_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="evalgate run --output"):
        reports.load_report(tmp_path / "report.json")


def test_a_report_of_another_rule_is_decided_again_and_says_so(samples) -> None:
    old = replace(samples.failing(), rule=1)
    found = reports.verify_report(old, "report.json")
    assert found.rule != 1 and "decided by rule 1 then" in found.warnings[-1]
