from __future__ import annotations

from dataclasses import replace

from evalgate.decide.replay_findings import make_findings
from evalgate.domain import Verdict
from evalgate.domain.replayed_rows import ReplayedRows

ROWS = ReplayedRows(since="a", until="b", rows=100, faults={"doubled": 1}, sampled=100, unfit=1, redraws=True)


def test_few_rows_with_a_fault_make_no_finding() -> None:
    assert list(make_findings(None)) == list(make_findings(ROWS)) == []


def test_too_many_rows_with_a_fault_are_inconclusive_and_block() -> None:
    (finding,) = make_findings(replace(ROWS, faults={"from the future": 1, "doubled": 1}))
    assert (finding.decision, finding.blocks) == (Verdict.INCONCLUSIVE, True)
    assert "2 of 100 rows" in finding.sentence and "(1 doubled, 1 from the future)" in finding.sentence
    assert "at most 1% may" in finding.sentence


def test_too_many_rows_that_do_not_fit_are_inconclusive_too() -> None:
    (finding,) = make_findings(replace(ROWS, unfit=2))
    assert (finding.decision, finding.blocks) == (Verdict.INCONCLUSIVE, True)
    assert "2 of 100 chosen rows" in finding.sentence
