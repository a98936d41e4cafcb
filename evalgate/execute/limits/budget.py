"""The cost limit of a run in US dollars, enforced while calls are in flight."""

from __future__ import annotations

import asyncio


class Budget:
    """The dollars spent so far, and a reservation for each call in flight.

    The reservation for a call is the cost of its target's most expensive call so far. Until one call of a target has
    ended, only one of its calls is in flight. The overshoot is therefore at most the last call that started below the
    limit.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self.spent = 0.0
        self._highest: dict[str, float] = {}
        self._in_flight: dict[str, int] = {}
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def is_limited(self) -> bool:
        return self._limit is not None

    @property
    def is_spent(self) -> bool:
        return self._limit is not None and self.spent >= self._limit

    async def enter(self, target: str) -> bool:
        """Wait until one more call fits, and return True; return False once the limit is reached.

        After True, the caller must call `leave`.
        """
        while self._limit is not None and self.spent < self._limit and not self.has_room(target):
            changed = asyncio.get_running_loop().create_future()
            self._waiting.append(changed)
            await changed
        if self.is_spent:
            return False
        self._in_flight[target] = self._in_flight.get(target, 0) + 1
        return True

    def leave(self, target: str) -> None:
        self._in_flight[target] -= 1
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def pay(self, target: str, dollars: float) -> None:
        """Record the actual cost of a call, before its `leave`."""
        self.spent += dollars
        self._highest[target] = max(dollars, self._highest.get(target, 0.0))

    def has_room(self, target: str) -> bool:
        """Return True if a call to the target could start at once."""
        if self._limit is None:
            return True
        if target not in self._highest and self._in_flight.get(target):
            return False
        reserved = sum(count * self._highest.get(name, 0.0) for name, count in self._in_flight.items())
        return self.spent + reserved < self._limit
