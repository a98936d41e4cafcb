"""Simulate how long rollouts take and how often they end wrongly, on traffic whose truth is known.

The model:

* A prompt has so many scored keys a day, spread evenly over it. A key counts once. Where answers are scored evenly, its
  arm is the candidate's with a chance of one half, else with that of the share.
* Answers are rated 1 to 5 with the chances `RATINGS`; a rating q is the score (q - 1) / 4. Their standard deviation is
  0.27. A drop lowers ratings of the candidate by one, with the chance that makes the mean fall by exactly that drop; a
  rating of 1 stays. A drop that needs more than that makes ratings 1.
* Four more things are watched, and equal in both arms: 0.1 % of the answers fail, 5 % are slow, 5 % are expensive, and
  0.1 % are unscored. They are those of the scored keys: a rollout that has more keys proves these things sooner.
* Each stage begins without rows. A look is at each full hour. Nothing ends a rollout that only holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.bucket import BUCKETS
from evalgate.release.rollout import e_values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

RUNS: Final = 100
TRAFFIC: Final = (200, 2_000, 20_000)
"""The scored keys a day of the columns of the table."""
RATINGS: Final = (0.02, 0.085, 0.115, 0.19, 0.59)
"""P(rating = 1, 2, ...) of the control: mean score 0.81."""
ROLLED_BACK: Final = "rolled back"
WENT_ON: Final = "went on"
GIVEN_UP: Final = "given up"
_RATES: Final = (0.001, 0.05, 0.05, 0.001)
"""The shares of answers that fail, are slow, expensive and unscored."""
_DUST: Final = 1e-9
_FIRST_KEYS: Final = 600
_KEYS_OF_A_LOOK: Final = 10
_MOST_KEYS: Final = 100_000
"""The keys of a stage after which it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The truth of a simulated rollout: scored keys a day, the drop of the candidate's scores, and who is scored.

    `ratings` are P(rating = 1, 2, ...) of the control, at least two.
    """

    per_day: float
    drop: float = 0.0
    even: bool = True
    ratings: tuple[float, ...] = RATINGS

    @property
    def mean(self) -> float:
        """The mean score of the control: no drop can be larger."""
        return sum(place * chance for place, chance in enumerate(self.ratings)) / (len(self.ratings) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRollout:
    """How one simulated rollout ended, and the hours of each stage that it had, the last one included."""

    end: str
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficResult:
    """The ends of `runs` rollouts of one traffic.

    `rolled_back` counts those that were rolled back: of equal versions in the whole rollout, of others in the first
    stage. `hours` are those of the first stage, in order: of equal versions that went on, of others that were rolled
    back.
    """

    traffic: Traffic
    runs: int
    rolled_back: int
    hours: tuple[int, ...]

    def find_hours(self, quantile: float) -> float | None:
        """Return a quantile of the hours; None without any."""
        if not self.hours:
            return None
        place = quantile * (len(self.hours) - 1)
        low = self.hours[math.floor(place)]
        return low + (place % 1) * (self.hours[math.ceil(place)] - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSimulation:
    """The table: a row of results for each drop, a result for each traffic."""

    runs: int
    seed: int
    rows: tuple[tuple[TrafficResult, ...], ...]


def simulate_rollouts(
    *, runs: int = RUNS, seed: int = 1, on_run: Callable[[int, int], None] = lambda done, total: None
) -> RolloutSimulation:
    """Simulate the table: the same for the same seed. `on_run` is called after each rollout, with their number."""
    import numpy as np

    rules = RolloutRules(scores={"quality": 0.10})
    kinds = ((0.0, True), (0.10, True), (0.20, True), (0.10, False))
    total, rows = runs * len(kinds) * len(TRAFFIC), []
    for number, (drop, even) in enumerate(kinds):
        row: list[TrafficResult] = []
        for place, per_day in enumerate(TRAFFIC):
            traffic = Traffic(per_day=per_day, drop=drop, even=even)
            before = runs * (number * len(TRAFFIC) + place)
            found = []
            for run in range(runs):
                # a generator for each run, so that a table of more runs begins with those of a smaller one
                rng = np.random.default_rng([seed, number, place, run])
                found.append(roll_out(rng, rules, traffic, stages=1 if drop else None))
                on_run(before + run + 1, total)
            row.append(_sum_up(traffic, found))
        rows.append(tuple(row))
    return RolloutSimulation(runs=runs, seed=seed, rows=tuple(rows))


def roll_out(
    rng: np.random.Generator, rules: RolloutRules, traffic: Traffic, *, stages: int | None = None
) -> SimulatedRollout:
    """Simulate one rollout, or its first stages."""
    hours = []
    for number in range(len(rules.stages[:stages])):
        end, took = _run_stage(rng, rules, number, traffic)
        hours.append(took)
        if end != WENT_ON:
            return SimulatedRollout(end=end, hours=tuple(hours))
    return SimulatedRollout(end=WENT_ON, hours=tuple(hours))


def count_needed_keys(rules: RolloutRules, stage: Stage, traffic: Traffic, *, runs: int, seed: int) -> int | None:
    """Return the keys after which half of the simulated stages end; None if they do not.

    A stage without a drop ends when it is proven, one with a drop when it is rolled back; None for a drop that is
    larger than the mean score. The hours of the stage and the keys of a day do not matter: a look is at every tenth
    key.
    """
    import numpy as np

    if traffic.drop > traffic.mean + _DUST:
        return None
    looks = replace(traffic, per_day=24 * _KEYS_OF_A_LOOK)
    endless = replace(rules, stages=(replace(stage, hours=math.inf if traffic.drop else 0), *rules.stages[1:]))
    wanted = ROLLED_BACK if traffic.drop else WENT_ON
    keys = []
    for run in range(runs):
        found = roll_out(np.random.default_rng([seed, run]), endless, looks, stages=1)
        keys.append(_KEYS_OF_A_LOOK * found.hours[0] if found.end == wanted else math.inf)
    median = sorted(keys)[runs // 2]
    return None if math.isinf(median) else int(median)


def _sum_up(traffic: Traffic, found: Sequence[SimulatedRollout]) -> TrafficResult:
    if traffic.drop:
        hours = [one.hours[0] for one in found if one.end == ROLLED_BACK]
    else:
        hours = [one.hours[0] for one in found if one.end == WENT_ON or len(one.hours) > 1]
    return TrafficResult(
        traffic=traffic,
        runs=len(found),
        rolled_back=sum(one.end == ROLLED_BACK for one in found),
        hours=tuple(sorted(hours)),
    )


def _run_stage(rng: np.random.Generator, rules: RolloutRules, number: int, traffic: Traffic) -> tuple[str, int]:
    """Return how a stage ends, and after how many hours. Keys are drawn until it does."""
    import numpy as np

    stage = rules.stages[number]
    share = 0.5 if traffic.even else stage.share / BUCKETS
    least = min(traffic.per_day * stage.hours / 24, float(_MOST_KEYS))
    keys = math.ceil(min(_FIRST_KEYS, least) if traffic.drop else least) or _FIRST_KEYS
    arms, badness = np.empty(0, dtype=np.int8), np.empty((1 + len(_RATES), 0))
    while True:
        new = (rng.random(keys - len(arms)) < share).astype(np.int8)
        badness = np.concatenate((badness, _draw(rng, new, traffic)), axis=1)
        arms = np.concatenate((arms, new))
        looks = np.arange(1, int(24 * keys / traffic.per_day + 1e-9) + 1)
        counts = (looks * traffic.per_day / 24 + 1e-9).astype(np.int64)
        look, is_worse = _find_look(arms, badness, counts, share=share, rules=rules, hours=stage.hours)
        if look:
            return (ROLLED_BACK if is_worse else WENT_ON), look
        if keys >= _MOST_KEYS:
            return GIVEN_UP, len(looks)
        keys = 2 * keys if keys >= least else min(3 * keys, math.ceil(least))


def _draw(rng: np.random.Generator, arms: NDArray[np.int8], traffic: Traffic) -> Floats:
    """Return the badness of some keys: a row for each thing that is watched, the scores first."""
    import numpy as np

    count, steps = len(arms), len(traffic.ratings) - 1
    ratings = np.searchsorted(np.cumsum(traffic.ratings)[:-1], rng.random(count), side="right")
    chance, by_one = traffic.drop * steps, 1 - traffic.ratings[0]
    is_small = chance <= by_one + _DUST
    chance /= (by_one if is_small else steps * traffic.mean) or 1.0
    chosen = (rng.random(count) < chance) & (arms == e_values.CANDIDATE) & (ratings > 0)
    falls = np.where(chosen, 1 if is_small else ratings, 0)
    bad = rng.random((len(_RATES), count)) < np.array(_RATES)[:, None]
    return np.vstack((1 - (ratings - falls) / steps, bad))


def _find_look(
    arms: NDArray[np.int8], badness: Floats, counts: Counts, *, share: float, rules: RolloutRules, hours: float
) -> tuple[int, bool]:
    """Return the look, from 1, at which a stage ends, and whether the candidate is worse then; 0 if it does not end.

    `counts` are the keys at each look, an hour after the one before.
    """
    import numpy as np

    starts, ends = e_values.close_blocks(arms)
    closed = np.searchsorted(ends, counts)
    allowed = (
        next(iter(rules.scores.values())),
        rules.max_errors,
        rules.max_slow,
        rules.max_expensive,
        rules.max_errors,
    )
    is_worse = np.zeros(len(counts), dtype=bool)
    is_fine = np.arange(1, len(counts) + 1) >= hours
    worse_bound = math.log(len(badness) * len(rules.stages) / rules.alpha)
    for number, (values, most) in enumerate(zip(badness, allowed, strict=True)):
        x, size = e_values.compare_blocks(arms, values, starts, ends)
        is_fine &= _follow(list(e_values.bet(most - x, size)), closed) >= math.log(1 / rules.alpha)
        if number == 0:
            log_e = _follow(list(e_values.bet(x, size)), closed)
        else:
            failing = np.flatnonzero(values)
            found = np.searchsorted(failing, counts)
            log_e = _follow(list(_list_ratios(arms[failing], share)), found)
        is_worse |= log_e >= worse_bound
    ends_at = np.flatnonzero(is_worse | is_fine)
    return (int(ends_at[0]) + 1, bool(is_worse[ends_at[0]])) if len(ends_at) else (0, False)


def _follow(factors: Sequence[Floats], counts: Counts) -> Floats:
    """Return the logarithm of an e-value after each of `counts` factors, of which each bet has its logarithms."""
    import numpy as np

    logs = np.zeros((len(factors), len(factors[0]) + 1))
    np.cumsum(factors, axis=1, out=logs[:, 1:])
    seen = logs[:, counts]
    top = seen.max(axis=0)
    mixed: Floats = top + np.log(np.exp(seen - top).mean(axis=0))
    return mixed


def _list_ratios(failing: NDArray[np.int8], share: float) -> Iterator[Floats]:
    """Yield the logarithms of the likelihood ratios of `rates`, one by one."""
    import numpy as np

    for risk in e_values.RISKS:
        q = share * risk / (share * risk + 1 - share)
        yield np.where(failing == e_values.CANDIDATE, math.log(q / share), math.log((1 - q) / (1 - share)))
