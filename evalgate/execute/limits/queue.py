"""Where calls to one target wait for their turn, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque

from evalgate.execute.limits.concurrency import ConcurrencyLimit


class RequestQueue:
    """Lets calls in as their target's limit allows; whoever is let in must `leave`."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self._inside = 0
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, tokens: int = 0) -> None:
        """Returns when the call may begin; raises what `give_up` was told. `tokens`: about what the call takes."""
        if not self._waiting and self.limit.delay(self._inside) == 0.0:
            self._admit(tokens)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, tokens))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # let in at the very moment it was cancelled
            raise

    def leave(self) -> None:
        self._inside -= 1
        if self._waiting:
            self._let_in()

    def give_up(self, error: Exception) -> None:
        """Ends all waiting."""
        for turn, _ in self._waiting:
            if not turn.done():
                turn.set_exception(error)
        self._waiting.clear()

    def _admit(self, tokens: int) -> None:
        self._inside += 1
        self.limit.begin(tokens)

    def _let_in(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            turn, tokens = self._waiting[0]
            if turn.done():  # cancelled
                self._waiting.popleft()
                continue
            delay = self.limit.delay(self._inside)
            if delay != 0.0:
                if delay is not None:
                    self._timer = asyncio.get_running_loop().call_later(delay, self._let_in)
                return
            self._admit(tokens)
            self._waiting.popleft()
            turn.set_result(None)
