"""Hedging: a call that takes far longer than the others is sent a second time, and the first answer wins."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from evalgate.domain import Outcome

_MIN_ANSWERS = 20
_WINDOW = 200
_FACTOR = 3.0
_LEAST_SECONDS = 1.0
_MAX_SHARE = 0.03
_ALWAYS_ALLOWED = 2
_MAX_CALLS = 3


class Hedging:
    """The answer times of one target, and the time after which a call to it is hedged.

    A call is hedged only after 20 answers have come, and only once it has taken 3 times the 95th percentile of the
    last 200 answers and at least one second. At most 3 % of the calls, plus 2, are sent again, so that a target that is
    slow as a whole gets no extra load.
    """

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_WINDOW)
        self._seen = 0
        self._hedged = 0
        self._usual: float | None = None

    @property
    def usual(self) -> float | None:
        """The 95th percentile of recent answer times in seconds; None while there are too few answers."""
        return self._usual

    @property
    def bound(self) -> float | None:
        """Seconds after which a call is sent again; None: not at present."""
        if self._usual is None or self._hedged >= _ALWAYS_ALLOWED + _MAX_SHARE * self._seen:
            return None
        return max(_LEAST_SECONDS, _FACTOR * self._usual)

    def on_answer(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._seen += 1
        if self._seen % _MIN_ANSWERS == 0:
            self._usual = sorted(self._seconds)[int(0.95 * len(self._seconds))]

    async def first(self, ask: Callable[[], Awaitable[Outcome]], may_hedge: Callable[[], bool]) -> Outcome:
        """Return the first answer of one call, or of two or three if the earlier ones take too long.

        An error is raised only when no other call is in flight. The calls that lose are cancelled: their cost is not
        known, nor whether the endpoint charges for them.
        """
        bound = self.bound
        if bound is None:
            return await ask()
        others = _Hedges(self, ask, may_hedge)
        try:
            async with asyncio.timeout(None) as own:
                others.watch(own, bound)
                return await ask()  # not in a task: nearly every call needs no hedge
        except Exception as error:
            return await others.wait(error)
        finally:
            await others.end()

    def ask_again(self) -> None:
        """Count one more call that is sent again."""
        self._hedged += 1


class _Hedges:
    """The second and the third call, each started when those before it have taken too long.

    An answer to one of them ends the first call.
    """

    def __init__(self, hedging: Hedging, ask: Callable[[], Awaitable[Outcome]], may_hedge: Callable[[], bool]) -> None:
        self._answer: Outcome | None = None
        self._hedging = hedging
        self._ask = ask
        self._may_hedge = may_hedge
        self._calls: list[asyncio.Future[Outcome]] = []
        self._own: asyncio.Timeout | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, own: asyncio.Timeout, bound: float) -> None:
        """Send the call again after `bound` seconds without an answer; `own` is the first call's timeout."""
        self._own = own
        self._timer = asyncio.get_running_loop().call_later(bound, self._ask_again)

    async def wait(self, error: Exception) -> Outcome:
        """Return an answer of the hedges, after the first call has ended; raise the last error if there is none.

        The first call ended with `error`, which is its timeout if a hedge was answered.
        """
        self._own = None
        if self._answer is not None:
            return self._answer
        while waiting := [each for each in self._calls if not each.done()]:
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
        if self._calls:
            for each in self._calls:
                each.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    def _ask_again(self) -> None:
        if self._hedging.bound is not None and self._may_hedge():
            self._hedging.ask_again()
            self._calls.append(asyncio.ensure_future(self._ask()))
            self._calls[-1].add_done_callback(self._on_done)
        bound = self._hedging.bound
        if bound is not None and len(self._calls) < _MAX_CALLS - 1:
            self._timer = asyncio.get_running_loop().call_later(bound, self._ask_again)

    def _on_done(self, other: asyncio.Future[Outcome]) -> None:
        if self._own is None or other.cancelled() or other.exception() is not None:
            return  # the first call may still be answered
        self._answer = other.result()
        self._own.reschedule(asyncio.get_running_loop().time())
        self._own = None
