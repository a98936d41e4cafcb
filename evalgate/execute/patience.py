"""When a call has lasted so far beyond what others took that it is asked a second time: the hedge."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from evalgate.domain import Outcome

_ENOUGH = 20
_KEPT = 200
_BEYOND = 3.0
_LEAST_SECONDS = 1.0
_SHARE = 0.03
_FREE = 2
_MOST_TIMES = 3


class Patience:
    """Learns what answers of one target take, and says how long to wait for one before another is asked for.

    Nobody is impatient before 20 answers have come, nor before a call has taken 3 times the 95th percentile of the
    last 200 and a whole second; and at most 3 % of calls (and 2) are ever asked again, so that a target that is slow
    as a whole is not asked for more.
    """

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEPT)
        self._seen = 0
        self._again = 0
        self._usual: float | None = None

    @property
    def usual(self) -> float | None:
        """Seconds: the 95th percentile of what answers took of late; None: too few have come."""
        return self._usual

    @property
    def bound(self) -> float | None:
        """Seconds after which a call is to be asked again; None: never, as things stand."""
        if self._usual is None or self._again >= _FREE + _SHARE * self._seen:
            return None
        return max(_LEAST_SECONDS, _BEYOND * self._usual)

    def answered(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._seen += 1
        if self._seen % _ENOUGH == 0:
            self._usual = sorted(self._seconds)[int(0.95 * len(self._seconds))]

    async def first(self, ask: Callable[[], Awaitable[Outcome]], may_hedge: Callable[[], bool]) -> Outcome:
        """The first answer of one call, or of two or three when the others take too long.

        An error counts only when no other is on its way. Those that come late are given up: what they cost is not
        known, and neither is whether anybody charges for it.
        """
        asked: set[asyncio.Future[Outcome]] = {asyncio.ensure_future(ask())}
        times = 1
        try:
            while True:
                bound = self.bound if times < _MOST_TIMES else None
                done, asked = await asyncio.wait(asked, timeout=bound, return_when=asyncio.FIRST_COMPLETED)
                good = [each for each in done if each.exception() is None]
                if good or (done and not asked):
                    return (good or list(done))[0].result()
                if not done and self.bound is not None and may_hedge():
                    self._again += 1
                    times += 1
                    asked.add(asyncio.ensure_future(ask()))
        finally:
            for each in asked:
                each.cancel()
            if asked:
                await asyncio.gather(*asked, return_exceptions=True)
