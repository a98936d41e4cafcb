"""Floors of checks and percentiles of seconds, over all outputs of the candidate."""

from __future__ import annotations

from dataclasses import replace

from decide.small_evidence import CHECK, decide, results

from evalgate.domain import Criterion, Level, Output, Threshold, Verdict


def test_a_floor_on_a_check_is_the_plain_rate() -> None:
    found = results([1.0] * 30, [1.0] * 29 + [0.0], "is_json")
    floors = {name: Threshold(minimum=floor) for name, floor in (("is_json", 29 / 30),)}
    assert decide(found, criteria=(CHECK,), thresholds=floors).decision is Verdict.PASS
    higher = decide(found, criteria=(CHECK,), thresholds={"is_json": Threshold(minimum=0.9667)})
    assert higher.decision is Verdict.FAIL
    assert "0.96667, with a floor of 0.9667" in higher.findings[0].sentence


def test_the_slowest_twentieth_is_judged_over_all_cases() -> None:
    found = [
        replace(r, outcome=Output(text="", seconds=9.0 if r.case >= "case-018" else 1.0))
        for r in results([1.0] * 20, [1.0] * 20, "latency")
    ]
    limited = Criterion(name="latency", kind="check", blocking=True, digest="d", p95_seconds=5.0)
    gate = decide(found, criteria=(limited,), level=Level.PATCH)
    assert gate.decision is Verdict.FAIL
    assert any("9.000 s over 20 outputs; the limit is 5 s" in finding.sentence for finding in gate.findings)
