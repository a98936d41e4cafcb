"""A recorded verdict of the same content is never replaced by a better one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.test_attempts import FAILS, MERGES, PASSES, decided

from evalgate.decide import policy
from evalgate.decide.verify import find_fault
from evalgate.domain import Admission, GateReport, Level, RecordedVerdict, Verdict
from evalgate.gate import reports
from evalgate.store import report_json

PAGE = "https://github.test/acme/prompts/actions/runs/1/attempts/1"
ORDER = [Admission.PASS, Admission.AWAITING_SIGN_OFF, Admission.INCONCLUSIVE, Admission.FAIL]


def keep(gate: GateReport, verdict: Verdict) -> GateReport:
    past = RecordedVerdict(decision=verdict, at="2026-05-01T12:00:00Z", page=PAGE)
    return policy.decide(replace(gate.evidence, recorded=past), gate.thresholds, gate.policy, gate.level_policy)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE])
@pytest.mark.parametrize("drawn", [PASSES, MERGES, FAILS])
def test_the_worse_of_both_verdicts_stands(level: Level, verdict: Verdict, drawn: tuple[float, ...]) -> None:
    (gate,) = decided(drawn, level=level).gates
    kept = keep(gate, verdict)
    past = Admission.FAIL if verdict is Verdict.FAIL else Admission.INCONCLUSIVE
    assert kept.exit_code is max(gate.exit_code, past, key=ORDER.index)
    assert kept.exit_code.blocks
    assert kept.requirements == ()
    added = [finding for finding in kept.findings if finding.kind == "recorded"]
    assert [f for f in kept.findings if f not in added] == list(gate.findings), "the fresh evidence is shown as well"
    assert len(added) == (kept.exit_code is not gate.exit_code)
    for finding in added:
        assert finding.sentence.startswith(f"An earlier run decided {verdict} at 2026-05-01T12:00:00Z, which stands")
        assert finding.sentence.endswith(PAGE)
        assert "edit the prompt" in finding.sentence


def test_a_stored_report_keeps_it() -> None:
    report = reports.make_report([keep(decided().gates[0], Verdict.FAIL)])
    assert find_fault(report) is None
    assert report_json.read(report_json.render(report), "report.json") == report
    (gate,) = report.gates
    without = replace(report, gates=(replace(gate, evidence=replace(gate.evidence, recorded=None)),))
    assert find_fault(without) is not None
