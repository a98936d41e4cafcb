from __future__ import annotations

import json
from typing import Any

import pytest
from release.rollout.traffic import CANDIDATE, CONTROL, NAME, clock, make_row

from evalgate.release.rollout.reference_limits import DAYS, LEAST_ANSWERS, ReferenceLimits, find_limits


def make(number: int, **changes: Any) -> dict[str, Any]:
    """Return the row of an answer that took `number` seconds."""
    row = make_row(None, -number / 60, share=0, id=str(number), seconds=number, cost_usd=number / 1000)
    return {**row, **changes}


def find(rows: list[Any]) -> ReferenceLimits:
    return find_limits(rows, name=NAME, control=CONTROL, version="1.0.0", now=clock())


def test_limits_are_the_95th_percentiles_of_production() -> None:
    rows = [make(number) for number in range(1, 201)]
    found = find(rows)
    assert (found.slow, found.expensive, found.answers) == (190, 0.19, 200)
    assert sum(row["seconds"] > found.slow for row in rows) == 10
    assert find([json.dumps(row) for row in reversed(rows)]) == found


@pytest.mark.parametrize("changes", [
    {"at": clock(-24 * DAYS - 1)}, {"at": clock(0.1)}, {"variant": "staging"}, {"variant": "candidate"},
    {"error": "X"}, {"digest": CANDIDATE}, {"digest": None, "version": "2.0.0"}, {"prompt": "other"}, {"id": None},
])  # fmt: skip
def test_only_answers_of_production_count(changes: dict[str, Any]) -> None:
    rows = [make(number) for number in range(1, 101)]
    more = [make(1000 + number, at=clock(-1)) | changes for number in range(900)]
    assert find([*rows, *more, "{", ""]) == find(rows)


def test_a_limit_needs_enough_answers() -> None:
    rows = [make(number) for number in range(LEAST_ANSWERS - 1)]
    assert find(rows) == ReferenceLimits(slow=None, expensive=None, answers=99)
    found = find([*rows, make(7, cost_usd=None)])
    assert found.slow is not None and found.expensive is None
