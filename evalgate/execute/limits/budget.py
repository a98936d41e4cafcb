"""The limit in dollars, kept while calls are in flight."""

from __future__ import annotations

import asyncio


class Budget:
    """Dollars spent, and those that calls in flight will have cost.

    A call in flight is taken to cost as much as the dearest one of its target so far; until that is known, a target is
    asked one thing at a time. So no more is spent than the limit and the last call that was begun below it.
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = limit
        self.spent = 0.0
        self._dearest: dict[str, float] = {}
        self._in_flight: dict[str, int] = {}
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def is_limited(self) -> bool:
        return self._limit is not None

    @property
    def is_spent(self) -> bool:
        return self._limit is not None and self.spent >= self._limit

    async def enter(self, target: str) -> bool:
        """Whether one more call may begin; waits while calls in flight leave that open. If so, `leave` must follow."""
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
        """What a call turned out to cost; said before it leaves."""
        self.spent += dollars
        self._dearest[target] = max(dollars, self._dearest.get(target, 0.0))

    def has_room(self, target: str) -> bool:
        """Whether a call could begin at once."""
        if self._limit is None:
            return True
        if target not in self._dearest and self._in_flight.get(target):
            return False
        reserved = sum(count * self._dearest.get(name, 0.0) for name, count in self._in_flight.items())
        return self.spent + reserved < self._limit
