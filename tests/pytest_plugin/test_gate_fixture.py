"""The fixture `gate`."""

from __future__ import annotations

pytest_plugins = ["pytester"]

TESTS = """
import pytest
from evalgate import InputError

def test_verdict(gate):
    assert gate.verdict == "PASS" and gate.report.exit_code == 0

def test_case(gate):
    case = gate.case("case-03")
    assert (case.state, case.reasons) == ("tolerated", ("fact: worse than with the baseline",))
    assert (case.candidate, case.baseline) == ("nothing", "fact 3")
    assert case.scores == {"polite": 1.0, "fact": 0.0, "answered": 1.0}
    assert gate.case("case-04", gate="support").state == "holds"

def test_unknown_case(gate):
    with pytest.raises(InputError, match="no gate has the case case-99: support"):
        gate.case("case-99")

def test_other_versions(gate):
    report = gate.run(candidate="golden/third.prompt.yml", gates=["support"])
    assert report.gates[0].evidence.candidate.version == "1.2.0"
    assert gate.run(candidate="golden/third.prompt.yml", gates=["support"]) is report
    assert gate.verdict == "PASS"
"""


def test_a_test_in_python_asks_for_the_verdict_and_for_cases(gated) -> None:
    gated.wrong = {3: "nothing"}
    text = (gated.folder / "support.prompt.yml").read_text()
    (gated.folder / "third.prompt.yml").write_text(text.replace("1.1.0", "1.2.0").replace("polite", "kind"))
    gated.pytester.makepyfile(test_own=TESTS)
    gated.run("test_own.py").assert_outcomes(passed=4)
    calls = [call.body["messages"][0]["content"] for call in gated.server.received]
    assert sum("polite" in one for one in calls) == 40, "the gate is run once in a session"


def test_without_a_configuration_the_fixture_names_the_option(gated) -> None:
    (gated.folder / "evalgate.yml").rename(gated.folder / "gates.yml")
    gated.pytester.makepyfile(test_own="def test_verdict(gate):\n    assert gate.verdict == 'PASS'\n")
    gated.run("test_own.py").stdout.fnmatch_lines(["*finds neither evalgate.yml nor golden/evalgate.yml*"])
    gated.run("test_own.py", "--evalgate-config", "golden/gates.yml").assert_outcomes(passed=1)


def test_a_fixture_of_the_project_takes_precedence(gated) -> None:
    gated.pytester.makeconftest("import pytest\n\n@pytest.fixture\ndef gate():\n    return 'ours'\n")
    gated.pytester.makepyfile(test_own="def test_ours(gate):\n    assert gate == 'ours'\n")
    gated.run("test_own.py").assert_outcomes(passed=1)
    assert not gated.server.received
