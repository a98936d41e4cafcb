"""Reports of the first decision rule: they are read as they are, and decided anew by this one, never signed off."""

from __future__ import annotations

import json as stdlib
from pathlib import Path

import pytest

from evalgate.domain import ANSWERED, RULE, Report, Verdict
from evalgate.errors import ExitCode, InputError
from evalgate.gate import reports
from evalgate.report import html, markdown, terminal
from evalgate.store import report_json, results

STORED = Path(__file__).parent / "rule_1"
NAMES = ("fail", "signed-off")


def text(name: str) -> str:
    return (STORED / f"{name}.json").read_text(encoding="utf-8")


def read(name: str) -> Report:
    return report_json.read(text(name), f"{name}.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_report_has_no_key_of_this_rule(name: str) -> None:
    data = stdlib.loads(text(name))
    assert "rule" not in data and data["format"] == report_json.FORMAT
    assert not {"units", "blocking", "requests", "verdict_key"} & set(data["gates"][0])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_read_with_what_it_lacks(name: str) -> None:
    report = read(name)
    assert report.rule == 1
    gate = report.gates[0]
    assert (gate.units, gate.blocking, gate.constant_output) == (0, (), None)
    assert all((c.units, c.pairs, c.broken, c.suspects) == (0, 0, (), ()) for c in gate.comparisons)
    assert gate.policy.attempts == "note" and not any(criterion.strict for criterion in gate.evidence.criteria)
    given = stdlib.loads(text(name))
    written = stdlib.loads(report_json.render(report))
    assert written["rule"] == 1
    assert {key: written[key] for key in given if key != "gates"} == {
        key: given[key] for key in given if key != "gates"
    }
    assert {key: written["gates"][0][key] for key in ("findings", "results", "flips", "counts")} == {
        key: given["gates"][0][key] for key in ("findings", "results", "flips", "counts")
    }
    assert report_json.read(report_json.render(report), "again.json") == report


@pytest.mark.parametrize("name", NAMES)
def test_it_is_read_line_by_line_too(name: str) -> None:
    with (STORED / f"{name}.json").open(encoding="utf-8") as file:
        report = results.read(file, name)
    assert report.rule == 1
    assert report_json.render(report) == report_json.render(read(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_rendering_shows_it(name: str) -> None:
    for render in (terminal.render, markdown.render, html.render):
        assert "faithfulness" in render(read(name))


def test_an_edited_one_is_refused_in_the_old_words() -> None:
    data = stdlib.loads(text("fail"))
    data["gates"][0]["counts"]["decided"] = "all"
    with pytest.raises(InputError, match=r"gates\[0\]\.counts\.decided: expected a whole number, found a string"):
        report_json.read(stdlib.dumps(data), "fail.json")
    data["gates"] = "none"
    with pytest.raises(InputError, match="gates: expected a list, found a string"):
        report_json.read(stdlib.dumps(data), "fail.json")


def test_it_is_decided_anew_by_this_rule_and_says_so() -> None:
    stored = read("fail")
    anew = reports.verify_report(stored, "fail.json")
    assert (anew.rule, anew.gates[0].evidence.results[0].case) == (RULE, stored.gates[0].evidence.results[0].case)
    assert ANSWERED in [criterion.name for criterion in anew.gates[0].evidence.criteria]
    assert [check.criterion for check in anew.gates[0].blocking] == ["json_schema", "facts", ANSWERED]
    (warning,) = anew.warnings
    assert warning == f"decided by rule 1 then, and by rule {RULE} here: FAIL became {anew.decision}"
    for render in (terminal.render, markdown.render, html.render):
        assert "decided by rule 1 then" in " ".join(render(anew).split())
    assert anew.decision is Verdict.FAIL
    assert "52 of 60 cases hold" not in terminal.render(anew)
    assert "facts: proven to fail more often than the baseline: 8 of 8 cases failed" in terminal.render(anew)
    assert reports.verify_report(report_json.read(report_json.render(anew), "anew.json"), "anew.json") == anew


def test_no_sign_off_holds_for_another_rule() -> None:
    stored = read("signed-off")
    assert stored.sign_off is not None and stored.exit_code == ExitCode.PASS
    anew = reports.verify_report(stored, "signed-off.json")
    assert anew.sign_off is None
    assert (anew.decision, anew.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert "Signed off" not in terminal.render(anew)
