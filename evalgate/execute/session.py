"""One run: workers that take trials and drive each to its result, a watch on who answers, and a way to stop."""

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

_LARGEST_ROUND = 50_000
GRACE = 5.0
"""Seconds that calls in flight have to finish after the first Ctrl-C."""


@dataclass(frozen=True, slots=True)
class SessionProgress:
    """How far a session is; `total` None: not known."""

    done: int
    total: int | None
    counters: Counters


class Session:
    """One `Engine.run`: workers that take trials from one iterator, so that a long one never becomes many tasks."""

    def __init__(  # noqa: PLR0917 - all that one run is
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
        self._waiting = iter(trials)
        self._results: list[Result | None] = []
        self._done = 0
        self._workers: list[asyncio.Task[None]] = []
        self._error: EvalgateError | None = None
        self._abandoned = False

    async def run(self) -> list[Result]:
        """The results in the trials' order."""
        # twice the slots: while some trials wait for an equal request's answer, the others keep every slot busy
        workers = 2 * self._concurrency
        if self._caller.collects:  # every trial's request is to be in the round
            workers = max(workers, _LARGEST_ROUND if self._total is None else self._total)
        self._workers = [asyncio.create_task(self._work()) for _ in range(workers)]
        watch = asyncio.create_task(self._caller.watch(self._abort))
        try:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
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
        """From a signal handler: the first time no call is begun any more, the second time all are given up."""
        self.counters.stopping = True
        self._loop.call_soon_threadsafe(self._stop if count == 1 else self._cancel)

    def abandon(self) -> None:
        """No trial is gone on with, and nobody is told of it, when the loop runs again."""
        self._abandoned, self._waiting = True, iter(())
        self._cancel()

    def _stop(self) -> None:
        self.counters.stopped.set()
        self._caller.give_up()
        self._loop.call_later(GRACE, self._cancel)

    def _cancel(self) -> None:
        for worker in self._workers:
            worker.cancel()

    def _abort(self, error: EvalgateError) -> StopError:
        """Ends the session with one error, the first."""
        if self._error is None:
            self._error = error
            self._cancel()
        return StopError()

    async def _work(self) -> None:
        for trial in self._waiting:
            place = len(self._results)
            self._results.append(None)
            try:
                self._results[place] = await self._drive(trial)
            except StopError:
                return
            self._done += 1
            self._show(SessionProgress(self._done, self._total, self.counters))
            await asyncio.sleep(0)  # a trial answered from the cache has waited for nothing: let the others have a turn
            if self.counters.stopping:
                return

    async def _drive(self, trial: Trial) -> Result:
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
        # all are seen through, so that a stop leaves none behind; an abort cancels this gathering and all in it
        found = await asyncio.gather(*(self._answer(request) for request in batch), return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    async def _answer(self, request: Request) -> Outcome:
        if self.counters.stopping:
            raise StopError
        return await self._caller.answer(request, self.counters, self._abort)
