from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer
from hypothesis import given
from hypothesis import strategies as st
from scored_project import ENVIRONMENT, write_project

from evalgate.change.workspace import open_workspace
from evalgate.domain import Check, Config, Gate, Prices, Target
from evalgate.domain.rollout import RolloutRules
from evalgate.errors import InputError
from evalgate.gate.online_criteria import choose_criteria, digest_criterion, load_and_choose

RULES = RolloutRules(scores={"polite": 0.1, "faithfulness": 0.1}, score_per_day=100)


@pytest.fixture
def config(tmp_path: Path, chat_server: ChatServer) -> Config:
    return load(write_project(tmp_path, chat_server))


def load(path: Path, **environment: str) -> Config:
    return open_workspace(path, verify=None, environment={**ENVIRONMENT, **environment}).config


def test_the_criteria_of_the_gate_that_are_watched_are_scored(config: Config) -> None:
    rules, notes = choose_criteria(config, "support", RULES, are_defaults=False)
    assert list(rules.criteria) == ["polite", "faithfulness"] and notes == ()
    assert all(len(one) == 64 for one in rules.criteria.values()) and rules.scores == RULES.scores
    floors = replace(RULES, scores={}, floors={"faithfulness": 0.7, "answered": 0.9})
    assert list(choose_criteria(config, "support", floors, are_defaults=False)[0].criteria) == [
        "faithfulness",
        "answered",
    ]


def test_scores_of_the_application_stay_those_of_the_rows(config: Config) -> None:
    given = replace(RULES, scores={"polite": 0.1, "helpful": 0.1})
    rules, notes = choose_criteria(config, "support", given, are_defaults=False)
    assert list(rules.criteria) == ["polite"] and rules.scores == given.scores
    assert notes == ("helpful is not a check or judge of the gate: its scores are those that the rows have",)


def test_a_default_that_needs_expected_is_left_out_and_told(config: Config) -> None:
    given = replace(RULES, scores={"polite": 0.1, "fact": 0.1})
    rules, (note,) = choose_criteria(config, "support", given, are_defaults=True)
    assert rules.scores == {"polite": 0.1} and list(rules.criteria) == ["polite"]
    assert note == "fact is not watched: it needs `expected`, which no row has"


@pytest.mark.parametrize("given", [
    {"scores": {"polite": 0.1, "fact": 0.1}}, {"scores": {"polite": 0.1}, "floors": {"fact": 0.9}},
])  # fmt: skip
def test_a_named_criterion_that_needs_expected_is_refused(config: Config, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="fact cannot be scored in production: it needs `expected`"):
        choose_criteria(config, "support", replace(RULES, **given), are_defaults=False)


def test_a_limit_that_scores_nothing_is_refused(config: Config) -> None:
    with pytest.raises(InputError, match="score_per_day has no effect"):
        choose_criteria(config, "support", replace(RULES, scores={"helpful": 0.1}), are_defaults=False)
    with pytest.raises(InputError, match=r"score_per_day has no effect.*fact is not watched"):
        choose_criteria(config, "support", replace(RULES, scores={"fact": 0.1}), are_defaults=True)
    with pytest.raises(InputError, match="there is no gate of this name"):
        choose_criteria(config, "other", RULES, are_defaults=False)


def test_without_a_limit_no_configuration_is_read() -> None:
    rules = replace(RULES, score_per_day=0)
    assert load_and_choose(Path("nowhere.yml"), "support", rules, {}, are_defaults=True) == (rules, ())


def add_check(gate: Gate, **given: Any) -> Gate:
    return replace(gate, checks=(Check(name="own", **given),))


def test_the_digest_is_of_all_that_a_score_depends_on(tmp_path: Path, chat_server: ChatServer) -> None:
    def find(**options: Any) -> list[str]:
        config = load(write_project(tmp_path, chat_server, **options))
        gate = config.gates[0]
        return [digest_criterion(gate, name, config.targets) for name in ("polite", "faithfulness", "answered")]

    first = find()
    assert find() == first and len(set(first)) == 3
    other = find(model="judge-2")
    assert [one == two for one, two in zip(first, other, strict=True)] == [True, False, True]


PARTS = st.recursive(
    st.builds(
        Check, name=st.just("part"), type=st.just("contains"), options=st.fixed_dictionaries({"value": st.text()})
    ),
    lambda inner: st.builds(
        Check,
        name=st.just("part"),
        type=st.sampled_from(["any_of", "all_of"]),
        parts=st.lists(inner, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=4,
)


@given(one=PARTS, other=PARTS)
def test_an_edit_of_any_part_of_a_combination_is_another_criterion(one: Check, other: Check) -> None:
    target = Target(name="api", kind="openai", location="http://127.0.0.1/v1", identity="api")
    gate = Gate(name="support", prompt="p.md", dataset="d.jsonl", candidate_target="api", baseline_target="api")
    first, second = (
        digest_criterion(add_check(gate, type="any_of", parts=(each,)), "own", {"api": target}) for each in (one, other)
    )
    assert (first == second) is (one == other)


def test_the_prices_that_decide_a_cost_are_part_of_its_criterion(config: Config) -> None:
    gate = add_check(config.gates[0], type="cost", options={"max_usd": 1})
    dearer = {name: replace(one, prices=Prices(input=9.0, output=9.0)) for name, one in config.targets.items()}
    assert digest_criterion(gate, "own", config.targets) != digest_criterion(gate, "own", dearer)
