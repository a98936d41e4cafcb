"""Floors of checks and percentiles of seconds, over all outputs of the candidate."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, decide, result, results
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Arm, Criterion, Level, Output, Score, Threshold, Verdict


def test_a_floor_on_a_check_is_the_plain_rate() -> None:
    found = results([1.0] * 30, [1.0] * 29 + [0.0], "is_json")
    floors = {name: Threshold(minimum=floor) for name, floor in (("is_json", 29 / 30),)}
    assert decide(found, criteria=(CHECK,), thresholds=floors).decision is Verdict.PASS
    higher = decide(found, criteria=(CHECK,), thresholds={"is_json": Threshold(minimum=0.9667)})
    assert higher.decision is Verdict.FAIL
    assert "0.96667, with a floor of 0.9667" in higher.findings[0].sentence


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 0.9]), min_size=1, max_size=3), min_size=8, max_size=20))
def test_the_number_of_cases_that_hold_is_the_share_that_is_shown(draws: list[list[float]]) -> None:
    """Where the draws of a case differ, or have scores between, the mean is called one."""
    candidate = [
        result(case, Arm.CANDIDATE, {"is_json": Score(value=value)}, repeat=repeat)
        for case, values in enumerate(draws)
        for repeat, value in enumerate(values)
    ]
    found = [*results([1.0] * len(draws), [], "is_json"), *candidate]
    gate = decide(found, criteria=(CHECK,), thresholds={"is_json": Threshold(minimum=0.8)})
    (sentence,) = (finding.sentence for finding in gate.findings if finding.kind == "min")
    numbers = re.search(r"(\d+) of (\d+) cases (holds?:|ha(?:s|ve) full marks, and the mean is) (\d\.\d+),", sentence)
    assert numbers is not None
    share = int(numbers[1]) / int(numbers[2])
    if numbers[3].startswith("hold"):
        assert float(numbers[4]) == pytest.approx(share, abs=0.0005)
    else:
        assert float(numbers[4]) > share


def test_the_slowest_twentieth_is_judged_over_all_cases() -> None:
    found = [
        replace(r, outcome=Output(text="", seconds=9.0 if r.case >= "case-018" else 1.0))
        for r in results([1.0] * 20, [1.0] * 20, "latency")
    ]
    limited = Criterion(name="latency", kind="check", blocking=True, digest="d", p95_seconds=5.0)
    gate = decide(found, criteria=(limited,), level=Level.PATCH)
    assert gate.decision is Verdict.FAIL
    assert any("9.000 s over 20 outputs; the limit is 5 s" in finding.sentence for finding in gate.findings)
