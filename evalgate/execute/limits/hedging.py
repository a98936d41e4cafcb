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


class Hedging:
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
        bound = self.bound
        if bound is None:
            return await ask()
        others = _Hedges(self, ask, may_hedge)
        try:
            async with asyncio.timeout(None) as own:
                others.watch(own, bound)
                return await ask()  # here, and not in a task: nearly every call is the only one
        except Exception as error:
            return await others.outlast(error)
        finally:
            await others.end()

    def ask_again(self) -> None:
        """One more call is asked again."""
        self._again += 1


class _Hedges:
    """The second and the third call, each begun when those before it have taken too long.

    An answer of theirs ends the own call.
    """

    def __init__(self, hedging: Hedging, ask: Callable[[], Awaitable[Outcome]], may_hedge: Callable[[], bool]) -> None:
        self._answer: Outcome | None = None
        self._hedging = hedging
        self._ask = ask
        self._may_hedge = may_hedge
        self._ask_once: list[asyncio.Future[Outcome]] = []
        self._own: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, own: asyncio.Timeout, bound: float) -> None:
        """Asks again when nothing has come for `bound` seconds; `own` is the time that the own call has."""
        self._own = own
        self._timer = asyncio.get_running_loop().call_later(bound, self._ask_again)

    async def outlast(self, error: Exception) -> Outcome:
        """The own call ended, with an error or because of an answer: an answer of the others, else the last error."""
        self._own = None
        if self._answer is not None:
            return self._answer
        while waiting := [each for each in self._ask_once if not each.done()]:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                failed = each.exception()
                if failed is None:
                    return each.result()
                error = failed if isinstance(failed, Exception) else error
        raise error

    async def end(self) -> None:
        self._own = None
        if self._timer is not None:
            self._timer.cancel()
        if self._ask_once:
            for each in self._ask_once:
                each.cancel()
            await asyncio.gather(*self._ask_once, return_exceptions=True)

    def _ask_again(self) -> None:
        if self._hedging.bound is not None and self._may_hedge():
            self._hedging.ask_again()
            self._ask_once.append(asyncio.ensure_future(self._ask()))
            self._ask_once[-1].add_done_callback(self._came)
        bound = self._hedging.bound
        if bound is not None and len(self._ask_once) < _MOST_TIMES - 1:
            self._timer = asyncio.get_running_loop().call_later(bound, self._ask_again)

    def _came(self, other: asyncio.Future[Outcome]) -> None:
        if self._own is None or other.cancelled() or other.exception() is not None:
            return  # the own call may still come
        self._answer = other.result()
        self._own.reschedule(asyncio.get_running_loop().time())
        self._own = None
