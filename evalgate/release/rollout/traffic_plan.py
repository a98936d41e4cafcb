"""How long the stages of a rollout will take, and which drops they will show, from the traffic of the last days."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.bucket import make_hasher
from evalgate.release.rollout.answer_choice import count_in_a_day
from evalgate.release.rollout.first_rows import FAILED, SAMPLED, RowColumns
from evalgate.release.rollout.simulated_traffic import RATINGS, Traffic, count_needed_keys
from evalgate.release.rollout.traffic_rows import Row, find_instant, load_row, read_row

DAYS: Final = 7
"""The days before now whose rows are counted."""
DROPS: Final = (0.05, 0.10, 0.20)
RUNS: Final = 15
"""Simulated stages behind each number of keys, of which it is the median."""
HALF: Final = 5_000
"""The share, in basis points, at which both arms get as many keys, and a rollout needs the fewest."""
_DAY: Final = 86_400.0
_HOUR: Final = 3_600.0
_MINUTE: Final = 60.0
_OPEN: Final = 0.98
_FARTHEST: Final = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedTraffic:
    """The users of the last days. `days` is the time that the rows cover, which may be a part of a day.

    `per_day` is the mean number of keys in 24 hours, `keys` that of different ones in all the time, and `scored` the
    share of the keys whose first row is sampled and has all scores that are watched. `ratings` are the shares of the
    scores 0, 0.25, 0.5, 0.75, 1, to which the first score was rounded.
    """

    days: float
    per_day: float
    keys: int
    scored: float
    ratings: tuple[float, ...]

    @property
    def population(self) -> float:
        """All keys that there are, if each of them comes on a day with the same chance; infinite if none came back."""
        if self.days < 2 or self.keys >= _OPEN * self.days * self.per_day:
            return math.inf
        low, high = float(self.keys), 1e6 * self.keys
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if _count(middle, self.per_day, self.days) < self.keys else (low, middle)
        return low

    def count_keys(self, days: float) -> float:
        """Return how many different keys come in some days."""
        return _count(self.population, self.per_day, days)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """What a stage will take. `share` is in basis points.

    `needed` are the scored keys of both arms that prove it in half of all rollouts of an equal version, None for more
    than a simulation tries, and `hours` the time that they take, at least those of the stage; None if they never come.
    `drops` has the hours until a rollback for each of `DROPS`, None if it does not come.
    """

    share: int
    needed: int | None
    hours: float | None
    drops: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPlan:
    """The plan of a rollout. `limit` is the hours that a stage may be held beyond its own.

    `fitting` are shares in basis points whose stages are all proven before that limit: those of the rules, else their
    end, else one half; empty if none are.
    """

    traffic: ObservedTraffic
    stages: tuple[PlannedStage, ...]
    limit: float
    fitting: tuple[int, ...]
    is_even: bool


def observe_traffic(
    rows: Iterable[bytes | str | Mapping[str, Any]], *, name: str, scores: Sequence[str], now: str | datetime
) -> ObservedTraffic:
    """Return the traffic of a prompt in the last `DAYS` days. Rows that cannot be read or have no key do not count."""
    until, columns, hash_one = find_instant(now), RowColumns(scores), make_hasher("")
    since, times = until - DAYS * _DAY, _KeyTimes()
    for given in rows:
        loaded = load_row(given) if isinstance(given, bytes | str) else given
        row = None if loaded is None or isinstance(loaded, str) else read_row(loaded, name, frozenset(scores), since)
        if isinstance(row, Row) and row.key is not None and row.at <= until:
            key = hash_one(row.key)
            columns.add(row, key, 0, (FAILED if row.failed else 0) | (SAMPLED if row.sampled else 0))
            times.add(until - row.at, key)
    days, per_day = times.measure()
    firsts = columns.find_firsts()
    is_scored = (firsts.bits & FAILED == 0) & (firsts.bits & SAMPLED != 0) if scores else firsts.bits & FAILED == 0
    for values in firsts.scores:
        is_scored &= values == values  # noqa: PLR0124 - NaN is not equal to itself
    rated = firsts.scores[0][is_scored] if scores else ()
    counts = [0] * len(RATINGS)
    for value in rated:
        counts[round(float(value) * (len(RATINGS) - 1))] += 1
    return ObservedTraffic(
        days=days,
        per_day=per_day,
        keys=len(firsts.at),
        scored=float(is_scored.mean()) if len(firsts.at) else 0.0,
        ratings=tuple(count / len(rated) for count in counts) if len(rated) else RATINGS,
    )


def plan_rollout(rules: RolloutRules, traffic: ObservedTraffic, *, seed: int = 1) -> TrafficPlan:
    """Return what the stages will take: the same for the same traffic and seed.

    With `score_per_day` as many answers of each arm are scored, so many in a day at most. All that is watched is
    counted on scored keys here. Failures, time and cost are known of all keys, so a rollout may take less.
    """
    watched = rules if rules.scores else replace(rules, scores={"answers": max(rules.max_slow, rules.max_expensive)})
    stages = tuple(_plan_stage(watched, stage, traffic, seed) for stage in rules.stages)
    fitting: tuple[int, ...] = ()
    for first in range(len(stages)):
        if _fits(stages[first:], rules.stages[first:], rules):
            fitting = tuple(stage.share for stage in stages[first:])
            break
    else:
        half = Stage(share=HALF, hours=rules.stages[0].hours)
        if _fits([_plan_stage(replace(watched, stages=(half,)), half, traffic, seed)], [half], rules):
            fitting = (HALF,)
    return TrafficPlan(
        traffic=traffic, stages=stages, limit=rules.hold_hours, fitting=fitting, is_even=rules.score_per_day > 0
    )


class _KeyTimes:
    """When keys came. Ages are seconds before now; two bytes and a key's eight are kept of each."""

    def __init__(self) -> None:
        self._hours, self._keys = array("H"), array("Q")
        self._minutes: set[int] = set()

    def add(self, age: float, key: int) -> None:
        self._hours.append(int(age / _HOUR))
        self._keys.append(key)
        self._minutes.add(int(age / _MINUTE))

    def measure(self) -> tuple[float, float]:
        """Return the days that the keys cover, at least an hour, and the mean number of different keys in 24 hours.

        Keys that come once a day cover days: the time reaches beyond the first and the last one by the longest pause,
        of a day at most. A day that is not covered from its beginning has no part in the mean, unless it is the only
        one: then 24 hours have so many keys at the same rate.
        """
        import numpy as np

        if not self._keys:
            return 0.0, 0.0
        minutes = sorted(self._minutes)
        pauses = [later - earlier for earlier, later in pairwise(minutes)]
        pause = min(max(pauses, default=minutes[-1]) * _MINUTE, _DAY)
        ended = int(max(0.0, minutes[0] * _MINUTE - pause) / _HOUR)
        began = min(DAYS * _DAY, (minutes[-1] + 1) * _MINUTE + pause)
        days = max(_HOUR, began - ended * _HOUR) / _DAY
        keys, hours = np.array(self._keys), np.array(self._hours)
        if days < 1:
            return days, len(np.unique(keys)) / days
        found = [len(np.unique(keys[(hours - ended) // 24 == day])) for day in range(int(days))]
        return days, sum(found) / len(found)


def _plan_stage(rules: RolloutRules, stage: Stage, traffic: ObservedTraffic, seed: int) -> PlannedStage:
    even = rules.score_per_day > 0

    def count_scored(days: float) -> float:
        if not even:
            return traffic.scored * traffic.count_keys(days)
        share = stage.share / 10_000
        return min(count_in_a_day(rules.score_per_day) * days, 2 * min(share, 1 - share) * traffic.count_keys(days))

    def find(drop: float) -> tuple[int | None, float | None]:
        given = Traffic(per_day=1, drop=drop, even=even, ratings=traffic.ratings)
        needed = count_needed_keys(rules, stage, given, runs=RUNS, seed=seed)
        return needed, None if needed is None else _find_hours(count_scored, needed)

    needed, hours = find(0.0)
    return PlannedStage(
        share=stage.share,
        needed=needed,
        hours=None if hours is None else max(hours, stage.hours),
        drops=tuple((drop, find(drop)[1]) for drop in DROPS),
    )


def _fits(planned: Sequence[PlannedStage], stages: Sequence[Stage], rules: RolloutRules) -> bool:
    return all(
        one.hours is not None and one.hours <= stage.hours + rules.hold_hours
        for one, stage in zip(planned, stages, strict=True)
    )


def _find_hours(count: Callable[[float], float], needed: float) -> float | None:
    """Return the hours after which so many keys have come; None if they do not come in 27 years."""
    low, high = 0.0, _FARTHEST
    if count(high) < needed:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) < needed else (low, middle)
    return 24 * high


def _count(population: float, per_day: float, days: float) -> float:
    if math.isinf(population):
        return per_day * days
    return population * -math.expm1(days * math.log1p(-min(per_day / population, 1 - 1e-9)))
