"""Tests of the rows of the history that a report gives."""

from __future__ import annotations

from dataclasses import replace

import evalgate
from evalgate.domain import CasePart, Redrawn, Shard, Verdict
from evalgate.domain.history_rows import list_runs

ROWS = [
    {"case": f"c{i}", "arm": arm, "criterion": "tone", "value": 0.9}
    for i in range(60)
    for arm in ("baseline", "candidate")
]


def test_a_gate_of_a_report_is_one_run() -> None:
    report = evalgate.decide_scores(ROWS, max_drop=0.06)
    (run,) = list_runs(report)
    assert (run.word, run.gate, run.made, run.cost_usd) == ("PASS", "scores", 0, None)
    (tone,) = run.criteria
    assert (tone.name, tone.difference, tone.allowed) == ("tone", 0.0, 0.06)
    assert tone.low < 0 <= tone.high


def test_a_second_draw_has_the_verdict_that_stays_and_a_part_has_none() -> None:
    report = evalgate.decide_scores(ROWS)
    (drawn,) = list_runs(replace(report, redrawn=Redrawn(what="all", decision=Verdict.FAIL)))
    assert (drawn.word, drawn.is_drawn_again) == ("FAIL", True)
    (gate,) = report.gates
    part = replace(gate, evidence=replace(gate.evidence, part=CasePart(first=3)))
    (run,) = list_runs(replace(report, gates=(part,)))
    assert (run.word, run.has_verdict) == ("not a gate", False)
    shard = replace(gate, evidence=replace(gate.evidence, shard=Shard(number=1, of=2)))
    assert [*list_runs(replace(report, gates=(shard,)))] == []
