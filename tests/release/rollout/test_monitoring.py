from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from release.rollout.lives import Life, clock, finish

from evalgate.release.checked_value import DocumentError
from evalgate.release.rollout.monitoring import Monitored, compare_with_end


@cache
def finished() -> Life:
    life = Life()
    life.start()
    finish(life)
    return life


def compare(rows: list[dict[str, Any]], hours: float) -> Monitored:
    found = compare_with_end(finished().document, [json.dumps(row) for row in rows], clock(hours))
    assert found is not None
    return found


def test_rows_like_those_at_the_end_are_steady() -> None:
    life = finished()
    found = compare(life.make_rows(3000, 80, 100, seed=7), 101)
    assert found.worse == () and found.evidence.keys == (0, 3000)
    monitoring = life.document.monitoring
    assert monitoring is not None
    assert found.limits["helpful"] == pytest.approx(monitoring["means"]["helpful"]["mean"] - 0.10)


def fail(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return {**row, "error": "Timeout", "scores": {}} if rng.random() < 0.15 else row


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_loss_that_the_rules_allow_is_not_worse(loss: float) -> None:
    def lower(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return {**row, "scores": {"helpful": max(0.0, row["scores"]["helpful"] - loss)}}

    assert compare(finished().make_rows(3000, 80, 100, seed=8, change=lower), 101).worse == ()


def test_failures_are_watched_too() -> None:
    assert compare(finished().make_rows(3000, 80, 100, seed=7, change=fail), 101).worse == ("errors",)


def test_rows_of_staging_and_of_other_versions_are_not_those_of_production() -> None:
    rows = finished().make_rows(100, 80, 100)
    for change in ({"variant": "staging"}, {"variant": "candidate"}, {"digest": "0" * 64}):
        assert compare([{**row, **change} for row in rows], 101).evidence.keys == (0, 0)


def test_the_rows_of_the_last_days_count() -> None:
    rows = finished().make_rows(100, 80, 100)
    found = compare(rows, 100 + 8 * 24)
    assert found.evidence.keys == (0, 0) and found.since == clock(100 + 24)
    assert compare(rows, 101).since == clock(75), "not before the end of the rollout"


def test_hostile_rows_are_counted() -> None:
    given = [b"\xff\n", b"[]", b'{"prompt": "support", "variant": []}', b'{"prompt": "support"}', b"\n"]
    found = compare_with_end(finished().document, given, clock(101))
    assert found is not None and found.evidence.keys == (0, 0) and found.evidence.faults == 4


def test_without_a_proven_end_there_is_nothing_to_compare_with() -> None:
    assert compare_with_end(replace(finished().document, monitoring=None), [], clock(101)) is None
    with pytest.raises(DocumentError, match="monitoring"):
        compare_with_end(replace(finished().document, monitoring={"version": 1}), [], clock(101))
