from __future__ import annotations

from dataclasses import replace

import pytest
from release.rollout.lives import Life

from evalgate.release.rollout.stage_hours import begins_late, count_hours, covers_stage, find_required
from evalgate.release.rollout.state import RolloutState

BEGAN = "2026-01-31T12:00:00Z"


@pytest.fixture(scope="module")
def state() -> RolloutState:
    life = Life()
    life.start()
    return life.state


def test_the_level_prolongs_the_first_stage_alone(state: RolloutState) -> None:
    assert count_hours(BEGAN, "2026-02-01T13:30:00Z") == 25.5
    assert [find_required(replace(state, stage=stage), 48) for stage in (0, 1, 2)] == [0, 48, 24]


@pytest.mark.parametrize(("last", "hours", "covered"), [
    (None, 24, False),
    ("2026-02-01T12:00:00Z", 24, True),
    ("2026-02-01T11:00:00Z", 24, True),
    ("2026-02-01T10:59:00Z", 24, False),
    ("2026-01-31T12:54:00Z", 1, True),
    ("2026-01-31T12:53:00Z", 1, False),
])  # fmt: skip
def test_rows_cover_a_stage_but_for_an_hour_or_a_tenth(last: str | None, hours: float, covered: bool) -> None:
    assert covers_stage(last, BEGAN, hours) is covered


def test_rows_that_begin_late_are_those_of_less_than_the_hours(state: RolloutState) -> None:
    last = "2026-02-01T12:00:00Z"
    assert not begins_late(BEGAN, last, state, 24)
    assert begins_late("2026-02-01T06:00:00Z", last, state, 24)
