"""An arm without rows: what chance explains, and what it does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from release.rollout.traffic import NAME, VERSIONS, clock, make_stages, make_state, make_traffic

from evalgate.release.rollout import e_values
from evalgate.release.rollout.decision import RolloutDecision, decide
from evalgate.release.rollout.first_rows import FirstRows
from evalgate.release.rollout.silence import NO_SILENCE, SILENCE_BOUND, Silence, find_silence
from evalgate.release.rollout.tally import tally_stage

BOUND = math.log(SILENCE_BOUND)


def make_firsts(arms: Any, at: Any = None, keys: Any = None, bits: Any = None, scores: Any = ()) -> FirstRows:
    count = len(arms)
    return FirstRows(
        at=np.arange(count, dtype=np.float64) if at is None else np.asarray(at, dtype=np.float64),
        arms=np.asarray(arms, dtype=np.int8),
        bits=np.zeros(count, dtype=np.int8) if bits is None else bits,
        scores=scores,
        doubled=0,
        keys=np.arange(count, dtype=np.uint64) if keys is None else np.asarray(keys, dtype=np.uint64),
        places=np.arange(count),
        is_single=np.ones(count, dtype=bool),
        arm_rows=(0, 0),
        arm_doubled=(0, 0),
    )


@pytest.mark.parametrize("arm", [e_values.CONTROL, e_values.CANDIDATE])
def test_the_longest_run_without_an_arm_is_found_up_to_a_time(arm: int) -> None:
    other = 1 - arm
    firsts = make_firsts([arm, other, arm, *[other] * 20, arm, *[other] * 30])
    found = find_silence(firsts, 0.5, 23)
    expected = 20 * math.log(2) - 2 * math.log(3) - math.log(math.pi**2 / 6)
    assert found == Silence(arm=arm, keys=20, since="1970-01-01T00:00:03.000Z", log_e=pytest.approx(expected))
    assert find_silence(firsts, 0.5, 99).keys == 30


@pytest.mark.parametrize("arms", [[], [0], [1], [0, 1, 0, 1]])
def test_what_chance_explains_is_no_silence(arms: list[int]) -> None:
    found = find_silence(make_firsts(arms), 0.5, 99)
    assert found.log_e < BOUND and (arms or found == NO_SILENCE)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_arms_that_are_dealt_by_chance_are_not_silent(share: float) -> None:
    rng = np.random.default_rng(7)
    dealt = (make_firsts(rng.random(2000) < share) for _ in range(400))
    assert sum(find_silence(one, share, 1e9).log_e >= BOUND for one in dealt) == 0


def test_rows_of_one_time_are_not_in_the_order_of_their_ids() -> None:
    """A log with times in hours may have ids by arm: `canary-1` is before `main-1`."""
    rng = np.random.default_rng(7)
    arms = np.repeat([1, 0], [50, 950])
    keys = rng.permutation(1000).astype(np.uint64) * np.uint64(10_000)
    assert find_silence(make_firsts(arms, at=np.zeros(1000), keys=keys), 0.05, 1).log_e < BOUND


def follow(gone: tuple[float, float], variant: str, now: float = 25) -> RolloutDecision:
    """Decide on a stage of 24 hours at 25 %, in which an arm has no row between two times."""
    state = make_state(rules={"stages": make_stages(2500)})
    rows = make_traffic(3000, share=2500, hours=24.4)
    kept = [row for row in rows if row["variant"] != variant or not clock(gone[0]) <= row["at"] < clock(gone[1])]
    return decide(state, tally_stage(kept, name=NAME, state=state, versions=VERSIONS, now=clock(now)), clock(now), 0)


@pytest.mark.parametrize("variant", ["candidate", "production"])
@pytest.mark.parametrize("gone", [(22, 25), (20, 25), (16, 25), (10, 13), (3, 5)])
def test_a_version_that_logs_no_more_does_not_go_on(gone: tuple[float, float], variant: str) -> None:
    found = follow(gone, variant)
    assert (found.action, found.code) == ("hold", "deal" if found.code == "deal" else "silent"), found.sentence
    if found.code == "silent":
        arm = "the canary" if variant == "candidate" else "production"
        assert found.sentence.startswith(f"{arm} has none of ") and "keys in a row since 2026-0" in found.sentence


def test_rows_of_the_last_half_hour_may_still_come() -> None:
    assert follow((24, 25), "candidate", now=24.5).code == "proven"
    assert follow((30, 31), "candidate").code == "proven"
