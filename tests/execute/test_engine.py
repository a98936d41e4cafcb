from __future__ import annotations

from pathlib import Path

import pytest
from scripted_provider import ScriptedProvider, answer_only, engine, judged, make_trials, text_of

from evalgate.domain import Calls, Limits, Outcome, Output, Request, Usage
from evalgate.errors import ServiceError
from evalgate.execute.engine import ProgressEvent
from evalgate.execute.providers.protocol import ProviderError
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache


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


def test_progress_goes_on_from_run_to_run() -> None:
    events: list[ProgressEvent] = []
    with engine(ScriptedProvider(), on_event=events.append, expected=12) as running:
        for first, end in ((0, 5), (5, 10), (0, 3), (10, 14)):  # the third is known already, the last is more than said
            running.run(make_trials(14)[first:end], answer_only)
    assert [event.done for event in events] == list(range(1, 18))
    assert [event.total for event in events] == [12] * 10 + [13] * 3 + [17] * 4
    assert (events[9].calls.made, events[9].calls.saved) == (10, 0)
    assert (events[-1].calls.made, events[-1].calls.saved) == (14, 3)


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
