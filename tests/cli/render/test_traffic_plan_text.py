"""The text of a plan: times are shown as they are, no part of a day as a day."""

from __future__ import annotations

import pytest

from evalgate.cli.render.traffic_plan_text import render_traffic_plan
from evalgate.release.rollout.traffic_plan import DROPS, ObservedTraffic, PlannedStage, TrafficPlan


def render(*, days: float = 7, hours: float | None = 24, keys: int = 1_000, scored: float = 1) -> str:
    traffic = ObservedTraffic(days=days, per_day=500, keys=keys, scored=scored, ratings=(1,))
    stage = PlannedStage(share=500, needed=100, hours=hours, drops=tuple((drop, None) for drop in DROPS))
    plan = TrafficPlan(traffic=traffic, stages=(stage,), limit=336, fitting=(500,) if hours else (), is_even=False)
    return " ".join(render_traffic_plan(plan).split())


@pytest.mark.parametrize(("days", "text"), [
    (1 / 24, "1,000 users in 1 hour, 500 a day if all hours are like these;"),
    (3.5 / 24, "1,000 users in 3.5 hours, 500 a day if all hours are like these;"),
    (1, "1,000 users in 1 day, 500 a day;"),
    (25 / 24, "1,000 users in 1 day and 1 hour, 500 a day;"),
    (6.75, "1,000 users in 6 days and 18 hours, 500 a day;"),
    (6.99, "1,000 users in 7 days, 500 a day;"),
])  # fmt: skip
def test_the_time_that_rows_cover_is_shown_with_its_hours(days: float, text: str) -> None:
    assert render(days=days).startswith(text)


@pytest.mark.parametrize(("hours", "text"), [
    (None, "never"), (23.2, "24 h"), (96, "96 h"), (96.1, "4.1 days"), (120, "5 days"), (24 * 1234.01, "1,234.1 days"),
])  # fmt: skip
def test_the_time_of_a_stage_is_rounded_up_to_an_hour_or_a_tenth_of_a_day(hours: float | None, text: str) -> None:
    assert f" 100 {text} " in render(hours=hours)


def test_one_user_is_one() -> None:
    assert render(keys=1).startswith("1 user in 7 days")


@pytest.mark.parametrize(("scored", "why"), [
    (0.4, "the users are too few"), (0.0, "no row has all scores that are watched"),
])  # fmt: skip
def test_a_stage_that_is_never_proven_says_whether_users_or_scores_are_missing(scored: float, why: str) -> None:
    assert f"At 5 % nothing is ever proven: {why}. " in render(hours=None, scored=scored)
