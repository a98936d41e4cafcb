from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, judged, make_trials, text_of

from evalgate.domain import Calls, Failure, Limits, Outcome, Output, Request, Trial, Usage
from evalgate.errors import ServiceError
from evalgate.execute.engine import ProgressEvent
from evalgate.execute.providers.protocol import FunctionMemory, Memory, ProviderError
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache


def test_results_keep_the_trials_order_though_answers_do_not() -> None:
    async def slow_first(request: Request) -> Outcome:
        await asyncio.sleep(0.03 if text_of(request) == "q0" else 0)
        return Output(text=text_of(request), usage=Usage(input_tokens=2, output_tokens=1), cost_usd=0.5)

    provider = ScriptedProvider()
    provider.answer = slow_first  # type: ignore[method-assign]
    with engine(provider) as running:
        run = running.run(make_trials(20), answer_only)
    assert [result.case for result in run.results] == [f"c{n}" for n in range(20)]
    assert [result.outcome.text for result in run.results if isinstance(result.outcome, Output)] == [
        f"q{n}" for n in range(20)
    ]
    assert run.calls == Calls(made=20)
    assert run.usage == Usage(input_tokens=40, output_tokens=20)
    assert run.cost_usd == 10.0
    assert provider.closed


def test_concurrency_is_reached_and_kept() -> None:
    provider = ScriptedProvider(delay=0.005)
    with engine(provider, limits=Limits(concurrency=7)) as running:
        running.run(make_trials(60), answer_only)
    assert provider.most_at_once == 7


def test_a_provider_that_takes_one_at_a_time_does_not_hold_up_the_others() -> None:
    answers, judge = ScriptedProvider(delay=0.002), ScriptedProvider(delay=0.002, concurrency=1)
    with engine(answers, judge, limits=Limits(concurrency=6)) as running:
        running.run(make_trials(20), judged)
    assert judge.most_at_once == 1
    assert answers.most_at_once == 6


def test_trials_are_taken_as_they_are_needed() -> None:
    taken, done, ahead = 0, 0, 0

    def trials() -> Iterator[Trial]:
        nonlocal taken, ahead
        for trial in make_trials(500):
            taken += 1
            ahead = max(ahead, taken - done)
            yield trial

    def count(event: ProgressEvent) -> None:
        nonlocal done
        done = event.done
        assert event.total is None

    with engine(ScriptedProvider(), limits=Limits(concurrency=4), on_event=count) as running:
        assert len(running.run(trials(), answer_only).results) == 500
    assert ahead <= 9


def test_progress_goes_on_from_run_to_run() -> None:
    events: list[ProgressEvent] = []
    with engine(ScriptedProvider(), on_event=events.append, expected=12) as running:
        for first, end in ((0, 5), (5, 10), (0, 3), (10, 14)):  # the third is known already, the last is more than said
            running.run(make_trials(14)[first:end], answer_only)
    assert [event.done for event in events] == list(range(1, 18))
    assert [event.total for event in events] == [12] * 10 + [13] * 3 + [17] * 4
    assert (events[9].calls.made, events[9].calls.saved) == (10, 0)
    assert (events[-1].calls.made, events[-1].calls.saved) == (14, 3)


def test_no_barrier_between_answers_and_judges() -> None:
    order: list[str] = []

    def script(request: Request, n: int) -> Outcome:
        order.append(request.target)
        return Output(text=f"re {text_of(request)}")

    provider = ScriptedProvider(script)
    with engine(provider, provider, limits=Limits(concurrency=2)) as running:
        run = running.run(make_trials(30), judged)
    assert order.index("judge") < 8
    assert run.calls == Calls(made=90)
    texts = [reply.text for reply in run.results[3].replies["x"] if isinstance(reply, Output)]
    assert texts == ["re judge a: re q3", "re judge b: re q3"]


def test_equal_requests_are_asked_once_whether_together_or_later() -> None:
    provider = ScriptedProvider(delay=0.002)
    with engine(provider, limits=Limits(concurrency=4)) as running:
        run = running.run(make_trials(30, lambda n: f"q{n % 3}"), answer_only)
        again = running.run(make_trials(3), answer_only)
    assert sorted(provider.asked) == ["q0", "q1", "q2"]
    assert run.calls == Calls(made=3, saved=27)
    assert again.calls == Calls(saved=3)
    assert [result.outcome for result in run.results[:3]] == [result.outcome for result in run.results[27:]]


def test_second_run_is_answered_from_the_cache(tmp_path: Path) -> None:
    def script(request: Request, n: int) -> Outcome:
        return Output(text="x", cost_usd=1.0, usage=Usage(input_tokens=1))

    for expected in (Calls(made=5), Calls(cached=5)):
        provider = ScriptedProvider(script)
        with engine(provider, cache=Cache(tmp_path / "cache.sqlite3")) as running:
            run = running.run(make_trials(5), answer_only)
        assert run.calls == expected
        assert all(result.outcome.cached == bool(expected.cached) for result in run.results)
    assert run.cost_usd == 0.0
    assert run.usage == Usage()
    assert isinstance(run.results[0].outcome, Output)
    assert run.results[0].outcome.cost_usd == 1.0


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


def test_continues_from_the_journal_and_finish_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "run.jsonl"

    def dies(request: Request, n: int) -> Outcome | ProviderError:
        return ProviderError("gone", fatal=True) if n == 6 else Output(text=text_of(request))

    with (
        engine(ScriptedProvider(dies), journal=Journal(path), limits=Limits(concurrency=1)) as running,
        pytest.raises(ServiceError),
    ):
        running.run(make_trials(10), answer_only)
    with path.open("ab") as file:
        file.write(
            b'{"key": "torn',
        )
    provider = ScriptedProvider(lambda request, n: Output(text=text_of(request)))
    with engine(provider, journal=Journal(path), limits=Limits(concurrency=1)) as running:
        run = running.run(make_trials(10), answer_only)
        assert path.exists()
        running.finish()
    assert run.calls == Calls(made=4, cached=6)
    assert provider.asked == ["q6", "q7", "q8", "q9"]
    assert [result.outcome.text for result in run.results if isinstance(result.outcome, Output)] == [
        f"q{n}" for n in range(10)
    ]
    assert not path.exists()


def test_no_trials_no_calls() -> None:
    with engine(ScriptedProvider()) as running:
        run = running.run([], answer_only)
    assert (run.results, run.calls, run.cost_usd) == ([], Calls(), 0.0)
