from __future__ import annotations

import json
from dataclasses import replace

import pytest
from release.rollout.lives import NEW, RULES, Life, clock

from evalgate.domain.rollout import Stage
from evalgate.release.rollout.assessment import assess_rollout


def test_the_same_document_rows_and_time_give_the_same_assessment() -> None:
    life = Life()
    life.start()
    rows = [json.dumps(row) for row in life.make_rows(3000, 0.3, 24)]
    first = assess_rollout(life.document, life.state, rows, clock(25))
    assert first == assess_rollout(life.document, life.state, rows[::-1], clock(25))
    assert (first.decision.action, first.hours, first.is_fault) == ("advance", 24, False)


def test_the_hours_are_those_that_the_level_requires() -> None:
    life = Life(candidate=replace(NEW, canary_hours=72))
    life.start()
    found = assess_rollout(life.document, life.state, [], clock(25))
    assert found.hours == 72 and not found.is_fault, "no rows are not faults before the hours are over"
    assert assess_rollout(life.document, life.state, [], clock(73)).is_fault


def test_rows_that_end_early_are_a_fault_after_a_day_without_one() -> None:
    life = Life()
    life.start()
    rows = [json.dumps(row) for row in life.make_rows(4000, 0.3, 20)]
    for hours, is_fault in ((25, False), (43.9, False), (44.1, True)):
        found = assess_rollout(life.document, life.state, rows, clock(hours))
        assert (found.decision.code, found.is_fault) == ("rows_end", is_fault)


@pytest.mark.parametrize("slow", [None, 5.0])
def test_rows_that_begin_late_are_a_fault_where_there_were_earlier_ones(slow: float | None) -> None:
    life = Life()
    life.start(slow=slow)
    rows = [json.dumps(row) for row in life.make_rows(4000, 5, 24.2)]
    found = assess_rollout(life.document, life.state, rows, clock(25))
    assert (found.decision.code, found.is_fault) == ("rows_begin", slow is not None)


def test_a_holdback_is_ended_by_worse_numbers_alone() -> None:
    life = Life()
    life.start(replace(RULES, stages=(Stage(share=9000, hours=0),), holdback=1000, hold_hours=1))
    rows = life.make_rows(6000, 0.3, 24)
    found = assess_rollout(life.document, life.state, map(json.dumps, rows), clock(25))
    assert (found.decision.action, found.decision.code, found.is_fault) == ("hold", "holdback", False)
    assert "10 % of the users keep the control" in found.decision.sentence
    few = assess_rollout(life.document, life.state, map(json.dumps, rows[::-300]), clock(27))
    assert few.decision.code == "holdback", "it is not held for too long"
    broken = [{**row, "scores": {"helpful": 7}} for row in rows]
    for hours in (25, 2_500):
        fault = assess_rollout(life.document, life.state, map(json.dumps, broken), clock(hours))
        assert (fault.decision.code, fault.is_fault) == ("left_out", True), "rows with faults are told for ever"
    rotated = [json.dumps(row) for row in life.make_rows(6000, 2_400, 2_400.1)]
    assert assess_rollout(life.document, life.state, rotated, clock(2_500)).decision.code == "holdback"
    worse = life.make_rows(6000, 0.3, 24, drop=0.6)
    assert assess_rollout(life.document, life.state, map(json.dumps, worse), clock(25)).decision.action == "roll_back"
