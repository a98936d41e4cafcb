from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release.rollout.traffic import NAME, clock, make_row, make_stages

from evalgate.domain.rollout import RolloutRules
from evalgate.release.rollout.answer_choice import count_in_a_day
from evalgate.release.rollout.simulated_traffic import RATINGS
from evalgate.release.rollout.traffic_plan import DROPS, ObservedTraffic, TrafficPlan, observe_traffic, plan_rollout

RULES = RolloutRules(scores={"helpful": 0.10})
NEW = ObservedTraffic(days=7, per_day=5_000, keys=35_000, scored=0.5, ratings=RATINGS)


def make_days(population: int, per_day: int, days: int = 7, **changes: Any) -> list[dict[str, Any]]:
    rng = random.Random(1)
    return [
        {**make_row(f"user-{key}", -24 * day - 12, share=0, id=f"{day}-{key}"), **changes}
        for day in range(days)
        for key in rng.sample(range(population), per_day)
    ]


def observe(rows: list[Any], scores: tuple[str, ...] = ("helpful",)) -> ObservedTraffic:
    return observe_traffic(rows, name=NAME, scores=scores, now=clock())


def test_users_who_never_come_back_are_without_limit() -> None:
    rows = [make_row(f"{day}-{i}", -24 * day - 1, share=0) for day in range(7) for i in range(50)]
    found = observe(rows)
    assert (found.days, found.per_day, found.keys, found.scored) == (7, 50, 350, 1)
    assert found.population == math.inf and found.count_keys(10) == 500


@pytest.mark.parametrize("population", [300, 1_000, 2_000])
def test_the_number_of_all_users_is_estimated_from_those_who_come_back(population: int) -> None:
    found = observe(make_days(population, 200))
    assert found.population == pytest.approx(population, rel=0.2)
    assert found.count_keys(1) == pytest.approx(200, rel=0.01)
    assert found.count_keys(1e6) == pytest.approx(found.population)
    assert found.count_keys(7) == pytest.approx(found.keys, rel=0.01)


def test_the_same_users_each_day_are_all_there_are() -> None:
    assert observe(make_days(50, 50)).population == pytest.approx(50, abs=0.1)


@settings(max_examples=20)
@given(st.floats(1, 168), st.floats(0, 100), st.integers(10, 200))
def test_users_at_one_rate_give_that_rate_however_long_they_are_logged(hours: float, silent: float, count: int) -> None:
    hours = min(hours, 168 - silent)
    rows = [make_row(f"user-{i}", -silent - hours * (i + 0.5) / count, share=0) for i in range(count)]
    found = observe(rows)
    assert 24 * found.days == pytest.approx(max(1, hours), abs=1.1 + hours / count)
    assert found.per_day == pytest.approx(24 * count / hours, rel=0.1 + 1.2 / max(1, min(hours, 24)) + 4 / count)


def test_the_first_part_of_a_day_has_no_share_in_the_mean_of_a_day() -> None:
    found = observe([make_row(f"user-{i}-{hour}", -hour, share=0) for hour in range(32) for i in range(5)])
    assert 24 * found.days == pytest.approx(32, abs=0.1) and found.per_day == 5 * 24
    assert found.population == math.inf


def test_a_drop_that_no_score_can_fall_by_never_shows() -> None:
    bad = replace(NEW, ratings=(0.7, 0.3, 0, 0, 0))
    for stage in plan_rollout(RULES, bad).stages:
        assert [hours is None for _, hours in stage.drops] == [False, True, True]
    worst = plan_rollout(RULES, replace(NEW, ratings=(1, 0, 0, 0, 0)))
    assert all(hours is None for stage in worst.stages for _, hours in stage.drops)


def test_the_first_row_of_a_user_says_whether_it_is_scored() -> None:
    rows = make_days(100, 100, days=2)
    for number, row in enumerate(rows):
        row["at"] = clock(-30 if number < 100 else -3)
        if number < 100 and int(row["key"].split("-")[1]) % 4:
            row.update(({"sampled": False}, {"error": "X"}, {"scores": {}})[number % 3])
    found = observe(rows)
    assert found.scored == 0.25
    assert found.ratings == (0, 0, 0, 1, 0)
    assert observe(rows, scores=()).scored > 0.5


@pytest.mark.parametrize("changes", [
    {"key": None}, {"at": clock(-24 * 7.1)}, {"at": clock(1)}, {"prompt": "other"}, {"id": 7},
])  # fmt: skip
def test_rows_that_say_nothing_of_users_do_not_count(changes: dict[str, Any]) -> None:
    found = observe(["{", "", *(json.dumps(row) for row in make_days(20, 20, **changes))])
    assert (found.days, found.per_day, found.keys, found.scored) == (0, 0, 0, 0)


def find_hours(plan: TrafficPlan) -> list[float | None]:
    return [stage.hours for stage in plan.stages]


def test_a_large_traffic_takes_the_hours_of_the_stages() -> None:
    plan = plan_rollout(RULES, NEW)
    assert find_hours(plan) == [24, 24, 24]
    assert plan.fitting == (500, 2500, 5000)
    for stage in plan.stages:
        assert [drop for drop, _ in stage.drops] == list(DROPS)
        hours = [hour for _, hour in stage.drops if hour is not None]
        assert len(hours) == len(DROPS) and hours == sorted(hours, reverse=True)
    assert plan == plan_rollout(RULES, NEW)


def test_5_percent_of_a_closed_population_of_2000_never_prove_anything() -> None:
    closed = ObservedTraffic(days=7, per_day=700, keys=1_902, scored=1, ratings=RATINGS)
    assert closed.population == pytest.approx(2_000, rel=0.01)
    plan = plan_rollout(RULES, closed)
    assert find_hours(plan)[0] is None
    assert plan.fitting == (2500, 5000)


def test_half_of_the_users_is_what_a_small_traffic_needs() -> None:
    few = ObservedTraffic(days=7, per_day=250, keys=640, scored=1, ratings=RATINGS)
    plan = plan_rollout(RULES, few)
    assert plan.fitting == (5000,)
    small = RolloutRules(scores={"helpful": 0.10}, stages=make_stages(500))
    assert plan_rollout(small, few).fitting == (5000,)
    nothing = ObservedTraffic(days=7, per_day=30, keys=100, scored=0.01, ratings=RATINGS)
    assert plan_rollout(RULES, nothing).fitting == ()


def test_scores_of_as_many_of_each_arm_need_a_fifth_of_the_keys() -> None:
    even = RolloutRules(scores={"helpful": 0.10}, score_per_day=200)
    plan, proportional = plan_rollout(even, NEW), plan_rollout(RULES, NEW)
    needed = [stage.needed for stage in plan.stages]
    assert plan.is_even and len(set(needed)) == 1
    assert needed[0] is not None and proportional.stages[0].needed is not None
    assert needed[0] * 3 < proportional.stages[0].needed
    assert find_hours(plan)[0] == pytest.approx(24 * needed[0] / count_in_a_day(200))


def test_without_scores_the_other_things_are_planned() -> None:
    plan = plan_rollout(RolloutRules(scores={}), NEW)
    assert find_hours(plan) == [24, 24, 24]
