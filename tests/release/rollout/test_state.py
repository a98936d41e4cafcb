from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import digest_of, make_document, make_version
from release.rollout.lives import RULES
from release.rollout.traffic import make_stages

from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import encode_document, parse_document
from evalgate.release.rollout.state import (
    SETTLING_SECONDS,
    RolloutState,
    describe_stage,
    encode_rules,
    encode_state,
    find_settling,
    find_share,
    parse_rules,
    parse_state,
)

ONE, TWO = make_version(), make_version("1.1.0")
STATE = RolloutState(
    kind="canary", candidate=TWO.digest, control=ONE.digest, share=500, salt="s", stage=1,
    started="2026-01-31T12:00:00Z", began="2026-01-31T13:00:00Z", rules=RULES, slow=2.5,
)  # fmt: skip

SHARES = st.lists(st.integers(1, 9_999), min_size=1, max_size=5, unique=True).map(sorted)
PARTS = st.floats(0.001, 1)
RULE_SETS = st.builds(
    lambda shares, **given: RolloutRules(stages=tuple(Stage(share=one, hours=24.5) for one in shares), **given),
    SHARES,
    scores=st.dictionaries(st.text(min_size=1, max_size=5), PARTS, max_size=3),
    floors=st.dictionaries(st.text(min_size=1, max_size=5), st.floats(0, 1), max_size=3),
    staging_hours=st.floats(0, 1000),
    max_errors=PARTS,
    alpha=st.floats(0.001, 0.5),
    hold_hours=st.floats(0.1, 1000),
    when_held=st.sampled_from(["hold", "rollback"]),
)


def parse(rollout: dict[str, Any]) -> RolloutState:
    labels = {"production": ONE}
    document = parse_document(encode_document(make_document(ONE, TWO, labels=labels, rollout=rollout)))
    found = parse_state(document)
    assert found is not None
    return found


@given(RULE_SETS, st.data())
def test_a_state_is_read_back(rules: RolloutRules, data: st.DataObject) -> None:
    stage = data.draw(st.integers(0, len(rules.stages)))
    state = replace(
        STATE, rules=rules, stage=stage, paused=data.draw(st.booleans()), hold=data.draw(st.none() | st.just("deal"))
    )
    state = replace(state, share=find_share(state))
    assert parse(encode_state(state)) == state
    assert parse_rules(json.loads(json.dumps(encode_rules(rules))), "rules") == rules


def test_a_document_without_a_rollout_has_no_state() -> None:
    assert parse_state(make_document(ONE)) is None


def test_readers_find_their_keys() -> None:
    encoded = encode_state(STATE)
    assert {key: encoded[key] for key in ("kind", "candidate", "control", "share", "salt")} == {
        "kind": "canary", "candidate": TWO.digest, "control": ONE.digest, "share": 500, "salt": "s",
    }  # fmt: skip


@pytest.mark.parametrize(("change", "problem"), [
    ({"stage": 4}, "rollout.stage: the rollout has 3 stages"),
    ({"share": 501}, "rollout.share: must be 500"),
    ({"paused": True}, "rollout.share: must be 0"),
    ({"stage": 0}, "rollout.share: must be 0"),
    ({"candidate": ONE.digest}, "must differ from the control"),
    ({"kind": "ab"}, "a comparison has one stage"),
    ({"slow": -1}, "rollout.slow: must be a number from 0"),
    ({"slow": True}, "rollout.slow: must be a number"),
    ({"hold": ""}, "rollout.hold: must be text"),
    ({"began": "yesterday"}, "rollout.began: must be a time in UTC"),
    ({"began": "2026-02-30T00:00:00Z"}, "rollout.began: is not a valid date"),
    ({"started": "0000-01-01T00:00:00Z"}, "rollout.started: is not a valid date"),
    ({"rules": {}}, 'the key "scores" is missing'),
    ({"rules": {**encode_rules(RULES), "speed": 1}}, "rollout.rules.speed: is not a rule of a rollout"),
    ({"rules": {**encode_rules(RULES), "stages": []}}, "rollout.rules.stages: must have a stage"),
    ({"rules": {**encode_rules(RULES), "stages": [{"share": 500, "hours": 1}, {"share": 500, "hours": 1}]}}, "must grow"),
    ({"rules": {**encode_rules(RULES), "scores": {"helpful": 0}}}, "must be a number above 0 and at most 1"),
    ({"rules": {**encode_rules(RULES), "alpha": 0.6}}, "must be a number above 0 and at most 0.5"),
    ({"rules": {**encode_rules(RULES), "holdback": 500}}, "must leave 500 basis points to the control"),
])  # fmt: skip
def test_a_wrong_value_is_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse({**encode_state(STATE), **change})
    assert problem in str(error.value)


def test_a_missing_key_is_named() -> None:
    rollout = encode_state(STATE)
    for key in rollout:
        if key in {"kind", "candidate", "control", "share", "salt"}:
            continue
        with pytest.raises(DocumentError, match=f'"{key}" is missing'):
            parse({one: value for one, value in rollout.items() if one != key})


def test_a_stage_has_a_name() -> None:
    assert describe_stage(STATE) == "stage 1 of 3 (5 %)"
    assert describe_stage(replace(STATE, stage=0)) == "staging"
    single = replace(RULES, stages=(Stage(share=3333, hours=1),))
    assert describe_stage(replace(STATE, kind="ab", rules=single)) == "the comparison (33.33 %)"
    assert digest_of("x")


def test_criteria_are_read_back_and_name_scores_that_are_watched() -> None:
    rules = replace(RULES, score_per_day=100, criteria={"helpful": "a" * 64})
    assert parse_rules(json.loads(json.dumps(encode_rules(rules))), "rules") == rules
    assert "criteria" not in encode_rules(RULES), "documents without any stay as they were"
    for changed, problem in (
        ({"score_per_day": 0}, "score_per_day: must be above 0"),
        ({"criteria": {"other": "a" * 64}}, "criteria.other: is not a score that is watched"),
        ({"criteria": {"helpful": "abc"}}, "criteria.helpful: must be a sha256"),
        ({"criteria": ["helpful"]}, "criteria: must be an object"),
    ):
        with pytest.raises(DocumentError, match=problem):
            parse_rules({**encode_rules(rules), **changed}, "rules")


def test_the_beginning_of_a_stage_is_a_hundredth_of_the_longest_one_and_ten_minutes_at_most() -> None:
    assert find_settling(RolloutRules(scores={})) == SETTLING_SECONDS
    assert find_settling(RolloutRules(scores={}, stages=make_stages(500, hours=0))) == 0
    assert find_settling(RolloutRules(scores={}, stages=(*make_stages(500, hours=1), *make_stages(600, hours=0)))) == 36
