"""Which stores keep an answer, and what a later run finds in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, make_trials, text_of

from evalgate.domain import Calls, Failure, Outcome, Output, Request
from evalgate.execute.providers.protocol import FunctionMemory, Memory
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache


def test_an_unusable_answer_serves_one_run_and_is_asked_again_by_the_next(tmp_path: Path) -> None:
    """A judge whose endpoint refused everything for an hour must not stay without a score for ever."""
    refused = Failure(kind="unusable", message="refused", cost_usd=0.0)
    path = tmp_path / "run.jsonl"

    def sick(request: Request, n: int) -> Outcome:
        return refused if text_of(request) == "q1" else Output(text="x")

    for script, made, cached in ((sick, 3, 0), (None, 1, 2), (None, 0, 3)):
        provider = ScriptedProvider(script)
        stores = {"cache": Cache(tmp_path / "cache.sqlite3"), "journal": Journal(path)}
        with engine(provider, record=True, **stores) as running:
            run = running.run(make_trials(6, lambda n: f"q{n % 3}"), answer_only)
            recorded = [entry.outcome for entry in running.recorded["t"].values()]
        assert run.calls == Calls(made=made, cached=cached, saved=3)
        assert (refused in recorded) == (script is sick), "recordings keep what was answered, whatever it was"
    assert isinstance(run.results[1].outcome, Output)


def test_answers_of_code_are_continued_only_while_the_code_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for code, expected in (("a", Calls(made=2)), ("b", Calls(made=2)), ("a", Calls(cached=2))):
        with engine(ScriptedProvider(memory=FunctionMemory(code)), journal=Journal(path)) as running:
            assert running.run(make_trials(2), answer_only).calls == expected


@pytest.mark.parametrize(
    ("memory", "cached", "journaled"),
    [("cache", 3, 3), (FunctionMemory("code"), 0, 3), ("run", 0, 0), ("nothing", 0, 0)],
)
def test_memory_says_which_stores_hold_an_answer(tmp_path: Path, memory: Memory, cached: int, journaled: int) -> None:
    cache, path = Cache(tmp_path / "cache.sqlite3"), tmp_path / "journal" / "key.jsonl"
    with engine(ScriptedProvider(memory=memory), cache=cache, journal=Journal(path)) as running:
        run = running.run(make_trials(3), answer_only)
    assert run.calls == (Calls(cached=3) if memory == "nothing" else Calls(made=3))
    again = Cache(tmp_path / "cache.sqlite3")
    assert sum(again.get(trial.request.key) is not None for trial in make_trials(3)) == cached
    again.close()
    assert (len(path.read_bytes().splitlines()) if path.exists() else 0) == journaled


def test_recording_keeps_all_answers_with_a_name_that_no_luck_decides() -> None:
    provider = ScriptedProvider(delay=0.001)
    with engine(provider, record=True) as running:
        running.run(make_trials(4, lambda n: f"q{n % 2}"), answer_only)
        recorded = running.recorded["t"]
    assert sorted(entry.about for entry in recorded.values()) == ["case c0", "case c1"]
    assert {key: entry.key for key, entry in recorded.items()} == {key: key for key in recorded}
