from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.rollout.traffic import NAME, VERSIONS, clock, is_candidates, make_row, make_stages, make_state

from evalgate.release.rollout.decision import RolloutDecision, decide
from evalgate.release.rollout.online_scores import AnswerScores, ChosenAnswers
from evalgate.release.rollout.state import RolloutState
from evalgate.release.rollout.tally import StageEvidence, Watched, tally_stage

CRITERIA = {"facts": "f" * 64}
SHARE = 2000


@dataclass
class Scorer:
    """Scores each answer by its text: the share of good ones. `lost` ids get no score, `waiting` ones are not asked."""

    texts: Mapping[str, str] = field(default_factory=dict)
    lost: Sequence[str] = ()
    waiting: Sequence[str] = ()
    asked: list[ChosenAnswers] = field(default_factory=list)

    def __call__(self, chosen: ChosenAnswers) -> AnswerScores:
        self.asked.append(chosen)
        values = {id: {"facts": float(self.texts.get(id) == "good")} for id in chosen.ids if id not in self.lost}
        return AnswerScores(values=values, waiting=self.waiting)


def make_own_state(**changes: Any) -> RolloutState:
    rules = {
        "scores": {"facts": 0.10}, "criteria": CRITERIA, "score_per_day": 4000, "settle_minutes": 0,
        **changes.pop("rules", {}),
    }  # fmt: skip
    rules.setdefault("stages", make_stages(SHARE))
    return make_state(rules=rules, slow=None, expensive=None, **changes)


def make_rows(keys: int, *, bad: float = 0.0, seed: int = 1, hours: float = 24, **changes: Any) -> list[dict[str, Any]]:
    """Return a row of each key with its texts. 80 % of the answers are good, of the candidate's fewer by `bad`."""
    rng, rows = random.Random(seed), []
    for number in range(keys):
        row = make_row(f"user-{seed}-{number}", 0.3 + (hours - 0.3) * number / keys, share=SHARE)
        good = 0.8 - (bad if is_candidates(row) else 0.0)
        row |= {"scores": {}, "sampled": False, "fields": {"question": "why"}}
        rows.append({**row, "output": "good" if rng.random() < good else "bad", **changes})
    return rows


def tally(
    rows: Sequence[Mapping[str, Any]], scorer: Scorer | None, state: RolloutState | None = None, hours: float = 25
) -> StageEvidence:
    if scorer is not None:
        scorer.texts = {row["id"]: row.get("output", "") for row in rows}
    return tally_stage(
        rows, name=NAME, state=state or make_own_state(), versions=VERSIONS, now=clock(hours), score=scorer
    )


def decide_on(rows: Sequence[Mapping[str, Any]], scorer: Scorer | None, hours: float = 25) -> RolloutDecision:
    return decide(make_own_state(), tally(rows, scorer, hours=hours), clock(hours), 0)


def find(evidence: StageEvidence, name: str) -> Watched:
    return next(one for one in evidence.watched if one.name == name)


def test_an_equal_candidate_is_proven_and_a_worse_one_rolled_back() -> None:
    equal = decide_on(make_rows(5000), Scorer())
    assert equal.action == "finish", equal.sentence
    worse = decide_on(make_rows(3000, bad=0.3), Scorer())
    assert (worse.action, worse.code) == ("roll_back", "worse:facts"), worse.sentence


def test_as_many_answers_of_each_arm_are_chosen() -> None:
    scorer = Scorer()
    rows = make_rows(2000)
    found = tally(rows, scorer)
    (asked,) = scorer.asked
    variants = [variant for _, variant in asked.ids.values()]
    assert abs(variants.count("candidate") - variants.count("production")) <= 1
    assert asked.criteria == CRITERIA and find(found, "facts").n == found.own.chosen
    assert found.own.offered == found.keys and found.own.waiting == 0
    assert find(found, "unscored").n == found.own.chosen
    known = {row["id"]: row for row in rows}
    assert all(known[id]["variant"] == variant for id, (_, variant) in asked.ids.items())


def test_only_first_answers_with_texts_whose_id_is_their_own_are_offered() -> None:
    rows = make_rows(400, hours=2)
    later = [{**row, "id": f"again-{row['id']}", "at": clock(2.5)} for row in rows[:100]]
    failed = [{**row, "id": f"x-{row['id']}", "key": f"k-{row['key']}"} for row in make_rows(50, seed=2, hours=2)]
    failed = [
        {**make_row(row["key"], 1, share=SHARE, id=row["id"]), "fields": {}, "output": "good", "error": "TimeoutError"}
        for row in failed
    ]
    silent = [{**row, "output": None} for row in make_rows(50, seed=3, hours=2)]
    doubled = make_rows(4, seed=4, hours=2)
    scorer = Scorer()
    tally([*rows, *later, *failed, *silent, *doubled, *doubled], scorer)
    (asked,) = scorer.asked
    assert set(asked.ids) <= {row["id"] for row in rows} and len(asked.ids) > 50


@given(st.randoms(use_true_random=False), st.integers(30, 150))
def test_neither_the_order_nor_other_rows_matter(rng: random.Random, keys: int) -> None:
    rows = make_rows(keys, hours=6)
    others = [{**row, "prompt": "other", "id": f"other-{row['id']}"} for row in make_rows(20, seed=5)]
    early = [{**row, "id": f"early-{row['id']}", "at": clock(-1)} for row in rows[:10]]
    scorers = Scorer(), Scorer()
    first = tally(rows, scorers[0])
    mixed = [*rows, *others, *early]
    rng.shuffle(mixed)
    second = tally(mixed, scorers[1])
    assert scorers[0].asked == scorers[1].asked
    assert (first.watched, first.own) == (second.watched, second.own)


def test_what_is_not_scored_is_unscored_and_never_goes_on() -> None:
    rows = make_rows(3000)
    candidates = [row["id"] for row in rows if is_candidates(row)]
    one_sided = decide_on(rows, Scorer(lost=candidates[::3]))
    assert (one_sided.action, one_sided.code) == ("roll_back", "worse:unscored"), one_sided.sentence
    none = decide_on(rows, Scorer(lost=[row["id"] for row in rows]))
    assert (none.action, none.code) == ("hold", "unproven") and "facts" in none.sentence


def test_answers_that_wait_count_neither_as_scored_nor_as_unscored() -> None:
    rows = make_rows(2000)
    found = tally(rows, None)
    assert found.own.chosen == (0, 0) and found.own.waiting > 500
    assert find(found, "facts").n == find(found, "unscored").n == (0, 0)
    assert decide_on(rows, None).action == "hold"
    some = Scorer(waiting=[row["id"] for row in rows[:1000]])
    found = tally(rows, some)
    assert sum(found.own.chosen) + found.own.waiting == len(some.asked[0].ids)


@pytest.mark.parametrize("value", [math.nan, -0.1, 1.1, math.inf])
def test_a_value_that_is_no_score_counts_as_unscored(value: float) -> None:
    def score(chosen: ChosenAnswers) -> AnswerScores:
        return AnswerScores(values={id: {"facts": value, "other": 1.0} for id in chosen.ids})

    found = tally_stage(
        make_rows(500), name=NAME, state=make_own_state(), versions=VERSIONS, now=clock(25), score=score
    )
    assert find(found, "facts").n == (0, 0) and find(found, "unscored").mean == (1.0, 1.0)


def test_scores_of_the_rows_under_the_same_name_do_not_count() -> None:
    rows = make_rows(1000, scores={"facts": 1.0}, sampled=True)
    assert find(tally(rows, Scorer()), "facts").mean[0] == pytest.approx(0.8, abs=0.08)
    wrong = make_rows(1000, scores={"facts": "NaN"}, sampled=True)
    assert tally(wrong, Scorer()).faults == 0
    assert find(tally(rows, None), "facts").n == (0, 0)


def test_scores_of_rows_under_other_names_count_beside_them() -> None:
    state = make_own_state(rules={"scores": {"facts": 0.1, "helpful": 0.1}})
    rows = make_rows(1000)
    for number, row in enumerate(rows):
        row |= {"sampled": number % 2 == 0, "scores": {"helpful": 0.5} if number % 4 == 0 else {}}
    scorer = Scorer()
    found = tally(rows, scorer, state)
    assert sum(find(found, "helpful").n) == 250 and find(found, "facts").n == found.own.chosen
    asked = {row["id"] for row in rows if row["sampled"]} | set(scorer.asked[0].ids)
    assert sum(find(found, "unscored").n) == len(asked)


def test_texts_that_one_arm_lacks_hold_the_rollout() -> None:
    rows = make_rows(3000, hours=20)
    alike = [{**row, "output": None} if number % 3 else row for number, row in enumerate(rows)]
    assert tally(alike, Scorer()).own.log_e_texts < math.log(20)
    for arm in (True, False):
        hidden = [{**row, "output": None} if is_candidates(row) is arm and number % 2 else row
                  for number, row in enumerate(rows)]  # fmt: skip
        found = decide_on(hidden, Scorer())
        assert (found.action, found.code) == ("hold", "texts"), found.sentence
        assert "lack `fields` or `output` more often" in found.sentence


def test_answers_settle_before_they_are_scored() -> None:
    rows = make_rows(3000)
    scorer = Scorer()
    tally(rows, scorer, make_own_state(rules={"settle_minutes": 120}), hours=10)
    (asked,) = scorer.asked
    began = min(at for at, _ in asked.ids.values())
    assert max(at for at, _ in asked.ids.values()) <= began + 7.8 * 3600


def test_staging_scores_its_own_answers_against_the_floors() -> None:
    state = make_own_state(stage=0, rules={"floors": {"facts": 0.9}, "scores": {}})
    rows = [{**row, "variant": "staging", "digest": "b" * 64, "version": "1.1.0"} for row in make_rows(1000)]
    scorer = Scorer()
    found = tally([*rows, *make_rows(500, seed=2)], scorer, state)
    assert {variant for _, variant in scorer.asked[0].ids.values()} == {"staging"}
    assert find(found, "facts").mean[1] == pytest.approx(0.8, abs=0.08)
    assert decide(state, found, clock(25), 0).action == "roll_back"


def test_nothing_is_chosen_without_a_criterion_of_the_stage() -> None:
    scorer = Scorer()
    found = tally(make_rows(500), scorer, make_own_state(rules={"criteria": {}, "scores": {"helpful": 0.1}}))
    assert scorer.asked == [] and found.own.offered == (0, 0)
    tally(make_rows(500), scorer, make_own_state(stage=0))
    assert scorer.asked == [], "staging has no floor of it"


def test_lines_and_objects_are_chosen_alike() -> None:
    rows = make_rows(300, hours=4)
    first, second = Scorer(), Scorer()
    tally(rows, first)
    lines = [json.dumps(row).encode() for row in rows]
    tally_stage(lines, name=NAME, state=make_own_state(), versions=VERSIONS, now=clock(25), score=second)
    assert first.asked == second.asked
