"""Runs with pytest-xdist: the controller makes them, and workers report them."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
def test_a_case(gate):
    assert gate.case("case-03").candidate == "nothing"

def test_another(gate):
    assert gate.verdict == "PASS"

def test_without():
    pass
"""


def test_many_workers_share_one_run_which_the_controller_makes(gated) -> None:
    gated.wrong = {3: "nothing"}
    gated.pytester.makepyfile(test_own=TESTS)
    ended = gated.run("golden/", "test_own.py", "-n", "2", "-v")
    ended.assert_outcomes(passed=43, xfailed=1)
    assert len(gated.server.received) == 80, "one run, for both workers and the fixture"
    assert any("PASSED golden/evalgate.yml::verdict" in line for line in ended.outlines)
    ended.stdout.fnmatch_lines(["XFAIL *::support::case-03 - does not block: fact: worse than with the baseline"])


@pytest.mark.long
def test_workers_report_a_part_as_one_process_does(gated) -> None:
    ended = gated.run("golden/", "-n", "2", "-k", "case-0")
    ended.assert_outcomes(passed=10, skipped=1)
    ended.stdout.fnmatch_lines(["SKIPPED * not a gate: 10 of 40 cases are selected"])
    assert len(gated.server.received) == 20
