from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release.rollout.traffic import NAME, VERSIONS, clock, make_stages, make_state, make_traffic

from evalgate.release.rollout.state import RolloutState
from evalgate.release.rollout.tally import StageEvidence, tally_stage
from evalgate.release.rollout.traces import choose_times
from evalgate.release.rollout.traffic_rows import keep_until

LOOKS = 5


def tally(rows: list[bytes], state: RolloutState, now: str, looks: int = 0) -> StageEvidence:
    return tally_stage(rows, name=NAME, state=state, versions=VERSIONS, now=now, looks=looks)


def make_rows(keys: int, seed: int, share: int, *, on_staging: bool = False) -> list[bytes]:
    def change(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        if on_staging:
            row |= {"variant": "staging", "version": "1.1.0", "digest": "b" * 64}
        if rng.random() < 0.1:
            row |= {"error": "TimeoutError", "scores": {}}
        elif rng.random() < 0.3:
            row["scores"] = {}
        row["seconds"] = rng.choice([1.0, 9.0])
        return row

    rows = make_traffic(keys, seed=seed, share=share, change=change, hours=20)
    rng = random.Random(seed)
    again = [
        change({**row, "id": f"{row['id']}-{visit}", "at": clock(20 + 3 * rng.random())}, rng)
        for row in rows
        for visit in range(rng.choice([0, 0, 1, 4]))
    ]
    return [json.dumps(row).encode() for row in rows + again]


@settings(max_examples=15)
@given(
    keys=st.integers(0, 120),
    seed=st.integers(0, 999),
    stage=st.sampled_from([0, 1]),
    hours=st.sampled_from([6, 19, 22, 90]),
)
def test_each_look_is_what_a_tick_at_that_time_would_have_seen(keys: int, seed: int, stage: int, hours: int) -> None:
    state = make_state(rules={"stages": make_stages(3000), "floors": {"helpful": 0.5}}, stage=stage)
    rows = make_rows(keys, seed, 3000, on_staging=not stage)
    now = clock(hours)
    there = list(keep_until(rows, now))
    evidence = tally(there, state, now, LOOKS)
    plain = tally(there, state, now)
    for one, without in zip(evidence.watched, plain.watched, strict=True):
        assert without.trace is None
        if one.trace is None:
            assert evidence.last is None
            continue
        assert len(one.trace.times) == len(one.trace.looks) == LOOKS
        last = one.trace.looks[-1]
        assert (last.n, last.log_e_worse, last.log_e_fine) == (without.n, without.log_e_worse, without.log_e_fine)
        assert last.log_e_better == without.log_e_better
        for at, look in list(zip(one.trace.times, one.trace.looks, strict=True))[:-1]:
            seen = tally(list(keep_until(rows, at)), state, at)
            (then,) = (other for other in seen.watched if other.name == one.name)
            assert look.n == then.n, at
            for name in ("log_e_worse", "log_e_fine", "log_e_better"):
                assert getattr(look, name) == pytest.approx(getattr(then, name), abs=1e-9), (one.name, at)
        for mean, interval in zip(one.mean, one.trace.intervals, strict=True):
            assert (mean is None) == (interval is None)
            assert mean is None or interval is None or 0 <= interval[0] <= mean <= interval[1] <= 1


@given(st.floats(0, 1e9), st.floats(0, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e4), st.integers(1, 50))
def test_no_look_is_after_now_or_after_the_last_row_counts(
    began: float, rows: float, until: float, settling: float, looks: int
) -> None:
    newest, now = began + rows, began + until
    times = choose_times(began, newest, now, settling, looks)
    assert times == sorted(times) and len(times) == looks
    assert times[-1] <= max(began, min(now, newest + settling)) + 1e-3


def test_a_million_values_have_an_interval_at_once() -> None:
    import time

    import numpy as np

    from evalgate.release.rollout.e_values import enclose

    values = np.random.default_rng(1).uniform(0, 1, 1_000_000)
    before = time.process_time()
    low, high = enclose(values)
    assert time.process_time() - before < 1
    assert 0.49 < low < values.mean() < high < 0.51


def test_the_intervals_hold_at_all_looks_together() -> None:
    import numpy as np

    from evalgate.release.rollout.e_values import enclose

    draws, mean = np.random.default_rng(3), 0.15
    missed = 0
    for _ in range(60):
        values = (draws.uniform(0, 1, 400) < mean).astype(float)
        found = [enclose(values[:size]) for size in (5, 20, 50, 100, 200, 400)]
        missed += any(not low <= mean <= high for low, high in found)
    assert missed <= 0.05 * 60
    assert enclose(np.zeros(400)) == (0, pytest.approx(0.017, abs=0.003))
