"""Tests of the rule that tells rejections at random from those of an endpoint under too much load."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from evalgate.execute.limits.concurrency import ConcurrencyLimit
from evalgate.execute.limits.rejected_share import RejectedShare

CEILINGS = [8, 20, 50]


def mean_window(ceiling: int, share: Callable[[int], float], replies: int = 4000, seed: int = 5) -> float:
    """The mean window over the second half of the replies, of an endpoint that rejects this share at a window."""
    chance = random.Random(seed)
    limit = ConcurrencyLimit(ceiling, clock=lambda: 0.0)
    windows = []
    for _ in range(replies):
        windows.append(limit.window)
        if chance.random() < share(int(limit.window)):
            limit.on_rejected()
        else:
            limit.on_answer(0.2, 30)
    return sum(windows[replies // 2 :]) / (replies - replies // 2)


def narrowed_by_every_rejection(monkeypatch: pytest.MonkeyPatch, ceiling: int, share: Callable[[int], float]) -> float:
    with monkeypatch.context() as patch:
        patch.setattr(RejectedShare, "add", lambda self, window, rejected, replies: None)
        return mean_window(ceiling, share)


@pytest.mark.parametrize("ceiling", CEILINGS)
@pytest.mark.parametrize("share", [0.05, 0.14, 0.25, 0.35])
def test_rejections_at_random_keep_the_window_open(ceiling: int, share: float) -> None:
    windows = [mean_window(ceiling, lambda window: share, seed=seed) for seed in range(8)]
    assert sum(windows) / len(windows) > 0.74 * ceiling


def test_without_the_rule_they_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert narrowed_by_every_rejection(monkeypatch, 50, lambda window: 0.35) < 0.7 * 50


@pytest.mark.parametrize("ceiling", CEILINGS)
@pytest.mark.parametrize(
    "name_and_share",
    [
        ("so many at once", lambda ceiling: lambda window: max(0.0, 1 - ceiling / 3 / window)),
        ("twice too many", lambda ceiling: lambda window: max(0.0, 1 - ceiling / 2 / window)),
        ("collapses", lambda ceiling: lambda window: min(1.0, 0.9 * (window / ceiling) ** 2)),
    ],
    ids=lambda pair: pair[0],
)
def test_rejections_that_grow_with_the_load_narrow_it_as_before(
    monkeypatch: pytest.MonkeyPatch, ceiling: int, name_and_share: tuple[str, Callable[[int], Callable[[int], float]]]
) -> None:
    share = name_and_share[1](ceiling)
    assert mean_window(ceiling, share) < 1.1 * narrowed_by_every_rejection(monkeypatch, ceiling, share)
    assert mean_window(ceiling, share) < 0.85 * ceiling


@pytest.mark.parametrize("ceiling", CEILINGS)
def test_more_than_half_at_random_narrow_it_to_almost_nothing(ceiling: int) -> None:
    assert mean_window(ceiling, lambda window: 0.9) < 2.5


def test_what_counted_as_random_is_looked_at_again() -> None:
    limit, chance = ConcurrencyLimit(20, clock=lambda: 0.0), random.Random(4)

    def reply(share: float, replies: int) -> None:
        for _ in range(replies):
            if chance.random() < share:
                limit.on_rejected()
            else:
                limit.on_answer(0.2, 30)

    reply(0.35, 1500)
    assert limit.window > 15
    for _ in range(3000):  # now the endpoint takes only ten at once
        reply(max(0.0, 1 - 10 / limit.window), 1)
    assert limit.window < 18


def test_a_share_that_falls_with_the_window_is_not_tolerated_and_one_that_stays_is() -> None:
    for narrow, tolerated in ((5, 0.0), (24, 0.3)):
        shares = RejectedShare(10)
        shares.add(10.0, 24, 80)
        shares.add(5.0, narrow, 80)
        assert shares.tolerated == tolerated
    shares.add(10.0, 150, 500)
    assert shares.tolerated == 0.0, "for so many replies"
