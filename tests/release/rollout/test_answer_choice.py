from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.release.rollout import e_values
from evalgate.release.rollout.answer_choice import SLOT_SECONDS, OfferedAnswers, choose_answers, count_in_a_day

Answer = tuple[float, int, int]  # seconds after the beginning, arm, rank
BEGAN = 1_700_000_000.0
DAY = 86_400.0


def choose(
    answers: Sequence[Answer], *, hours: float = 1000, per_day: int = 100, is_paired: bool = True
) -> list[Answer]:
    offered = OfferedAnswers(
        at=np.array([BEGAN + one[0] for one in answers], dtype=np.float64),
        arms=np.array([one[1] for one in answers], dtype=np.int8),
        ranks=np.array([one[2] for one in answers], dtype=np.uint64),
    )
    until = BEGAN + 3600 * hours
    found = choose_answers(offered, began=BEGAN, until=until, per_day=per_day, is_paired=is_paired)
    return sorted(answers[one] for one in found.tolist())


def make_answers(keys: int, share: float, *, days: float = 1, seed: int = 1) -> list[Answer]:
    rng = random.Random(seed)
    return [(rng.random() * days * DAY, int(rng.random() < share), rng.getrandbits(60)) for _ in range(keys)]


answers = st.lists(
    st.tuples(st.integers(0, 72 * 36).map(lambda one: one * 100.0), st.integers(0, 1), st.integers(0, 2**60)),
    max_size=120,
    unique_by=lambda one: one[2],
)
limits = st.integers(10, 60)


def count_ahead(chosen: Sequence[Answer]) -> int:
    return sum(1 if one[1] else -1 for one in chosen)


@given(answers, limits, st.floats(0, 72))
def test_a_later_look_has_the_same_answers_and_more(answers: list[Answer], per_day: int, hours: float) -> None:
    early, late = choose(answers, hours=hours, per_day=per_day), choose(answers, per_day=per_day)
    end = SLOT_SECONDS * (3600 * hours // SLOT_SECONDS)
    assert early == [one for one in late if one[0] < end]
    seen = [one for one in answers if one[0] < end]
    assert choose(seen, per_day=per_day) == early, "no later row matters"


@given(answers, limits, st.floats(0, 72), st.randoms(use_true_random=False))
def test_the_arms_differ_by_one_at_most_in_any_order(
    answers: list[Answer], per_day: int, hours: float, rng: random.Random
) -> None:
    chosen = choose(answers, hours=hours, per_day=per_day)
    assert abs(count_ahead(chosen)) <= 1
    shuffled = list(answers)
    rng.shuffle(shuffled)
    assert choose(shuffled, hours=hours, per_day=per_day) == chosen


@given(answers, limits, st.booleans())
def test_no_24_hours_have_more_than_the_limit(answers: list[Answer], per_day: int, is_paired: bool) -> None:
    times = [one[0] for one in choose(answers, per_day=per_day, is_paired=is_paired)]
    assert all(sum(start <= one < start + DAY for one in times) <= per_day for start in times)


@pytest.mark.parametrize("per_day", [10, 25, 100, 1000])
@pytest.mark.parametrize("is_paired", [True, False])
def test_the_limit_holds_across_stages_and_after_a_quiet_night(per_day: int, is_paired: bool) -> None:
    """In traffic that offers more than enough, also where the bucket is full when it begins."""
    slots = [SLOT_SECONDS * number + 1.0 for number in range(300)]
    busy = [(at, one % 2, 1000 * place + one) for place, at in enumerate(slots) for one in range(per_day)]
    late = [one for one in busy if one[0] > DAY / 2]
    first = [one[0] for one in choose(late, per_day=per_day, is_paired=is_paired, hours=40.1)]
    second = [40.1 * 3600 + one[0] for one in choose(busy, per_day=per_day, is_paired=is_paired)]
    times = np.array(sorted(first + second))
    most = max(np.searchsorted(times, start + DAY) - place for place, start in enumerate(times))
    assert 0.8 * count_in_a_day(per_day) <= most <= per_day


def test_a_canary_has_as_many_controls_as_candidates_and_all_candidates_if_they_fit() -> None:
    answers = make_answers(2000, 0.05)
    chosen = choose(answers, per_day=1000)
    candidates = sum(one[1] for one in answers)
    assert sum(one[1] for one in chosen) > 0.95 * candidates
    assert abs(count_ahead(chosen)) <= 1


def test_equal_arms_lose_few_answers_in_small_traffic() -> None:
    assert len(choose(make_answers(400, 0.5, days=4), per_day=1000)) > 0.65 * 400


def test_a_busy_day_is_scored_in_all_its_hours() -> None:
    chosen = choose(make_answers(20_000, 0.05), per_day=200)
    assert len(chosen) == pytest.approx(count_in_a_day(200), abs=6)
    for hour in range(24):
        assert 5 <= sum(3600 * hour <= one[0] < 3600 * (hour + 1) for one in chosen) <= 11


def test_the_rank_chooses_and_not_the_time() -> None:
    answers = [(60.0 * number, number % 2, 100 - number) for number in range(14)]
    filled = [(one[0] + 40 * SLOT_SECONDS, one[1], one[2]) for one in answers]
    assert choose(filled, per_day=10) == sorted(filled)[-2:]


@given(answers, limits)
def test_without_a_control_the_limit_is_the_only_one(answers: list[Answer], per_day: int) -> None:
    staged = [(at, 1, rank) for at, _, rank in answers]
    assert len(choose(staged, per_day=per_day, is_paired=False)) >= len(choose(answers, per_day=per_day)) - 1


def count_rolled_back(runs: int, *, keys: int, share: float, alpha: float = 0.2) -> int:
    """Count equal rollouts that any of the looks, one after each chosen answer, takes for worse."""
    found = 0
    for run in range(runs):
        rng = random.Random(run)
        chosen = choose(make_answers(keys, share, days=2, seed=run), per_day=400)
        badness = np.array([rng.random() < 0.3 for _ in chosen], dtype=np.float64)
        arms = np.array([one[1] for one in chosen], dtype=np.int8)
        starts, ends = e_values.close_blocks(arms)
        wealth = np.cumsum(list(e_values.bet(*e_values.compare_blocks(arms, badness, starts, ends))), axis=1)
        found += bool((np.exp(wealth).mean(axis=0) >= 1 / alpha).any())
    return found


def test_equal_versions_are_seldom_taken_for_worse_at_any_look() -> None:
    assert count_rolled_back(40, keys=4000, share=0.05) <= 16


@pytest.mark.long
@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_equal_versions_are_taken_for_worse_as_often_as_alpha_says(share: float) -> None:
    assert count_rolled_back(1000, keys=4000, share=share) <= 1000 * 0.2 + 3 * (1000 * 0.2 * 0.8) ** 0.5
