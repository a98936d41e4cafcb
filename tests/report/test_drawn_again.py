"""A report on answers that were drawn again: in every format, the verdict is the one that its exit code follows from."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from evalgate.domain import Admission, Redrawn, Report, Verdict
from evalgate.domain.frames import make_run_frame
from evalgate.report import csv, html, junit, markdown, status, terminal
from evalgate.store import report_json

STANDING = [
    (Verdict.PASS, Admission.PASS),
    (Verdict.FAIL, Admission.FAIL),
    (Verdict.INCONCLUSIVE, Admission.PASS),
    (Verdict.INCONCLUSIVE, Admission.INCONCLUSIVE),
    (Verdict.PASS, Admission.AWAITING_SIGN_OFF),
]


@pytest.fixture(params=STANDING, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def drawn(request: pytest.FixtureRequest, named: tuple[str, Report]) -> Report:
    decision, code = request.param
    return replace(named[1], exit_code=code, redrawn=Redrawn(what="all", decision=decision), sign_off=None)


def test_junit_has_the_verdict_that_stays_alone(drawn: Report) -> None:
    root = ElementTree.fromstring(junit.render(drawn).encode())
    failures, errors = ([*root.iter(name)] for name in ("failure", "error"))
    code = drawn.exit_code
    assert (len(failures), len(errors)) == (code is Admission.FAIL, code.blocks and code is not Admission.FAIL)
    for found in (*failures, *errors):
        assert found.attrib["message"].startswith(f"{drawn.standing} stays")
    assert all("drawn again" in skipped.attrib["message"] for skipped in root.iter("skipped"))
    first = root[0][0][0]
    assert f"the verdict stays {drawn.standing}, exit code {int(code)}" in first.attrib["message"]


def test_pages_name_the_verdict_that_stays_first(drawn: Report) -> None:
    title = f"{drawn.standing} stays, drawn again {drawn.decision}"
    assert f"<title>{title}: " in html.render(drawn)
    assert re.search(rf"^## \S+ {title}: ", markdown.render(drawn), re.MULTILINE)
    assert title in terminal.render(drawn, width=200)


def test_a_status_is_that_of_the_verdict_that_stays(drawn: Report) -> None:
    found = status.make_status(drawn)
    assert (found.state == "success") == drawn.exit_code.lets_merge
    assert found.verdict == ("PENDING" if drawn.exit_code.awaits_sign_off else drawn.standing)
    assert drawn.exit_code.awaits_sign_off or "decides nothing" in found.description


def test_rows_of_runs_have_the_verdict_that_stays(drawn: Report) -> None:
    frame = make_run_frame([drawn])
    assert set(frame["decision"]) == {drawn.standing}
    assert set(frame["exit_code"]) == {int(drawn.exit_code)}
    assert not drawn.gates or set(frame["drawn_again"]) == {"all"}
    plain = make_run_frame([replace(drawn, redrawn=None)])
    assert plain["drawn_again"].isna().all()


def test_json_has_both_verdicts_and_csv_none(drawn: Report) -> None:
    read = json.loads("".join(report_json.pieces(drawn)))
    assert (read["redrawn"]["decision"], read["exit_code"]) == (drawn.standing, drawn.exit_code)
    assert not {"decision", "exit_code"} & set(csv.render(drawn).splitlines()[0].split(","))
