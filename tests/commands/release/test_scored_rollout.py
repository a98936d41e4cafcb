"""Rollouts whose answers evalgate scores itself, tick by tick, with a judge on a scripted endpoint."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, completion
from chat_server import error as refuse
from release.rollout.lives import Life, clock, keep
from scored_project import ENVIRONMENT, add_texts, make_scorer, write_project

from evalgate.commands.release.status import show_status
from evalgate.commands.release.tick import Ticked
from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.errors import ExitCode, InputError, ServiceError
from evalgate.gate.online_criteria import load_and_choose
from evalgate.release.document import encode_document
from evalgate.release.rollout.state import encode_rules, parse_rules


class ScoredLife(Life):
    """A rollout whose answers are scored by the check `polite` and the judge `faithfulness` of its gate."""

    def __init__(self, config: Path, **rules: Any) -> None:
        super().__init__()
        given = RolloutRules(
            scores={"polite": 0.2, "faithfulness": 0.2},
            stages=(Stage(share=5000, hours=24), Stage(share=7500, hours=24)),
            staging_hours=0,
            score_per_day=5000,
        )
        chosen, _ = load_and_choose(config, "support", replace(given, **rules), ENVIRONMENT, are_defaults=False)
        self.config = config
        self.start(chosen)

    def look(self, hours: float, rows: list[dict[str, Any]], **options: Any) -> Ticked:
        return self.tick(hours, rows, make_scorer=lambda: make_scorer(self.config, rows), **options)


@pytest.fixture
def config(tmp_path: Path, chat_server: ChatServer) -> Path:
    return write_project(tmp_path, chat_server)


def test_an_equal_candidate_grows_to_production_and_a_second_tick_asks_nothing(
    config: Path, chat_server: ChatServer
) -> None:
    life = ScoredLife(config)
    rows = life.make_rows(1500, 0.3, 24, change=add_texts())
    assert life.look(10, rows[:500]).code == "waiting"
    asked = len(chat_server.received)
    assert asked == 2, "equal answers share a call"
    done = life.look(25, rows)
    assert (done.action, done.code) == ("advance", "proven"), done.sentence
    assert done.scoring is not None and (done.scoring.calls.made, done.scoring.cost_usd) == (0, 0.0)
    assert done.scoring.calls.cached > 0 and done.scoring.answers > 800
    assert len(chat_server.received) == asked
    rows = life.make_rows(1500, 25.3, 49, seed=2, change=add_texts())
    done = life.look(50, rows)
    assert (done.action, done.exit_code) == ("finish", ExitCode.PASS), done.sentence
    assert life.list_verbs() == ["start", "advance", "finish"]
    received = len(chat_server.received)
    watched = life.look(60, life.make_rows(500, 51, 59, seed=3, change=add_texts(0.9)))
    assert (watched.action, watched.code, watched.scoring) == ("watch", "steady", None)
    assert len(chat_server.received) == received, "production alone is never scored"


def test_a_candidate_whose_answers_the_judge_finds_wrong_is_rolled_back(config: Path) -> None:
    life = ScoredLife(config)
    rows = life.make_rows(1500, 0.3, 24, change=add_texts(0.4))
    done = life.look(12, [row for row in rows if row["at"] < clock(12)])
    assert (done.action, done.code, done.exit_code) == ("roll_back", "worse:faithfulness", ExitCode.FAIL)
    assert life.list_verbs() == ["start", "rollback"]


def speak_rudely(row: dict[str, Any], rng: Any) -> dict[str, Any]:
    made = add_texts()(row, rng)
    return {**made, "output": "$5, no way"} if row["variant"] == "candidate" and rng.random() < 0.4 else made


def test_a_candidate_that_a_check_fails_is_rolled_back(config: Path) -> None:
    life = ScoredLife(config)
    done = life.look(25, life.make_rows(1200, 0.3, 24, change=speak_rudely))
    assert (done.action, done.code) == ("roll_back", "worse:polite"), done.sentence


def test_a_judge_that_is_down_decides_nothing_unless_the_candidate_fails_without_it(
    config: Path, chat_server: ChatServer
) -> None:
    life = ScoredLife(config)
    chat_server.script = lambda received, number: refuse(401, "wrong key")
    rows = life.make_rows(1200, 0.3, 24, change=add_texts())
    with pytest.raises(ServiceError):
        life.look(25, rows)
    assert life.list_verbs() == ["start"]
    failing = [{**row, "error": "Timeout"} if row["variant"] == "candidate" and place % 3 == 0 else row
               for place, row in enumerate(rows)]  # fmt: skip
    done = life.look(25, failing)
    assert (done.action, done.code, done.exit_code) == ("roll_back", "worse:errors", ExitCode.FAIL)
    assert done.warning.startswith("the answers could not be scored")
    assert life.list_verbs() == ["start", "rollback"]


def test_answers_without_texts_never_go_on(config: Path) -> None:
    life = ScoredLife(config)
    done = life.look(25, life.make_rows(1200, 0.3, 24, change=keep))
    assert (done.action, done.code) == ("hold", "unproven") and "no value that counts" in done.sentence


def test_replies_that_cannot_be_read_never_go_on(config: Path, chat_server: ChatServer) -> None:
    life = ScoredLife(config)
    chat_server.script = lambda received, number: Reply(body=completion("fine"))
    done = life.look(25, life.make_rows(1200, 0.3, 24, change=add_texts()))
    assert (done.action, done.code) == ("hold", "unproven") and "faithfulness" in done.sentence
    assert done.scoring is not None and sum(done.scoring.unscored.values()) == done.scoring.answers


def test_a_tick_without_the_configuration_is_refused(config: Path) -> None:
    life = ScoredLife(config)
    with pytest.raises(InputError, match="scores answers by the gate of a configuration"):
        life.tick(25, [])


def test_status_makes_no_call_and_tells_how_many_answers_wait(config: Path, chat_server: ChatServer) -> None:
    life = ScoredLife(config)
    rows = life.make_rows(400, 0.3, 24, change=add_texts())

    def show() -> Any:
        lines = [json.dumps(row).encode() for row in rows]
        offline = partial(make_scorer, config, rows, is_offline=True)
        return show_status(life.registry, "support", clock(25), lines, offline).found

    before = show()
    assert before.evidence.own.waiting > 100 and before.evidence.own.chosen == (0, 0)
    assert chat_server.received == []
    life.look(25, rows, dry_run=True)
    after = show()
    assert after.evidence.own.waiting == 0 and sum(after.evidence.own.chosen) == before.evidence.own.waiting
    assert after.decision == life.look(25, rows, dry_run=True).found.decision  # type: ignore[union-attr]


def test_the_same_rows_and_cache_give_the_same_decision(config: Path) -> None:
    life = ScoredLife(config)
    rows = life.make_rows(400, 0.3, 24, change=add_texts(0.1))
    first, second = (life.look(25, order, dry_run=True) for order in (rows, rows[::-1]))
    assert first.found == second.found and first.found is not None


def test_the_ledger_has_the_digests_of_the_criteria_and_no_text(config: Path) -> None:
    life = ScoredLife(config)
    life.look(25, life.make_rows(1500, 0.3, 24, change=add_texts()))
    data = encode_document(life.document).decode()
    assert set(life.state.rules.criteria) == {"polite", "faithfulness"}
    assert "Socks" not in data and "score_per_day" in data
    assert parse_rules(encode_rules(life.state.rules), "rules") == life.state.rules
    assert "criteria" not in encode_rules(replace(life.state.rules, criteria={})), "as earlier documents"


def rate(row: dict[str, Any], rng: Any) -> dict[str, Any]:
    return {**add_texts()(row, rng), "scores": {"helpful": 0.8}, "sampled": True}


def test_production_is_watched_by_the_scores_that_its_rows_have(config: Path) -> None:
    life = ScoredLife(config, scores={"polite": 0.2, "helpful": 0.2}, stages=(Stage(share=5000, hours=24),))
    done = life.look(25, life.make_rows(1500, 0.3, 24, change=rate))
    assert done.action == "finish", done.sentence
    monitoring = life.document.monitoring
    assert monitoring is not None and {"polite", "helpful"} <= set(monitoring["means"])
    done = life.look(40, life.make_rows(500, 26, 39, seed=2, change=rate))
    assert (done.action, done.code) == ("watch", "steady"), "what is not scored any more is not missing"
    assert done.monitored is not None and set(done.monitored.limits) == {"helpful", "errors", "unscored"}
