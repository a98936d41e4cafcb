from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from langfuse_answers import make_ids, name_row, project, score, serve
from langfuse_server import PUBLIC, SECRET, LangfuseServer
from release.rollout.lives import NEW, OLD, RULES, Life, clock

from evalgate.domain.rollout import LangfuseRowFilter, Stage
from evalgate.errors import ExitCode, ServiceError
from evalgate.release import langfuse_traffic
from evalgate.release.langfuse_traffic import LangfuseTraffic
from evalgate.release.rollout.assessment import Assessment, assess_rollout
from evalgate.release.rollout.row_window import RowWindow, find_window
from evalgate.release.rollout.traffic_rows import BEFORE, find_instant
from evalgate.services import langfuse_observations, langfuse_pages
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseError
from evalgate.store.store import Store

WITH_TEXTS = RowWindow(since=find_instant(clock()), scores=(), texts=True)
HALF = replace(RULES, stages=(Stage(share=5000, hours=24),))
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_pages, "_WAIT_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


class Reader:
    """Reads the rows of a rollout that began at noon, as a tick at some hour does."""

    def __init__(self, server: LangfuseServer, folder: Path, life: Life | None = None, keys: str = SECRET) -> None:
        self.server = server
        self.life = life or Life()
        if life is None:
            self.life.start(HALF)
        self.store = Store(root=folder / ".evalgate")
        self.keys = keys

    def read(self, hours: float, window: RowWindow | None = None, **options: Any) -> list[Row]:
        keys = LangfuseKeys(public=PUBLIC, secret=self.keys)
        traffic = LangfuseTraffic(
            Langfuse(self.server.url, keys),
            "support",
            self.life.document,
            chosen=LangfuseRowFilter(**options),
            store=self.store,
            clock=lambda: find_instant(clock(hours)),
        )
        wanted = window or find_window(self.life.document, clock(hours))
        assert wanted is not None
        return [json.loads(line) for line in traffic.stream(wanted, clock(hours))]

    def assess(self, hours: float, rows: list[Row]) -> Assessment:
        lines = [json.dumps(row).encode() for row in rows]
        found = assess_rollout(self.life.document, self.life.state, lines, clock(hours))
        left_out = {reason: count for reason, count in found.evidence.left_out.items() if reason != BEFORE}
        return replace(found, evidence=replace(found.evidence, left_out=left_out))

    def count(self, act: Callable[[], Any]) -> int:
        before = len(self.server.requests)
        act()
        return len(self.server.requests) - before


@pytest.fixture
def reader(server: LangfuseServer, tmp_path: Path) -> Reader:
    return Reader(server, tmp_path)


def test_a_row_is_that_of_the_application(reader: Reader) -> None:
    numbers = project(reader.server, OLD, NEW)
    rows = reader.life.make_rows(40, 1, 2)
    rows[3] |= {"error": "TimeoutError", "scores": {}, "seconds": 7.25}
    rows[5] |= {"key": None, "variant": "production", "digest": OLD.digest, "version": "1.0.0"}
    rows[7] |= {"sampled": None, "scores": {}}
    rows[9] |= {"cost_usd": None}
    serve(reader.server, rows, numbers)
    expected = sorted(map(name_row, rows), key=lambda row: (row["at"], row["id"]))
    found = reader.read(3)
    assert [{**row, "at": row["at"].replace(".000Z", "Z")} for row in found] == [
        {**row, "error": row["error"] and "ERROR"} for row in expected
    ]


def test_the_decision_is_that_of_the_same_rows_in_a_file(reader: Reader) -> None:
    serve(reader.server, rows := reader.life.make_rows(400, 0.3, 24), project(reader.server, OLD, NEW))
    found = reader.assess(25, reader.read(25))
    assert found == reader.assess(25, [name_row(row) for row in rows])
    assert found.decision.code == "proven" and found.evidence.left_out == {}


def break_score(server: LangfuseServer, row: Row, kind: str) -> Row:
    """Write a score in the way of a kind, and return the row that a file would have."""
    value: Any = {"seven": 7, "NaN": "NaN", "true": 1, "word": "good"}.get(kind, 0.25)
    more: dict[str, Any] = {"dataType": "BOOLEAN"} if kind == "true" else {}
    if kind == "trace":
        more["on_trace"] = True
    if kind == "both":  # the one on the answer counts, though the other one is later
        later = (datetime.fromisoformat(row["at"]).timestamp() + 20) * 1000
        at = datetime.fromtimestamp(later / 1000, datetime.fromisoformat(row["at"]).tzinfo).isoformat()
        score(server, row, "helpful", 0.75, on_trace=True, id=f"{make_ids(row)[1]}-trace", timestamp=at)
    if kind != "none":
        score(server, row, "helpful", value, **more)
    return {**row, "scores": {} if kind == "none" else {"helpful": 1.0 if kind == "true" else value}}


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: an example makes dozens of requests."""
KINDS = ("number", "seven", "NaN", "true", "word", "trace", "both", "none")
FACTS = st.tuples(
    st.integers(0, 25),  # the user
    st.integers(5, 24 * 60 - 2),  # minutes after the beginning
    st.sampled_from([*KINDS, *["number"] * 8]),
    st.sampled_from(["", "", "", "", "", "error", "no key", "no cost", "unknown", "other arm", "twice", "future", "experiment"]),
)  # fmt: skip


def make_row(life: Life, number: int, facts: tuple[int, int, str, str]) -> Row:
    user, minutes, _, fault = facts
    (row,) = life.make_rows(1, minutes / 60, 24, seed=user)
    row |= {"id": f"row-{number}", "scores": {}, "sampled": True}
    if fault == "error":
        row |= {"error": "ERROR"}
    if fault == "no key":
        row |= {"key": None, "variant": "production", "digest": OLD.digest, "version": "1.0.0"}
    if fault == "no cost":
        row |= {"cost_usd": None}
    if fault == "unknown":
        row |= {"digest": "0" * 64, "version": "9.9.9"}
    if fault == "other arm":
        row |= {"variant": {"candidate": "production", "production": "candidate"}[row["variant"]]}
    if fault == "future":
        row |= {"at": clock(30 + minutes / 60)}
    return row


@settings(max_examples=10, phases=PHASES)
@given(facts=st.lists(FACTS, max_size=24), lag=st.integers(0, 3), limit=st.sampled_from([4, 1000]))
def test_any_rows_give_the_decision_of_a_file(facts: list[Any], lag: int, limit: int, tmp_path_factory: Any) -> None:
    require_the_decision_of_a_file(facts, lag, limit, tmp_path_factory.mktemp("rows"))


@pytest.mark.long
@settings(phases=PHASES)
@given(facts=st.lists(FACTS, max_size=60), lag=st.integers(0, 3), limit=st.sampled_from([2, 7, 1000]))
def test_many_rows_give_the_decision_of_a_file(facts: list[Any], lag: int, limit: int, tmp_path_factory: Any) -> None:
    require_the_decision_of_a_file(facts, lag, limit, tmp_path_factory.mktemp("rows"))


def require_the_decision_of_a_file(facts: list[Any], lag: int, limit: int, folder: Path) -> None:
    """The rows come in two parts, with a reading between them whose copy the last reading goes on with."""
    with LangfuseServer(checked=False) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(langfuse_observations, "OBSERVATIONS_A_PAGE", limit)
        patch.setattr(langfuse_observations, "SCORES_A_PAGE", min(limit, 100))
        life = Life()
        life.start(HALF, slow=10.0, expensive=1.0)
        reader = Reader(server, folder, life)
        numbers = project(server, OLD, NEW)
        server.rows.lag = lag
        expected: list[Row] = []
        ordered = sorted(facts, key=lambda one: (one[3] == "future", one[1]))
        for number, one in enumerate(ordered):
            if number == len(ordered) // 2:
                reader.read(one[1] / 60)
            row = make_row(life, number, one)
            more = {"langfuse.environment": "sdk-experiment"} if one[3] == "experiment" else {}
            for _ in range(2 if one[3] == "twice" else 1):
                serve(server, [row], numbers, **more)
            row = break_score(server, row, one[2])
            expected += [] if more else [name_row(row)]
        for _ in range(lag):
            reader.read(24.1)
        server.rows.reads += lag
        assert reader.assess(24.2, reader.read(24.2)) == reader.assess(24.2, expected)


def test_a_second_reading_asks_for_what_is_new_and_sees_a_late_score(reader: Reader) -> None:
    numbers = project(reader.server, OLD, NEW)
    rows = reader.life.make_rows(1000, 0.3, 40)
    late = rows[10]
    scores, late["scores"] = late["scores"], {}
    serve(reader.server, rows, numbers)
    first = reader.count(lambda: reader.read(41))
    assert first >= 10 + 1  # pages of scores and of answers
    found: list[Row] = []
    assert reader.count(lambda: found.extend(reader.read(41.2))) <= 8
    assert len(found) == 1000
    score(reader.server, late, "helpful", scores["helpful"], timestamp=clock(41.3))
    late["scores"] = scores
    extra = reader.life.make_rows(5, 41.2, 41.4, seed=9)
    serve(reader.server, extra, numbers)
    assert reader.count(lambda: found.extend(reader.read(42))) <= 8
    again = found[1000:]
    expected = sorted(map(name_row, [*rows, *extra]), key=lambda row: (row["at"], row["id"]))
    assert [(row["id"], row["scores"]) for row in again] == [(row["id"], row["scores"]) for row in expected]


def test_what_is_written_some_minutes_late_is_seen(reader: Reader) -> None:
    """Of an answer that took long, or whose application was offline for a while."""
    numbers = project(reader.server, OLD, NEW)
    serve(reader.server, reader.life.make_rows(20, 1, 3), numbers)
    assert len(reader.read(3)) == 20
    (late,) = reader.life.make_rows(1, 2.1, 3, seed=8)
    serve(reader.server, [late], numbers)
    assert name_row(late)["id"] in {row["id"] for row in reader.read(3.1) if row["scores"]}


def test_a_copy_is_read_anew_after_a_day(reader: Reader) -> None:
    """What was changed or deleted long after it was written is seen then."""
    numbers = project(reader.server, OLD, NEW)
    rows = reader.life.make_rows(20, 0.3, 20)
    serve(reader.server, rows, numbers)
    assert len(reader.read(21)) == 20
    del reader.server.rows.rows[make_ids(rows[0])[1]]
    score(reader.server, rows[1], "helpful", 0.125)  # with the time of the answer, as an edit has it
    assert len(reader.read(40)) == 20
    found = reader.read(46)
    assert len(found) == 19 and found[0]["scores"] == {"helpful": 0.125}


def test_the_newest_answers_are_not_read_yet(reader: Reader) -> None:
    numbers = project(reader.server, OLD, NEW)
    rows = [
        {**reader.life.make_rows(1, 2, 3, seed=number)[0], "at": clock(at)}
        for number, at in enumerate((1, 1.99, 2.001))
    ]
    serve(reader.server, rows, numbers)
    assert len(reader.read(2)) == 1
    assert len(reader.read(2.1)) == 3


def test_a_reading_that_breaks_off_is_continued(reader: Reader) -> None:
    serve(reader.server, reader.life.make_rows(400, 0.3, 95), project(reader.server, OLD, NEW))
    reader.server.fail("GET", status=503, count=4, path="toTimestamp=2026-02-03")
    with pytest.raises(LangfuseError):
        reader.read(96)
    assert reader.count(lambda: reader.read(96)) < 12
    assert len(reader.read(96)) == 400


@pytest.mark.parametrize(("kind", "path"), [("answers", "MOST_ANSWERS"), ("scores", "MOST_SCORES")])
def test_more_than_the_cap_decides_nothing(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, kind: str, path: str
) -> None:
    serve(reader.server, reader.life.make_rows(60, 0.3, 50), project(reader.server, OLD, NEW))
    monkeypatch.setattr(langfuse_traffic, path, 59)
    for _ in range(2):
        with pytest.raises(ServiceError, match=f"support has more than 59 {kind}") as refused:
            reader.read(51)
        assert refused.value.exit_code is ExitCode.NOT_EVALUATED
    monkeypatch.setattr(langfuse_traffic, path, 60)
    assert len(reader.read(51)) == 60


def test_environments_can_be_chosen(reader: Reader) -> None:
    numbers = project(reader.server, OLD, NEW)
    for number, name in enumerate(
        ("default", "production", "development", "sdk-experiment", "langfuse-llm-as-a-judge")
    ):
        serve(reader.server, reader.life.make_rows(1, 1, 2, seed=number), numbers, **{"langfuse.environment": name})
    assert len(reader.read(3)) == 3
    assert len(reader.read(3, environments=("production",))) == 1
    assert len(reader.read(3, environments=("production", "default"))) == 2


def test_texts_are_read_if_they_are_wanted(reader: Reader) -> None:
    (row,) = reader.life.make_rows(1, 1, 2)
    row |= {"fields": {"question": "Where is my order? " * 20}, "output": "There."}
    serve(reader.server, [row], project(reader.server, OLD, NEW))
    (found,) = reader.read(3)
    assert "fields" not in found and "output" not in found
    (found,) = reader.read(3, WITH_TEXTS)
    assert (found["fields"], found["output"]) == (row["fields"], row["output"])


def test_metadata_of_the_sdk_is_json(reader: Reader) -> None:
    """Version 5 of Langfuse's SDK writes each value as JSON, and the server 4.16 shows it as it is."""
    (row,) = reader.life.make_rows(1, 1, 2)
    more = {"langfuse.observation.metadata.variant": '"candidate"', "langfuse.observation.metadata.sampled": "true"}
    serve(reader.server, [row], project(reader.server, OLD, NEW), **more)
    (found,) = reader.read(3)
    assert (found["variant"], found["sampled"]) == ("candidate", True)


@pytest.mark.parametrize("user", ["", "ada"])
def test_an_answer_that_says_no_variant_is_a_fault_if_it_has_a_user(reader: Reader, user: str) -> None:
    (row,) = reader.life.make_rows(1, 1, 2)
    row |= {"key": user or None, "variant": None}
    serve(reader.server, [row], project(reader.server, OLD, NEW))
    found = reader.assess(3, reader.read(3))
    assert found.evidence.left_out == (
        {"wrong_type": 1} if user else {"no_key": 1} if row["digest"] == OLD.digest else {"unknown_version": 1}
    )


def test_a_number_that_was_given_again_is_no_version_of_the_rollout(reader: Reader) -> None:
    numbers = project(reader.server, OLD, NEW)
    rows = reader.life.make_rows(6, 1, 2)
    serve(reader.server, rows, numbers)
    reader.server.prompts.delete("support", version=2, label=None)
    project(reader.server, replace(NEW, digest="f" * 64))
    found = {row["variant"]: row for row in reader.read(3)}
    assert (found["candidate"]["version"], found["candidate"]["digest"]) == ("langfuse:support@2", None)
    assert found["production"]["digest"] == OLD.digest
    assert reader.assess(3, list(found.values())).evidence.left_out == {"unknown_version": 1}


def test_without_the_prompt_nothing_is_decided(reader: Reader) -> None:
    with pytest.raises(ServiceError, match="there is no prompt support") as refused:
        reader.read(3)
    assert "evalgate release project support" in str(refused.value)
    project(reader.server, OLD, NEW)
    assert reader.read(3) == []


def test_wrong_keys_are_named_and_stay_secret(server: LangfuseServer, tmp_path: Path) -> None:
    secret = "sk-lf-0123456789abcdef"
    server.fail("GET", status=401, count=9, path="observations", body=json.dumps({"message": f"no {secret}"}))
    with pytest.raises(LangfuseError, match=r"Langfuse refuses the keys \(401\)") as refused:
        Reader(server, tmp_path, keys=secret).read(3)
    assert secret not in str(refused.value) and "check the public and the secret key" in str(refused.value)
    assert refused.value.exit_code is ExitCode.NOT_EVALUATED


def test_two_readings_at_once_are_both_whole(reader: Reader) -> None:
    serve(reader.server, reader.life.make_rows(50, 0.3, 5), project(reader.server, OLD, NEW))
    keys = LangfuseKeys(public=PUBLIC, secret=SECRET)
    window = find_window(reader.life.document, clock(6))
    assert window is not None
    traffic = LangfuseTraffic(
        Langfuse(reader.server.url, keys), "support", reader.life.document, chosen=LangfuseRowFilter(),
        store=reader.store, clock=lambda: find_instant(clock(6)),
    )  # fmt: skip
    rows = traffic.stream(window, clock(6))
    first = [next(rows)]
    assert len(reader.read(6, replace(window, since=window.since - 86_400))) == 50
    assert len([*first, *rows]) == 50


def test_a_row_that_is_too_long_loses_its_texts(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langfuse_traffic, "LONGEST_LINE", 2000)
    (row,) = reader.life.make_rows(1, 1, 2)
    serve(reader.server, [{**row, "fields": {}, "output": "x" * 2000}], project(reader.server, OLD, NEW))
    (found,) = reader.read(3, WITH_TEXTS)
    assert found["digest"] == row["digest"] and "output" not in found


def test_a_late_clock_of_this_machine_leaves_nothing_out(reader: Reader) -> None:
    """A clock that is hours ahead must not make what is still written final."""
    numbers = project(reader.server, OLD, NEW)
    rng = random.Random(5)
    for hour in range(1, 6):
        serve(reader.server, reader.life.make_rows(4, hour, hour + 0.5, seed=rng.randrange(99)), numbers)
        assert len(reader.read(hour + 12)) == 4 * hour
