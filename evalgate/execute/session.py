"""One run: workers that run trials to their results, a watch on the targets, and a way to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import TypeAlias

from evalgate.domain import Outcome, Request, Result, Trial
from evalgate.errors import EvalgateError, InterruptedRunError
from evalgate.execute.caller import Caller
from evalgate.execute.counters import Counters, StopError

Evaluate: TypeAlias = Callable[[Trial], Generator[Sequence[Request], Sequence[Outcome], Result]]

_MAX_ROUND = 50_000
_MOST_WORKERS = 3  # times the regular number
GRACE = 5.0
"""Seconds in which calls in flight may finish after the first Ctrl-C."""


@dataclass(frozen=True, slots=True)
class SessionProgress:
    """The progress of a session; `total` is None while it is not known."""

    done: int
    total: int | None
    counters: Counters


class Session:
    """One `Engine.run`: a fixed number of workers take trials from one iterator.

    A long iterator therefore needs no more tasks than a short one.
    """

    def __init__(  # noqa: PLR0917 - everything that defines one run
        self,
        caller: Caller,
        loop: asyncio.AbstractEventLoop,
        trials: Iterable[Trial],
        evaluate: Evaluate,
        concurrency: int,
        show: Callable[[SessionProgress], None],
    ) -> None:
        self.counters = Counters()
        self._caller = caller
        self._loop = loop
        self._evaluate = evaluate
        self._concurrency = concurrency
        self._show = show
        self._total = len(trials) if isinstance(trials, Sized) else None
        self._trials = iter(trials)
        self._results: list[Result | None] = []
        self._done = 0
        self._workers: list[asyncio.Task[None]] = []
        self._regular = self._running = 0
        self._error: EvalgateError | None = None
        self._abandoned = False

    async def run(self) -> list[Result]:
        """Return the results in the trials' order.

        Raise the error given to the abort function, InterruptedRunError after Ctrl-C, or an exception of `evaluate`.
        """
        # twice the slots: some trials wait for the answer to an equal request, and the others keep every slot busy
        workers = 2 * self._concurrency
        if self._caller.collects:  # the round must hold the request of every trial
            workers = max(workers, _MAX_ROUND if self._total is None else self._total)
        self._regular = self._running = workers
        self._workers = [asyncio.create_task(self._work()) for _ in range(workers)]
        self.counters.on_pause = self._add_worker
        watch = asyncio.create_task(self._caller.watch(self._abort))
        try:
            while not all(worker.done() for worker in self._workers):  # some may have been added
                _, waiting = await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
                if waiting:
                    break
        finally:
            watch.cancel()
            self._cancel()
            *ended, watched = await asyncio.gather(*self._workers, watch, return_exceptions=True)
        if self._abandoned:
            return []
        if self._error is not None:
            raise self._error
        for end in (*ended, watched):
            if isinstance(end, Exception):
                raise end
        if self.counters.stopping:
            hint = "run the same command again: it continues"
            raise InterruptedRunError(f"interrupted after {self._done} trials", hint=hint)
        results = [result for result in self._results if result is not None]
        if len(results) < len(self._results):
            raise RuntimeError("a trial ended without a result")
        return results

    def interrupt(self, count: int) -> None:
        """Start no more calls (`count` 1), or cancel all calls in flight as well (`count` 2).

        A signal handler may call this.
        """
        self.counters.stopping = True
        self._loop.call_soon_threadsafe(self._stop if count == 1 else self._cancel)

    def abandon(self) -> None:
        """Cancel all trials, so that `run` returns no results and raises nothing when the loop runs again."""
        self._abandoned, self._trials = True, iter(())
        self._cancel()

    def _stop(self) -> None:
        self.counters.stopped.set()
        self._caller.give_up()
        self._loop.call_later(GRACE, self._cancel)

    def _cancel(self) -> None:
        for worker in self._workers:
            worker.cancel()

    def _abort(self, error: EvalgateError) -> StopError:
        """End the session with `error`, unless an earlier error has ended it already."""
        if self._error is None:
            self._error = error
            self._cancel()
        return StopError()

    def _add_worker(self) -> None:
        """Add a worker while one waits for a retry: else fast calls would leave slots idle."""
        if self._running - self.counters.pausing < self._regular and self._running < _MOST_WORKERS * self._regular:
            self._running += 1
            worker = asyncio.create_task(self._work())
            worker.add_done_callback(self._on_added_done)
            self._workers.append(worker)

    def _on_added_done(self, worker: asyncio.Task[None]) -> None:
        if not worker.cancelled() and worker.exception() is not None:
            self._cancel()

    async def _work(self) -> None:
        try:
            await self._run_trials()
        finally:
            self._running -= 1

    async def _run_trials(self) -> None:
        for trial in self._trials:
            position = len(self._results)
            self._results.append(None)
            try:
                self._results[position] = await self._run_trial(trial)
            except StopError:
                return
            self._done += 1
            self._show(SessionProgress(self._done, self._total, self.counters))
            await asyncio.sleep(0)  # a trial answered from the cache never yielded: let other tasks run
            if self.counters.stopping or self._running - self.counters.pausing > self._regular:
                return

    async def _run_trial(self, trial: Trial) -> Result:
        steps = self._evaluate(trial)
        try:
            batch = next(steps)
            while True:
                batch = steps.send(await self._answer_all(batch))
        except StopIteration as end:
            result: Result = end.value
            return result
        finally:
            steps.close()

    async def _answer_all(self, batch: Sequence[Request]) -> Sequence[Outcome]:
        if len(batch) == 1:
            return (await self._answer(batch[0]),)
        # wait for all of them, so that a stop leaves no task behind; an abort cancels this gather with its tasks
        found = await asyncio.gather(*(self._answer(request) for request in batch), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    async def _answer(self, request: Request) -> Outcome:
        if self.counters.stopping:
            raise StopError
        return await self._caller.answer(request, self.counters, self._abort)
