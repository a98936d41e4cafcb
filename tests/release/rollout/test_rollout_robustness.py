"""The robustness of a rollout: candidates whose bad answers are lost, rows of some users only, edited documents."""

from __future__ import annotations

import copy
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release.rollout.lives import NEW, OLD, RULES, Life, by, clock, finish
from release.rollout.traffic import (
    CONTROL,
    NAME,
    VERSIONS,
    is_candidates,
    make_row,
    make_stages,
    make_state,
    make_traffic,
)
from release.rollout.traffic import clock as traffic_clock
from release.stories import KINDS, InterleavedRegistry, open_empty

from evalgate.commands.release.status import show_status
from evalgate.commands.release.tick import Ticked, tick
from evalgate.domain.rollout import Stage
from evalgate.errors import EvalgateError
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import ReleaseDocument, parse_document
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, roll_back
from evalgate.release.registry import StoredDocument
from evalgate.release.rollout import transitions
from evalgate.release.rollout.assessment import assess_rollout
from evalgate.release.rollout.decision import RolloutDecision, decide
from evalgate.release.rollout.decision_record import encode_word
from evalgate.release.rollout.monitoring import compare_with_end
from evalgate.release.rollout.state import RolloutState, parse_state
from evalgate.release.rollout.tally import tally_stage
from evalgate.release.rollout.traffic_rows import CompleteRows
from evalgate.release.rollout.transitions import require_state
from evalgate.release.rollout_change import change_rollout

NARROW = make_state(rules={"stages": make_stages(500)})


def follow(rows: list[dict[str, Any]], state: RolloutState = NARROW) -> RolloutDecision:
    now = traffic_clock(26)
    return decide(state, tally_stage(rows, name=NAME, state=state, versions=VERSIONS, now=now), now, 0)


# Rows that are lost


LOSSES: dict[str, dict[str, Any]] = {
    "no number": {"scores": {"helpful": float("nan")}},
    "beyond the scale": {"scores": {"helpful": 7}},
    "a text": {"seconds": "1"},
    "no time taken": {"seconds": None},
    "from the future": {"at": traffic_clock(40)},
    "another version": {"digest": "c" * 64, "version": "9.0.0"},
    "production instead": {"variant": "production", "digest": CONTROL, "version": VERSIONS[CONTROL]},
    "no score": {"scores": {}},
    "no cost": {"cost_usd": None},
    "the same id": {"id": "one", "at": traffic_clock(25)},
}
"""What becomes of the bad answers of a candidate: each one is left out, or is unscored."""


@settings(max_examples=15)
@given(st.sampled_from(sorted(LOSSES)), st.sampled_from([0.12, 0.18]), st.integers(1, 10_000))
def test_a_candidate_whose_bad_answers_are_lost_does_not_go_on(loss: str, share: float, seed: int) -> None:
    """At 5 %, these rows are less than a hundredth of all, and too few for the test of how the keys are dealt."""

    def lose(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return {**row, **LOSSES[loss]} if is_candidates(row) and rng.random() < share else row

    assert follow(make_traffic(4000, change=lose, seed=seed)).action in ("hold", "roll_back")


def test_a_candidate_that_loses_nothing_goes_on() -> None:
    assert follow(make_traffic(4000)).action == "finish"


def test_what_is_lost_of_one_arm_is_told() -> None:
    def lose(row: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        return {**row, "scores": {"helpful": 7}} if is_candidates(row) and rng.random() < 0.1 else row

    found = follow(make_traffic(4000, change=lose))
    assert found.code == "left_out"
    assert " rows of the canary are left out, " in found.sentence
    assert found.sentence.endswith(
        " % where 1 % is the most allowed: of both arms 24 a score that is not a number from 0 to 1"
    )


def test_one_row_may_be_lost_of_a_small_arm() -> None:
    rows = make_traffic(1200, seed=2)
    candidates = [row for row in rows if is_candidates(row)]
    assert len(candidates) < 100
    for lost, code in ((1, "unproven"), (2, "left_out")):
        for row in candidates[:lost]:
            row["scores"] = {"helpful": 7}
        assert follow(rows).code == code


@settings(max_examples=5)
@given(st.integers(1, 10_000), st.sampled_from([1 / 19, 0.1, 0.3]))
def test_rows_of_some_answers_of_production_do_not_roll_back_an_equal_version(seed: int, logged: float) -> None:
    """Where production logs less than the candidate, more of the slow answers that are left are the candidate's."""

    def log(row: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
        row["seconds"], row["cost_usd"] = rng.choice([6.0, *[1.0] * 9]), rng.choice([0.05, *[0.01] * 9])
        if rng.random() < 0.1:
            row |= {"error": "TimeoutError", "scores": {}}
        return row if is_candidates(row) or rng.random() < logged else None

    found = follow(make_traffic(10_000, change=log, seed=seed))
    assert (found.action, found.code) == ("hold", "deal"), found.sentence


def test_a_candidate_that_fails_is_rolled_back_although_rows_are_missing() -> None:
    def fail(row: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
        if is_candidates(row):
            return {**row, "error": "X", "scores": {}} if rng.random() < 0.6 else row
        return row if rng.random() < 0.2 else None

    assert follow(make_traffic(6000, change=fail)).code == "worse:errors"


@settings(max_examples=15)
@given(st.floats(0.5, 22.5), st.floats(0, 300))
def test_a_clock_that_is_ahead_or_a_log_that_ends_does_not_shorten_a_stage(until: float, ahead: float) -> None:
    life = Life()
    life.start()
    rows = life.make_rows(4000, 0.3, until)
    assert life.tick(until + ahead, rows).action == "hold"
    assert set(life.list_verbs()) <= {"start", "hold"}


@pytest.mark.parametrize("earlier", ["no earlier row", "a row before", "a row in the first minutes", "all rows"])
@settings(max_examples=5)
@given(since=st.floats(3, 23.5))
def test_a_log_that_begins_late_does_not_shorten_a_stage(since: float, earlier: str) -> None:
    """A log that is rotated once a day has the rows since midnight: the bad ones of the day before are gone."""
    life = Life()
    life.start(replace(RULES, stages=(Stage(share=5000, hours=24),)))
    rows = [json.dumps(row).encode() for row in life.make_rows(600, since, 24.2)]
    hours = {"a row before": -0.5, "a row in the first minutes": 0.1}.get(earlier)
    if hours is not None:
        rows.append(json.dumps({**json.loads(rows[0]), "id": "earlier", "key": "earlier", "at": clock(hours)}).encode())
    given = CompleteRows(rows) if earlier == "all rows" else rows
    found = assess_rollout(life.document, life.state, given, clock(25)).decision
    wanted = {"rows_begin"} if earlier == "no earlier row" else {"proven", "unproven"}
    assert found.code in wanted, found.sentence
    rows += [json.dumps(row).encode() for row in life.make_rows(600, 24.2, since + 23.5, seed=2)]
    assert assess_rollout(life.document, life.state, rows, clock(since + 24)).decision.code == "proven"


# Returning users


@pytest.mark.parametrize("runs", [pytest.param(16, id="short"), pytest.param(300, id="long", marks=pytest.mark.long)])
def test_returning_users_roll_back_at_most_alpha_of_equal_versions_and_single_rows_many(runs: int) -> None:
    """Users have a taste of their own, and come back 40 times. `runs` rollouts, with a look at the end of each."""
    state = make_state(rules={"stages": make_stages(5000), "settle_minutes": 0}, slow=None, expensive=None)
    ends = {"key": 0, "row": 0}
    for seed in range(runs):
        rng = random.Random(seed)
        rows = []
        for user in range(50):
            taste = rng.choice([0.0, 1.0])
            rows += [
                make_row(f"{seed}-{user}", 0.2 + 23 * rng.random(), share=5000, scores={"helpful": taste})
                for _ in range(40)
            ]
        ends["key"] += follow(rows, state).action == "roll_back"
        # the arm stays that of the user, and each row is a user of its own
        single = [{**row, "key": _find_key(row, number)} for number, row in enumerate(rows)]
        ends["row"] += follow(single, state).action == "roll_back"
    assert ends["key"] <= 0.05 * runs
    assert ends["row"] >= 0.15 * runs, "the rows of the test show what it is for"


def _find_key(row: dict[str, Any], number: int) -> str:
    """Return a key of its own for a row, which is dealt the same arm."""
    tries = (f"{number}-{one}" for one in range(100))
    return next(key for key in tries if is_candidates(make_row(key, 1, share=5000)) == is_candidates(row))


# Keys, times and numbers


def test_each_spelling_of_a_key_is_another_user_but_lone_surrogates_are_one() -> None:
    state = make_state(rules={"stages": make_stages(5000)})
    for keys, users in (
        (["café", "cafe\u0301", "CAFÉ", " café"], 4),
        (["a\ud800", "a\udfff", "a\ufffd"], 1),  # all readers deal them alike
        (["1", "01", "1.0", "１"], 4),
    ):
        lines = [json.dumps(make_row(key, 1 + number, share=5000)) for number, key in enumerate(keys)]
        found = tally_stage(lines, name=NAME, state=state, versions=VERSIONS, now=traffic_clock(26))
        assert (sum(found.keys), found.left_out) == (users, {})


@given(
    st.datetimes().map(lambda at: at.isoformat()),
    st.sampled_from(["Z", "+00:00", "-00:01", "+23:59", "-23:59", "+14:00", "", "+24:00", "-12:34:56.789"]),
    st.sampled_from([0, -0.0, 1, 5e-324, 10**15, 10**400, float("nan"), float("-inf")]),
    st.sampled_from(["0001-01-01T00:00:00Z", "2026-01-31T12:00:00Z", "9999-12-31T23:59:59Z"]),
)
def test_no_time_and_no_number_breaks_a_decision(at: str, offset: str, number: float, now: str) -> None:
    life = Life()
    life.start()
    row = {**make_row("x", 1, share=500), "at": at + offset, "seconds": number, "scores": {"helpful": number}}
    found = assess_rollout(life.document, life.state, [json.dumps(row)], now)
    assert found.decision.action == "hold"
    json.dumps(found.decision.numbers, allow_nan=False)


# Documents that were edited


def _tell_chain() -> list[bytes]:
    life = Life()
    life.start()
    finish(life)
    return list(life.registry.history("support"))


CHAIN = _tell_chain()
HOSTILE = [
    None, True, 0, -1, 2**53, 10**299, 1.5, -0.0, 1e308, "", "x", "a" * 64, OLD.digest, "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-01-31T12:00:60Z", [], {}, {"a": 1},
]  # fmt: skip
OWN_WORD = {"who", "why", "id", "run_url", "last", "blocks", "n", "keys", "rows", "left_out", "arm_rows", "arm_faults"}
"""What the last document says of itself alone: the next document fixes it by its digest."""


def list_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in children:
        yield (*path, key)
        yield from list_paths(one, (*path, key))


def edit(data: bytes, path: tuple[Any, ...], value: Any) -> bytes:
    document = copy.deepcopy(json.loads(data))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(document).encode()


class EditedRegistry:
    """A registry with documents as somebody edited them."""

    url = "edited:"

    def __init__(self, documents: list[bytes]) -> None:
        self.documents = documents

    def read(self, name: str) -> StoredDocument | None:
        return StoredDocument(document=parse_document(self.documents[-1]), data=self.documents[-1])

    def history(self, name: str) -> Iterator[bytes]:
        return iter(self.documents)

    def append(self, document: Any) -> StoredDocument:
        raise AssertionError("something is written on an edited document")


@given(st.data())
def test_an_edited_document_is_a_break_or_changes_no_decision_and_nothing_raises_but_refusals(
    data: st.DataObject,
) -> None:
    number = data.draw(st.integers(3, len(CHAIN) - 1))
    parsed = json.loads(CHAIN[number])
    paths = [
        path for path in list_paths(parsed) if path[0] in ("rollout", "labels", "past", "at", "monitoring", "entry")
    ]
    path = data.draw(st.sampled_from(paths))
    edited = edit(CHAIN[number], path, data.draw(st.sampled_from(HOSTILE)))
    documents = [*CHAIN[:number], edited]
    broken = verify(documents, "support")
    try:
        document = parse_document(edited)
        state = parse_state(document)
    except DocumentError:
        assert broken is not None
        return
    if broken is None and number > 3:  # at the start, the rules are those that a person chose
        assert (document.rollout, document.labels, document.past) == tuple(
            getattr(parse_document(CHAIN[number]), key) for key in ("rollout", "labels", "past")
        ) or path == ("at",)
    registry = EditedRegistry(documents)
    for act in (
        lambda: tick(registry, "support", lambda: [b"{}"], by(80), dry_run=True),  # type: ignore[arg-type]
        lambda: show_status(registry, "support", clock(80), [b"{}"]),  # type: ignore[arg-type]
        lambda: show_status(registry, "support", "0001-01-01T00:00:00Z", [b"{}"]),  # type: ignore[arg-type]
    ):
        try:
            found: Any = act()
        except EvalgateError:
            continue
        assert not isinstance(found, Ticked) or (found.action in ("hold", "idle", "watch") and broken is None)
    if state is None and broken is None:
        compare_with_end(document, [b"{}"], clock(80))


def test_a_score_cannot_have_the_name_of_another_thing_that_is_watched() -> None:
    from evalgate.domain.rollout import RATES, RolloutRules

    for name in RATES:
        for rules in (RolloutRules(scores={name: 0.1}), RolloutRules(scores={}, floors={name: 0.1})):
            with pytest.raises(EvalgateError, match=f'cannot be called "{name}"'):
                Life().start(rules)


# Two at once, and one after the other


def _roll_back(last: StoredDocument, who: Actor) -> ReleaseDocument:
    return roll_back(last, last.document.versions[last.document.labels["production"]], who, "because")


VERBS: dict[str, Callable[[StoredDocument, Actor], ReleaseDocument]] = {
    "start": lambda last, who: transitions.start_rollout(last, NEW, RULES, who, "because"),
    "advance": lambda last, who: transitions.advance_rollout(last, who, "because", encode_word(require_state(last))),
    "pause": lambda last, who: transitions.pause_rollout(last, who, "because"),
    "resume": lambda last, who: transitions.resume_rollout(last, who, "because"),
    "abort": lambda last, who: transitions.abort_rollout(last, who, "because"),
    "rollback": _roll_back,
}


@settings(max_examples=40)
@given(st.lists(st.sampled_from(sorted(VERBS)), max_size=8))
def test_any_verbs_in_any_order_are_refused_or_leave_a_whole_ledger(verbs: list[str]) -> None:
    life = Life()
    for number, verb in enumerate(verbs):
        before = life.last
        try:
            done = change_rollout(life.registry, "support", by(number), VERBS[verb])
        except EvalgateError:
            assert life.last == before
            continue
        state = parse_state(done.document)
        ends = verb == "advance" and state is None
        assert done.document.entry.verb == ("finish" if ends else verb)
        assert state is None or state.share in {0 if state.paused else RULES.stages[state.stage - 1].share}
    assert len(life.list_verbs()) <= len(verbs)


@pytest.mark.parametrize("drop", [0.0, 0.5])
@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"start", "resume"}))
def test_a_tick_writes_nothing_after_a_person_who_was_faster(verb: str, drop: float) -> None:
    life = Life()
    life.start()
    lines = [json.dumps(row).encode() for row in life.make_rows(4000, 0.3, 24, drop=drop)]
    registry = InterleavedRegistry(
        inner=life.registry, meanwhile=lambda inner: change_rollout(inner, "support", by(25, "grace"), VERBS[verb])
    )
    done = tick(registry, "support", lambda: lines, by(25, "cron"))  # type: ignore[arg-type]
    assert (done.action, done.code) == ("lost", verb)
    assert life.list_verbs() == ["start", verb]


@pytest.mark.parametrize("kind", KINDS)
def test_ticks_at_the_same_moment_append_once(kind: str, tmp_path: Path) -> None:
    life = Life(registry=open_empty(kind, tmp_path))
    life.start()
    lines = [json.dumps(row).encode() for row in life.make_rows(4000, 0.3, 24)]
    barrier, done = threading.Barrier(3), []

    def open_rows() -> list[bytes]:
        barrier.wait(timeout=60)
        return lines

    def run(who: str) -> None:
        done.append(tick(life.registry, "support", open_rows, by(25, who)))

    threads = [threading.Thread(target=run, args=(f"tick-{number}",)) for number in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.action for one in done) == ["advance", "lost", "lost"]
    assert life.list_verbs() == ["start", "advance"]
    assert life.state.stage == 2
