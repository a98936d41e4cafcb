from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from release.documents import make_version
from release.failing_registry import FAILURES, DiedError, FailingRegistry, Failure
from release.rollout.lives import NEW, OLD, RULES, Life, by, clock, finish
from release.stories import InterleavedRegistry

from evalgate.commands.release.tick import tick
from evalgate.domain.rollout import Stage
from evalgate.errors import ExitCode, ServiceError
from evalgate.release.promotion import publish_version
from evalgate.release.registry import RefusedError


def test_a_rollout_grows_stage_by_stage_until_its_candidate_is_production() -> None:
    life = Life()
    life.start()
    assert (life.state.stage, life.state.share, life.document.labels["canary"]) == (1, 500, NEW.digest)
    assert life.tick(10, life.make_rows(1000, 0.3, 10)).code == "waiting"
    done = finish(life)
    assert (done.action, done.exit_code, done.is_written) == ("finish", ExitCode.PASS, True)
    assert done.change == "the rollout of 1.1.0 is finished: production is 1.1.0, after 1.0.0"
    document = life.document
    assert document.labels == {"production": NEW.digest} and document.past == (OLD.digest,)
    assert document.rollout is None and document.monitoring is not None
    assert document.monitoring["means"]["helpful"]["mean"] == pytest.approx(0.8, abs=0.03)
    assert life.list_verbs() == ["start", "advance", "advance", "finish"]


def test_a_hold_that_waits_appends_nothing() -> None:
    life = Life()
    life.start()
    before = life.last
    done = life.tick(3, life.make_rows(500, 0.3, 3))
    assert (done.action, done.code, done.is_written, done.exit_code) == ("hold", "waiting", False, ExitCode.PASS)
    assert life.last == before and done.stored == before
    assert "of the 24 hours" in done.sentence


def test_the_level_of_the_candidate_sets_the_hours_of_the_first_stage() -> None:
    life = Life(candidate=replace(NEW, canary_hours=48))
    life.start()
    rows = life.make_rows(6000, 0.3, 48)
    assert life.tick(40, rows[:5000]).code == "waiting"
    assert life.tick(49, rows).code == "proven"


def test_a_canary_that_gets_worse_at_the_third_tick_is_rolled_back() -> None:
    life, told = Life(), []
    life.start()
    rows = life.make_rows(2000, 0.3, 1)
    assert life.tick(1, rows, notify=told.append).action == "hold"
    rows += life.make_rows(2000, 1, 2, seed=2)
    assert life.tick(2, rows, notify=told.append).action == "hold"
    assert told == []
    rows += life.make_rows(6000, 2, 3, seed=3, drop=0.5)
    done = life.tick(3.6, rows, notify=told.append)
    assert (done.action, done.code, done.exit_code) == ("roll_back", "worse:helpful", ExitCode.FAIL)
    assert life.document.labels == {"production": OLD.digest} and life.document.rollout is None
    entry = life.document.entry
    assert (entry.verb, entry.origin, entry.target) == ("rollback", NEW.digest, OLD.digest)
    assert entry.why == done.sentence and entry.evidence is not None
    assert entry.evidence["decision"]["watched"]["helpful"]["log_e_worse"] > 5
    assert life.list_verbs() == ["start", "rollback"]
    (message,) = map(json.loads, told)
    assert message["action"] == "roll_back" and message["sentence"] == done.sentence
    assert message["candidate"] == {"version": "1.1.0", "digest": NEW.digest}


def lose_a_fifth(row: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
    return None if row["variant"] == "candidate" and rng.random() < 0.2 else row


def test_a_canary_that_loses_a_fifth_of_its_rows_never_goes_on() -> None:
    life = Life()
    life.start(replace(RULES, stages=(Stage(share=5000, hours=24),)))
    rows: list[dict[str, Any]] = []
    for day in range(5):
        rows += life.make_rows(4000, max(24 * day, 0.3), 24 * (day + 1), seed=day, change=lose_a_fifth)
        done = life.tick(24 * (day + 1) + 1, rows)
        assert done.action == "hold" and done.code == "deal", done.sentence
    assert life.list_verbs() == ["start", "hold"], "a fault is recorded once"
    assert life.state.share == 5000 and life.state.hold == "deal"


def lose_bad_scores(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A judge fails on a third of the candidate's answers, and the application does not say which were sampled."""
    fails = row["variant"] == "candidate" and rng.random() < 0.3
    return {**row, "sampled": None, "scores": {} if fails else row["scores"]}


@pytest.mark.parametrize("share", [500, 5000])
def test_a_canary_whose_judge_fails_on_its_answers_never_goes_on(share: int) -> None:
    life = Life()
    life.start(replace(RULES, stages=(Stage(share=share, hours=24),)))
    done = life.tick(25, life.make_rows(3000, 0.3, 24, change=lose_bad_scores))
    assert (done.action, done.code, done.is_written) == ("hold", "unsaid", True), done.sentence
    assert "write `sampled` into each row" in done.sentence


@pytest.mark.parametrize("seed", range(3))
def test_answers_of_both_versions_that_are_not_scored_alike_hold_nothing(seed: int) -> None:
    def score_a_third(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return {**row, "sampled": None, "scores": row["scores"] if rng.random() < 0.3 else {}}

    life = Life()
    life.start(replace(RULES, stages=(Stage(share=5000, hours=24),)))
    done = life.tick(25, life.make_rows(4000, 0.3, 24, seed=seed, change=score_a_third))
    assert (done.action, done.code) == ("finish", "proven"), done.sentence


def break_rows(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return {**row, "scores": {"helpful": 7}} if rng.random() < 0.05 else row


def test_rows_with_faults_hold_and_the_hold_is_told_once() -> None:
    life, told = Life(), []
    life.start()
    rows = life.make_rows(4000, 0.3, 24, change=break_rows)
    done = life.tick(25, rows, notify=told.append)
    assert (done.action, done.code, done.is_written, done.exit_code) == ("hold", "left_out", True, ExitCode.PASS)
    assert "a score that is not a number from 0 to 1" in done.sentence
    again = life.tick(26, rows, notify=told.append)
    assert (again.code, again.is_written) == ("left_out", False)
    assert len(told) == 1 and life.list_verbs() == ["start", "hold"]


def test_a_clock_behind_the_document_holds() -> None:
    life = Life()
    life.start(hours=5)
    done = life.tick(3, life.make_rows(4000, 0.3, 3))
    assert (done.action, done.code, done.exit_code) == ("hold", "clock", ExitCode.PASS)
    assert life.document.at == clock(5) and life.list_verbs() == ["start", "hold"]


def test_a_stage_without_rows_after_its_hours_is_a_fault() -> None:
    life = Life()
    life.start()
    assert not life.tick(3, []).is_written
    done = life.tick(25, [])
    assert (done.code, done.is_written, done.exit_code) == ("no_rows", True, ExitCode.PASS)


@pytest.mark.parametrize(("when", "action", "code"), [
    ("hold", "hold", ExitCode.INCONCLUSIVE), ("rollback", "roll_back", ExitCode.FAIL),
])  # fmt: skip
def test_a_rollout_that_is_held_too_long_ends_with_4_or_is_rolled_back(when: Any, action: str, code: ExitCode) -> None:
    life = Life()
    life.start(replace(RULES, hold_hours=10, when_held=when))
    rows = life.make_rows(40, 0.3, 24)
    assert life.tick(30, rows).code == "unproven"
    done = life.tick(35, rows)
    assert (done.action, done.code, done.exit_code) == (action, "held_too_long", code)
    assert life.list_verbs() == ["start", "hold" if action == "hold" else "rollback"]
    if action == "hold":
        again = life.tick(36, rows)
        assert (again.exit_code, again.is_written) == (ExitCode.INCONCLUSIVE, False)


def test_staging_comes_first_and_has_floors() -> None:
    life = Life()
    life.start(replace(RULES, staging_hours=24, floors={"helpful": 0.7}))
    assert life.document.labels == {"production": OLD.digest, "staging": NEW.digest}
    assert (life.state.stage, life.state.share) == (0, 0)
    low = life.make_rows(60, 0.3, 24, drop=0.3)
    done = life.tick(25, low)
    assert done.action == "roll_back" or done.code == "floor:helpful"
    other = Life()
    other.start(replace(RULES, staging_hours=24, floors={"helpful": 0.7}))
    done = other.tick(25, other.make_rows(60, 0.3, 24))
    assert (done.action, done.code) == ("advance", "proven"), done.sentence
    assert (other.state.stage, other.state.share) == (1, 500)
    assert other.document.labels["canary"] == NEW.digest
    assert other.list_verbs() == ["start", "advance"]


def test_a_paused_rollout_is_left_alone() -> None:
    from evalgate.release.rollout.transitions import pause_rollout, resume_rollout

    life = Life()
    life.start()
    life.append(lambda _: pause_rollout(life.last, by(1), "wait"))
    assert life.state.share == 0 and life.state.paused

    def refuse() -> list[bytes]:
        raise AssertionError("the rows are not read")

    done = tick(life.registry, "support", refuse, by(2))
    assert (done.action, done.code, done.exit_code) == ("idle", "paused", ExitCode.PASS)
    life.append(lambda _: resume_rollout(life.last, by(30), "go on"))
    assert (life.state.share, life.state.began, life.state.started) == (500, clock(30), clock(0))
    early = life.make_rows(4000, 0.3, 24)
    assert life.tick(31, early).code == "no_rows", "rows from before the stage do not count"
    assert life.list_verbs() == ["start", "pause", "resume"]


def test_a_holdback_stays_until_a_person_ends_it() -> None:
    rules = replace(RULES, stages=(Stage(share=5000, hours=24), Stage(share=9500, hours=0)), holdback=500)
    life = Life()
    life.start(rules)
    assert life.tick(25, life.make_rows(4000, 0.3, 24)).action == "advance"
    assert (life.state.share, life.state.is_holdback) == (9500, True)
    rows = life.make_rows(40000, 26, 60, seed=2)
    done = life.tick(61, rows)
    assert (done.action, done.code, done.is_written) == ("hold", "holdback", False), done.sentence
    assert "5 % of the users keep the control" in done.sentence
    life.advance(62)
    assert life.document.labels == {"production": NEW.digest} and life.document.monitoring is None
    assert life.list_verbs() == ["start", "advance", "finish"]


def test_a_comparison_never_goes_on_by_itself() -> None:
    life = Life()
    life.start(replace(RULES, stages=(Stage(share=5000, hours=24),)), kind="ab")
    assert life.document.labels == {"production": OLD.digest}
    better = life.make_rows(8000, 0.3, 24, drop=-0.15)
    done = life.tick(30, better)
    assert (done.action, done.code) == ("hold", "better:helpful")
    assert life.list_verbs() == ["start", "hold"]


def test_two_ticks_at_once_append_once() -> None:
    life = Life()
    life.start()
    rows = life.make_rows(4000, 0.3, 24)
    lines = [json.dumps(row).encode() for row in rows]

    def other(registry: Any) -> None:
        assert tick(registry, "support", lambda: lines, by(25, "first")).is_written

    registry = InterleavedRegistry(inner=life.registry, meanwhile=other)
    done = tick(registry, "support", lambda: lines, by(25, "second"))  # type: ignore[arg-type]
    assert (done.action, done.code, done.exit_code) == ("lost", "advance", ExitCode.PASS)
    assert "first was faster: the rollout of 1.1.0 goes on: 25 %" in done.sentence
    assert life.list_verbs() == ["start", "advance"]


def test_a_lost_race_with_a_rollback_exits_like_it() -> None:
    life = Life()
    life.start()
    rows = life.make_rows(8000, 0.3, 24, drop=0.5)
    lines = [json.dumps(row).encode() for row in rows]
    registry = InterleavedRegistry(
        inner=life.registry, meanwhile=lambda inner: tick(inner, "support", lambda: lines, by(25, "first"))
    )
    done = tick(registry, "support", lambda: lines, by(25, "second"))  # type: ignore[arg-type]
    assert (done.action, done.code, done.exit_code) == ("lost", "rollback", ExitCode.FAIL)
    assert life.list_verbs() == ["start", "rollback"]


def test_a_publication_at_the_same_moment_does_not_stop_a_tick() -> None:
    life = Life()
    life.start()
    lines = [json.dumps(row).encode() for row in life.make_rows(4000, 0.3, 24)]
    opened = []

    def publish(registry: Any) -> None:
        registry.append(publish_version(registry.read("support"), "support", make_version("1.2.0"), by(25)))

    def open_rows() -> list[bytes]:
        opened.append(1)
        return lines

    registry = InterleavedRegistry(inner=life.registry, meanwhile=publish)
    done = tick(registry, "support", open_rows, by(25))  # type: ignore[arg-type]
    assert (done.action, done.is_written, len(opened)) == ("advance", True, 1)
    assert life.list_verbs() == ["start", "publish", "advance"]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_tick_that_dies_leaves_the_state_before_or_after(failure: Failure) -> None:
    life = Life()
    life.start()
    lines = [json.dumps(row).encode() for row in life.make_rows(8000, 0.3, 24, drop=0.5)]
    registry = FailingRegistry(inner=life.registry, at=1, failure=failure)
    if failure == "answer":
        assert tick(registry, "support", lambda: lines, by(25)).is_written
    else:
        with pytest.raises(DiedError):
            tick(registry, "support", lambda: lines, by(25))
    again = tick(life.registry, "support", lambda: lines, by(26))
    assert again.is_written == (failure == "before")
    assert life.list_verbs() == ["start", "rollback"]


def test_a_command_that_cannot_be_told_is_a_warning() -> None:
    def fail(message: bytes) -> None:
        raise ServiceError("the command `page` exited with 1")

    life = Life()
    life.start()
    done = life.tick(25, life.make_rows(8000, 0.3, 24, drop=0.5), notify=fail)
    assert done.exit_code == ExitCode.FAIL and "the command `page` exited with 1" in done.warning


def test_a_dry_run_writes_and_tells_nothing() -> None:
    life, told = Life(), []
    life.start()
    done = life.tick(25, life.make_rows(8000, 0.3, 24, drop=0.5), notify=told.append, dry_run=True)
    assert (done.action, done.is_written, done.exit_code) == ("roll_back", False, ExitCode.FAIL)
    assert life.list_verbs() == ["start"] and told == []


def test_the_same_rows_and_time_give_the_same_document() -> None:
    life = Life()
    life.start()
    rows = life.make_rows(4000, 0.3, 24)
    actor = by(25, "cron")
    made = []
    for order in (rows, rows[::-1]):
        lines = [json.dumps(row).encode() for row in order]
        made.append(tick(life.registry, "support", lambda lines=lines: lines, actor, dry_run=True))  # type: ignore[misc]
    assert made[0] == made[1]


def test_rows_that_cannot_be_read_decide_nothing() -> None:
    life = Life()
    life.start()

    def fail() -> Any:
        yield b"{}\n"
        raise ServiceError("the command `export` exited with 2")

    with pytest.raises(ServiceError, match="exited with 2"):
        tick(life.registry, "support", fail, by(25))
    assert life.list_verbs() == ["start"]


def test_nothing_is_decided_on_a_broken_ledger() -> None:
    life = Life()
    life.start()
    forged = replace(life.document, previous=life.last.digest, rollout={**(life.document.rollout or {}), "share": 9000})
    life.registry.append(forged)
    with pytest.raises(RefusedError, match="broken ledger"):
        life.tick(25, [])


def spoil(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return {**row, "scores": {"helpful": row["scores"]["helpful"] * 0.5}}


@pytest.mark.parametrize(("change", "code", "exit_code"), [
    (None, "steady", ExitCode.PASS), (spoil, "worse:helpful", ExitCode.INCONCLUSIVE),
])  # fmt: skip
def test_production_is_compared_with_the_end_of_its_rollout(
    change: Callable[..., Any] | None, code: str, exit_code: ExitCode
) -> None:
    life = Life()
    life.start()
    finish(life)
    before = life.last
    rows = life.make_rows(2000, 80, 100, seed=9, **({} if change is None else {"change": change}))
    done = life.tick(101, rows)
    assert (done.action, done.code, done.exit_code) == ("watch", code, exit_code), done.sentence
    assert ("evalgate drift" in done.sentence) == (change is not None)
    assert life.last == before
    assert life.tick(400, rows).code == "no_rows", "the rows of the last days count"


def test_without_a_rollout_there_is_nothing_to_do() -> None:
    done = Life().tick(1, [])
    assert (done.action, done.code, done.exit_code) == ("idle", "no_rollout", ExitCode.PASS)
