from __future__ import annotations

from collections.abc import Callable

import pytest

from evalgate.execute.limits.concurrency import Bucket, ConcurrencyLimit
from evalgate.execute.providers.protocol import Headroom


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begun_within(seconds: float, delay: Callable[[], float | None], take: Callable[[], object], clock: Clock) -> int:
    """How many calls begin within so many seconds, when each begins as soon as it may."""
    end, count = clock.now + seconds, 0
    while count < 100_000:
        wait = delay()
        assert wait is not None
        if clock.now + wait >= end:
            return count
        clock.now += wait
        take()
        count += 1
    raise AssertionError("no limit holds")


@pytest.mark.parametrize("per_minute", [1, 30, 60, 600, 6000])
def test_a_rate_is_kept_in_every_minute_but_for_a_second_s_worth(per_minute: int) -> None:
    clock = Clock()
    bucket = Bucket(per_minute, clock)
    for _ in range(5):
        count = begun_within(60, bucket.delay, lambda: bucket.take(1), clock)
        assert 0.95 * per_minute <= count <= per_minute + max(1, per_minute / 60)
        clock.now += 0.001


def test_a_rest_earns_no_more_than_a_second_s_worth() -> None:
    clock = Clock()
    bucket = Bucket(600, clock)
    clock.now += 3600
    assert begun_within(0.001, bucket.delay, lambda: bucket.take(1), clock) <= 11


def test_what_a_guess_left_out_is_waited_for_afterwards() -> None:
    clock = Clock()
    bucket = Bucket(6000, clock)  # 100 tokens a second
    bucket.take(100)
    bucket.correct(900)
    assert bucket.delay() == pytest.approx(9.0, abs=0.02)
    bucket.correct(-900)
    assert bucket.delay() == pytest.approx(0.0, abs=0.02)


def test_without_a_fault_the_whole_window_is_open_for_ever() -> None:
    limit = ConcurrencyLimit(50, clock=Clock())
    for _ in range(2000):
        assert limit.delay(49) == 0.0
        assert limit.delay(50) is None
        limit.begin()
        limit.on_answer(0.2, 30)
    assert limit.window == 50


def test_one_in_ten_pushed_back_costs_almost_nothing_and_nine_in_ten_almost_everything() -> None:
    def after(share: float) -> float:
        limit = ConcurrencyLimit(50, clock=Clock())
        for n in range(2000):
            if (n * share) % 1 < share:
                limit.on_rejected()
            else:
                limit.on_answer(0.2, 30)
        return limit.window

    assert after(0.1) >= 45
    assert after(0.9) <= 5


def test_the_window_opens_again() -> None:
    limit = ConcurrencyLimit(20, clock=Clock())
    for _ in range(200):
        limit.on_rejected()
    assert limit.window == 1
    assert (limit.delay(0), limit.delay(1)) == (0.0, None), "one call is always let through"
    for _ in range(400):
        limit.on_answer(0.2, 30)
    assert limit.window == 20


def test_answers_that_all_take_much_longer_shrink_the_window_to_a_quarter_at_most() -> None:
    limit = ConcurrencyLimit(40, clock=Clock())
    for _ in range(80):
        limit.on_answer(0.5, 100)
    for _ in range(600):
        limit.on_answer(5.0, 100)
    assert 10 <= limit.window < 20


def test_longer_answers_are_no_slower_ones() -> None:
    limit = ConcurrencyLimit(40, clock=Clock())
    for _ in range(80):
        limit.on_answer(0.5, 10)
    for _ in range(200):
        limit.on_answer(12.0, 800)
    assert limit.window == 40


def test_after_a_pause_calls_begin_one_by_one() -> None:
    clock = Clock()
    limit = ConcurrencyLimit(10, clock=clock)
    for _ in range(100):
        limit.on_answer(2.0, 30)
    limit.pause(7.0)
    assert limit.delay(0) == pytest.approx(7.0)
    limit.pause(3.0)
    assert limit.delay(0) == pytest.approx(7.0), "a shorter pause takes nothing away"
    clock.now += 7.0
    gaps = []
    for inside in range(10):
        wait = limit.delay(inside)
        assert wait is not None
        gaps.append(wait)
        clock.now += wait
        limit.begin()
    assert gaps[0] == 0.0
    assert all(gap == pytest.approx(0.2, rel=0.01) for gap in gaps[1:]), "spread over the two seconds an answer takes"
    clock.now += 1
    assert [limit.delay(inside) for inside in range(10)] == [0.0] * 10


def test_an_hour_is_no_pause() -> None:
    limit = ConcurrencyLimit(10, clock=Clock())
    limit.pause(3600)
    assert limit.delay(0) == 0.0


@pytest.mark.parametrize(
    ("headroom", "seconds"),
    [
        (Headroom(requests_left=0, requests_reset=2.5), 2.5),
        (Headroom(tokens_left=0, tokens_reset=6.0, requests_left=3, requests_reset=60.0), 6.0),
        (Headroom(requests_left=1, requests_reset=60.0), 0.0),
        (Headroom(requests_left=0), 0.0),
    ],
)
def test_with_nothing_left_calls_wait_for_the_reset(headroom: Headroom, seconds: float) -> None:
    limit = ConcurrencyLimit(10, clock=Clock())
    limit.on_rate_limit(headroom)
    assert limit.delay(0) == pytest.approx(seconds)
