"""The queue of calls to one target, first in, first out."""

from __future__ import annotations

import asyncio
from collections import deque

from evalgate.execute.limits.concurrency import ConcurrencyLimit


class RequestQueue:
    """A FIFO queue that admits calls as the concurrency limit of their target allows.

    After `enter` returns, the caller must call `leave`.
    """

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self._in_flight = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, tokens: int = 0) -> None:
        """Wait until the call may start; raise the error given to `give_up`. `tokens` is an estimate for the call."""
        if not self._waiting and self.limit.delay(self._in_flight) == 0.0:
            self._admit(tokens)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, tokens))
        self._admit_next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # it was admitted in the same step in which it was cancelled
            raise

    def leave(self) -> None:
        self._in_flight -= 1
        if self._waiting:
            self._admit_next()

    def give_up(self, error: Exception) -> None:
        """Raise `error` in every call that waits."""
        for turn, _ in self._waiting:
            if not turn.done():
                turn.set_exception(error)
        self._waiting.clear()

    def _admit(self, tokens: int) -> None:
        self._in_flight += 1
        self.limit.begin(tokens)

    def _admit_next(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            turn, tokens = self._waiting[0]
            if turn.done():  # cancelled
                self._waiting.popleft()
                continue
            delay = self.limit.delay(self._in_flight)
            if delay != 0.0:
                if delay is not None:
                    self._timer = asyncio.get_running_loop().call_later(delay, self._admit_next)
                return
            self._admit(tokens)
            self._waiting.popleft()
            turn.set_result(None)
