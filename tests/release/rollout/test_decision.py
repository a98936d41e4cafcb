from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release.rollout.traffic import (
    CANDIDATE,
    NAME,
    VERSIONS,
    clock,
    is_candidates,
    make_row,
    make_stages,
    make_state,
    make_traffic,
)

from evalgate.release.rollout.decision import RolloutDecision, decide
from evalgate.release.rollout.state import RolloutState
from evalgate.release.rollout.tally import StageEvidence, Watched, tally_stage

THINGS = ("helpful", "errors", "slow", "expensive", "unscored")
LOG_20, LOG_300 = math.log(20), math.log(300)
PROVEN = 1e-9 + LOG_20


def watch(name: str = "helpful", **changes: Any) -> Watched:
    score = name == "helpful"
    made = Watched(
        name=name,
        allowed=0.10,
        n=(412, 21),
        mean=(0.83, 0.82) if score else (0.01, 0.02),
        log_e_worse=0.0,
        log_e_fine=PROVEN,
        blocks=20,
        deviation=(0.27, 0.27) if score else (0.1, 0.14),
    )
    return replace(made, **changes)


def make_evidence(*own: Watched, **changes: Any) -> StageEvidence:
    known = {one.name: one for one in own}
    made = StageEvidence(
        keys=(412, 21),
        log_e_deal=0.0,
        rows=500,
        left_out={},
        watched=tuple(known.get(name, watch(name)) for name in THINGS),
        last=clock(23),
    )
    return replace(made, **changes)


def run(
    evidence: StageEvidence, state: RolloutState | None = None, *, hours: float = 24, required: float = 0, **more: Any
) -> RolloutDecision:
    return decide(state or make_state(), evidence, clock(hours), required, **more)


def follow(rows: Iterable[Any], state: RolloutState, hours: float) -> RolloutDecision:
    return decide(
        state, tally_stage(rows, name=NAME, state=state, versions=VERSIONS, now=clock(hours)), clock(hours), 0
    )


def test_a_stage_goes_on_when_its_hours_are_over_and_everything_is_proven() -> None:
    found = run(make_evidence())
    assert (found.action, found.code) == ("advance", "proven")
    assert found.sentence == (
        "stage 1 of 3 is proven after 24 hours: all 5 things that are watched lost less than they may, the least sure of "
        "them helpful with e = 20 against 20; 412 and 21 keys"
    )
    assert json.loads(json.dumps(found.numbers, allow_nan=False)) == found.numbers
    assert run(make_evidence(), make_state(stage=3)).action == "finish"


def test_the_hours_of_the_first_stage_are_those_of_the_level_at_least() -> None:
    found = run(make_evidence(), required=72)
    assert (found.action, found.code) == ("hold", "waiting")
    assert found.sentence == "24 of the 72 hours of stage 1 of 3 are over; 412 and 21 keys"
    assert run(make_evidence(last=clock(71)), required=72, hours=72).action == "advance"
    assert run(make_evidence(), make_state(stage=2), required=72).action == "advance"


def test_hours_that_are_almost_over_do_not_look_as_if_they_were() -> None:
    assert run(make_evidence(), hours=23.99).sentence.startswith("23.9 of the 24 hours")
    found = run(make_evidence(), hours=24 - 1e-6)
    assert found.code == "waiting" and found.sentence.startswith("23.9 of")


def test_one_thing_that_is_not_proven_holds() -> None:
    for name in THINGS:
        found = run(make_evidence(watch(name, log_e_fine=LOG_20 - 1e-9)))
        assert (found.action, found.code) == ("hold", "unproven")
        assert name in found.sentence and "e = 20 " not in found.sentence
        assert found.numbers["decisive"] == [name]


@pytest.mark.parametrize("name", THINGS)
def test_one_thing_that_is_proven_worse_rolls_back_before_the_hours_are_over(name: str) -> None:
    found = run(make_evidence(watch(name, log_e_worse=LOG_300 + 1e-9)), hours=1)
    assert (found.action, found.code) == ("roll_back", f"worse:{name}")
    assert run(make_evidence(watch(name, log_e_worse=LOG_300 - 1e-9)), hours=1).action == "hold"


def test_the_sentence_of_a_rollback_has_the_decisive_numbers() -> None:
    worse = watch(mean=(0.83, 0.71), log_e_worse=math.log(5412))
    assert run(make_evidence(worse)).sentence == (
        "helpful: the canary's 0.71 against 0.83 over 21 and 412 keys, e = 5,412 against 300"
    )
    slow = watch("slow", mean=(0.05, 0.25), log_e_worse=math.log(1e30))
    assert run(make_evidence(slow)).sentence == (
        "slow: the canary's 25.0 % against 5.0 % over 21 and 412 keys, e = 10^30 against 300"
    )


def test_the_bound_grows_with_the_things_watched_and_the_stages() -> None:
    evidence = make_evidence(watch(log_e_worse=math.log(110)))
    assert run(evidence, hours=1).action == "hold"
    assert run(evidence, make_state(rules={"stages": make_stages(500)}), hours=1).action == "roll_back"
    few = replace(evidence, watched=evidence.watched[:1])
    assert run(few, hours=1).action == "roll_back"
    assert run(few, make_state(rules={"alpha": 0.01}), hours=1).action == "hold"


def test_the_thing_that_is_surest_to_be_worse_is_named() -> None:
    evidence = make_evidence(watch(log_e_worse=8.0), watch("errors", log_e_worse=9.0))
    assert run(evidence).code == "worse:errors"


def test_too_many_rows_with_a_fault_hold() -> None:
    at_limit = make_evidence(rows=1000, left_out={"bad_score": 7, "doubled": 3, "before": 900, "no_key": 900})
    assert run(at_limit).action == "advance"
    found = run(replace(at_limit, left_out={"bad_score": 7, "doubled": 4}))
    assert (found.action, found.code) == ("hold", "left_out")
    assert found.sentence == (
        "11 of 1,000 rows are left out, 1.1 % where 1 % is the most allowed: 7 a score that is not a number from 0 to 1; "
        "4 an id that another row has"
    )
    found = run(replace(at_limit, rows=10_000, left_out={"doubled": 101}))
    assert "1.01 % where 1 % is the most" in found.sentence


def test_keys_that_are_not_dealt_as_the_share_says_hold() -> None:
    found = run(make_evidence(log_e_deal=math.log(1000)))
    assert (found.action, found.code) == ("hold", "deal")
    assert found.sentence == (
        "the keys are not assigned as the share says: the canary has 21 of 433, e = 1,000 against 1,000: look for rows that "
        "are lost"
    )
    assert run(make_evidence(log_e_deal=math.log(999))).action == "advance"


def test_a_rollback_needs_no_sound_rows() -> None:
    evidence = make_evidence(watch(log_e_worse=LOG_300 + 1), log_e_deal=50, left_out={"not_json": 400})
    assert run(evidence).action == "roll_back"


def test_a_clock_behind_the_document_decides_nothing() -> None:
    worse = make_evidence(watch(log_e_worse=LOG_300 + 1))
    for found in (run(worse, hours=-0.001), run(worse, hours=24, written=clock(24.1))):
        assert (found.action, found.code) == ("hold", "clock")
    assert run(worse, written=clock(24)).action == "roll_back"


def test_no_rows_hold() -> None:
    found = run(make_evidence(keys=(0, 0), rows=0))
    assert (found.action, found.code, found.sentence) == ("hold", "no_rows", "stage 1 of 3 has no row that counts")


def test_rows_that_end_before_the_hours_of_the_stage_hold() -> None:
    assert run(make_evidence(last=clock(23)), hours=30).action == "advance"
    found = run(make_evidence(last=clock(22.9)), hours=30)
    assert (found.action, found.code) == ("hold", "rows_end")
    assert found.sentence == (
        "the newest row that counts is from 2026-02-01T10:54:00Z, before the end of stage 1 of 3: look for rows that are "
        "lost"
    )
    short = make_state(rules={"stages": make_stages(500, hours=1)})
    assert run(make_evidence(last=clock(0.9)), short, hours=30).action == "finish"
    assert run(make_evidence(last=clock(0.89)), short, hours=30).code == "rows_end"


def test_rows_that_are_not_those_of_the_hours_of_the_stage_hold() -> None:
    assert run(make_evidence(first=clock(1), last=clock(24)), hours=30).action == "advance"
    assert run(make_evidence(first=clock(7.1), last=clock(30)), hours=31).action == "advance"
    found = run(make_evidence(first=clock(7.2), last=clock(30)), hours=31)
    assert (found.action, found.code) == ("hold", "rows_begin")
    assert found.sentence == (
        "the rows of stage 1 of 3 are those from 2026-01-31T19:12:00Z to 2026-02-01T18:00:00Z, and not of 24 hours: let "
        "`rows` name the older files as well"
    )


@pytest.mark.parametrize(
    ("mean", "code"), [((0.5, 0.5), "proven"), ((0.6, 0.61), "unscored"), ((0.6, None), "unscored")]
)
def test_a_stage_whose_answers_have_mostly_no_score_holds(mean: tuple[float | None, float | None], code: str) -> None:
    found = run(make_evidence(replace(watch("unscored"), mean=mean)), hours=30)
    assert found.code == code
    if code == "unscored":
        share = "61" if mean[1] else "60"
        assert found.sentence.startswith(f"{share} % of the answers of a version that were to be scored have no score")


def test_nothing_watched_proves_nothing() -> None:
    assert run(make_evidence(watched=())).code == "unproven"


@pytest.mark.parametrize("evidence", [
    make_evidence(watch(log_e_fine=0)),
    make_evidence(log_e_deal=9),
    make_evidence(left_out={"not_json": 400}),
    make_evidence(keys=(0, 0)),
])  # fmt: skip
def test_a_hold_ends_at_its_limit(evidence: StageEvidence) -> None:
    last = 24 + 336
    before, after = run(evidence, hours=last), run(evidence, hours=last + 0.01)
    assert before.code != "held_too_long" and before.action == "hold"
    assert (after.action, after.code, after.numbers["held_for"]) == ("hold", "held_too_long", before.code)
    assert after.sentence == f"held for longer than the 24 + 336 hours of the rules: {before.sentence}"
    state = make_state(rules={"when_held": "rollback"})
    assert run(evidence, state, hours=last + 0.01).action == "roll_back"
    assert run(evidence, state, hours=last).action == "hold"


def make_staging(**changes: Any) -> StageEvidence:
    watched = (
        watch(allowed=0.7, n=(0, 30), mean=(None, 0.7), log_e_fine=0),
        watch("errors", allowed=0.05, n=(0, 30), mean=(None, 0.05), log_e_fine=0),
        watch("unscored", allowed=0.05, n=(0, 0), mean=(None, None), log_e_fine=0),
    )
    return make_evidence(**{"keys": (0, 30), "watched": watched, **changes})


def test_staging_is_over_when_its_means_reach_their_floors() -> None:
    state = make_state(stage=0, rules={"floors": {"helpful": 0.7}})
    assert run(make_staging(), state, hours=23).code == "waiting"
    found = run(make_staging(), state)
    assert (found.action, found.code) == ("advance", "proven")
    assert found.sentence == "staging is over: 30 answers count, and all means are within their limits"
    assert run(make_staging(keys=(0, 9)), state).code == "unproven"


@pytest.mark.parametrize(("change", "code"), [
    (watch(allowed=0.7, n=(0, 30), mean=(None, 0.6999), log_e_fine=0), "floor:helpful"),
    (watch(allowed=0.7, n=(0, 9), mean=(None, 0.9), log_e_fine=0), "unproven"),
    (watch(allowed=0.7, n=(0, 0), mean=(None, None), log_e_fine=0), "unproven"),
    (watch("errors", allowed=0.05, n=(0, 30), mean=(None, 0.0501), log_e_fine=0), "floor:errors"),
    (watch("unscored", allowed=0.05, n=(0, 30), mean=(None, 0.2), log_e_fine=0), "floor:unscored"),
])  # fmt: skip
def test_staging_holds_below_a_floor(change: Watched, code: str) -> None:
    state = make_state(stage=0, rules={"floors": {"helpful": 0.7}})
    watched = tuple(change if one.name == change.name else one for one in make_staging().watched)
    found = run(make_staging(watched=watched), state)
    assert (found.action, found.code) == ("hold", code)
    assert run(make_staging(watched=watched), state, hours=10).code == "waiting"


def test_staging_is_left_at_once_when_it_is_proven_to_be_below_a_floor() -> None:
    state = make_state(stage=0, rules={"floors": {"helpful": 0.7}, "stages": make_stages(500)})
    rows = [
        make_row(None, 1 + i / 100, share=0, id=str(i), variant="staging", digest=CANDIDATE, scores={"helpful": 0.25})
        for i in range(60)
    ]
    found = follow(rows, state, 3)
    assert (found.action, found.code) == ("roll_back", "worse:helpful")
    assert found.sentence.startswith("helpful: 0.25 on staging, where 0.70 is the least allowed, over 60 keys, e = ")


def test_an_ab_test_never_goes_on_by_itself() -> None:
    state = make_state(kind="ab", rules={"stages": make_stages(5000)})
    for evidence in (
        make_evidence(),
        make_evidence(watch(log_e_better=50.0, mean=(0.7, 0.8))),
        make_evidence(keys=(0, 0)),
    ):
        for hours in (1, 24, 10_000):
            assert run(evidence, state, hours=hours).action == "hold"


def test_an_ab_test_says_which_version_is_better() -> None:
    state = make_state(kind="ab", rules={"stages": make_stages(5000)})
    better = make_evidence(watch(mean=(0.71, 0.83), log_e_better=math.log(5412)))
    found = run(better, state)
    assert found.code == "better:helpful"
    assert found.sentence == "helpful: the canary's 0.83 against 0.71 over 21 and 412 keys, e = 5,412 against 200"
    assert run(make_evidence(watch(mean=(0.83, 0.71), log_e_worse=math.log(200) + 1e-9)), state).code == "worse:helpful"
    assert run(make_evidence(watch(log_e_worse=math.log(200) - 1e-9)), state).code == "undecided"


def test_an_ab_test_says_how_many_keys_would_settle_it() -> None:
    state = make_state(kind="ab", rules={"stages": make_stages(5000)})
    rows = make_traffic(300, share=5000, drop=-0.05, seed=3)
    found = follow(rows, state, 30)
    assert found.code == "undecided"
    assert "keys with such values would settle a difference of this size" in found.sentence


# What a rollout promises


def with_faults(rng: random.Random, rows: list[dict[str, Any]], count: int) -> list[Any]:
    """Return rows that are left out, whatever else there is."""
    made: list[Any] = []
    for number in range(count):
        row = {**rng.choice(rows), "id": f"extra-{number}"}
        edits: list[dict[str, Any]] = [
            {"scores": {"helpful": math.nan}},
            {"scores": {"helpful": 7}},
            {"at": clock(1e4)},
            {"at": clock(-1)},
            {"at": clock(0)},
            {"digest": "c" * 64},
            {"key": None, "variant": "production"},
            {"variant": "staging"},
            {"seconds": None, "error": None},
            {"variant": "production" if is_candidates(row) else "candidate"},
        ]
        made.append(rng.choice(["{", rng.choice(rows), *({**row, **edit} for edit in edits)]))
    return made


@settings(deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(1, 40), st.floats(-0.1, 0.2), st.sampled_from([60, 600]))
def test_rows_that_are_left_out_never_turn_a_hold_into_an_advance(
    rng: random.Random, faults: int, drop: float, keys: int
) -> None:
    state = make_state(rules={"stages": make_stages(5000, 9000)})
    rows = make_traffic(keys, share=5000, drop=drop, seed=rng.randrange(10_000))
    before, after = follow(rows, state, 26), follow(rows + with_faults(rng, rows, faults), state, 26)
    assert after.action == before.action or (after.action == "hold" and before.action != "roll_back")


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False), st.sampled_from(["no_scores", "no_rows", "no_seconds", "not_sampled"]))
def test_a_candidate_whose_data_are_missing_never_goes_on(rng: random.Random, missing: str) -> None:
    def change(row: dict[str, Any], _: random.Random) -> dict[str, Any] | None:
        if not is_candidates(row):
            return row
        edits: Mapping[str, dict[str, Any] | None] = {
            "no_scores": {"scores": {}}, "no_rows": None, "no_seconds": {"seconds": None},
            "not_sampled": {"scores": {}, "sampled": False},
        }  # fmt: skip
        edit = edits[missing]
        return None if edit is None else row | edit

    state = make_state(rules={"stages": make_stages(5000)})
    rows = make_traffic(rng.choice([50, 1_000]), share=5000, change=change, seed=rng.randrange(10_000))
    assert follow(rows, state, 300).action in ("hold", "roll_back")


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False), st.floats(-0.2, 0.2), st.floats(0, 400))
def test_the_same_rows_and_time_give_the_same_decision_in_any_order(
    rng: random.Random, drop: float, hours: float
) -> None:
    state = make_state(rules={"stages": make_stages(5000)})
    rows = make_traffic(200, share=5000, drop=drop, seed=rng.randrange(10_000))
    first = follow(rows, state, hours)
    rng.shuffle(rows)
    assert follow(rows, state, hours) == first


def test_an_equal_version_goes_on_and_a_worse_one_comes_back() -> None:
    state = make_state(rules={"stages": make_stages(500, 2500)})
    assert follow(make_traffic(6_000, seed=1), state, 26).action == "advance"
    worse = follow(make_traffic(6_000, drop=0.2, seed=1), state, 26)
    assert (worse.action, worse.code) == ("roll_back", "worse:helpful")


def test_a_canary_that_loses_a_fifth_of_its_rows_holds() -> None:
    def lose(row: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
        return None if is_candidates(row) and rng.random() < 0.2 else row

    state = make_state(rules={"stages": make_stages(500)})
    found = follow(make_traffic(20_000, change=lose), state, 26)
    assert (found.action, found.code) == ("hold", "deal")


def test_returning_users_do_not_roll_back_equal_versions() -> None:
    """Give each of 200 users one taste of their own, and 20 answers: a test of single rows takes that for proof."""
    state = make_state(rules={"stages": make_stages(5000)})
    for seed in range(20):
        rng = random.Random(seed)
        rows = []
        for user in range(200):
            taste = rng.choice([0.25, 1.0])
            rows += [
                make_row(f"{seed}-{user}", 0.2 + rng.random() * 23, share=5000, scores={"helpful": taste})
                for _ in range(20)
            ]
        assert follow(rows, state, 24).action != "roll_back"
