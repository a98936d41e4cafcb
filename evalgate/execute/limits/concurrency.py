"""How fast one target is asked: a window of calls at once that gives way when the endpoint pushes back.

Pure arithmetic over a clock; who waits, and how, is `queue`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from evalgate.execute.providers.protocol import Headroom

LONGEST_PAUSE = 300.0
"""Seconds; an endpoint that asks for more than this is not waited for."""

_GROWTH = 0.1  # of the ceiling, a round
_SLOWER = 3.0
_LATENCY_CUT = 0.85
_LATENCY_FLOOR = 0.25  # of the ceiling: time alone says little of a model
_FORGETTING = 1.02  # a round: what was calm an hour ago may be out of reach now
_FIRST_TOKENS = 20  # what the time to the first token is worth, in tokens
_LEAST_ROUND = 4


class Bucket:
    """At most `per_minute` units a minute, and of these at most a second's worth at once (GCRA, ITU-T I.371)."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._each = 60.0 / per_minute
        self._tolerance = max(0.0, 1.0 - self._each)
        self._clock = clock
        self._due = clock()

    def delay(self) -> float:
        """Seconds until something may be taken; however much it is, it may then be taken whole."""
        return max(0.0, self._due - self._tolerance - self._clock())

    def take(self, amount: float) -> None:
        self._due = max(self._clock(), self._due) + amount * self._each

    def correct(self, amount: float) -> None:
        """So much more was used than had been taken; less, when it is negative."""
        self._due += amount * self._each


class ConcurrencyLimit:
    """The window of one target, between 1 and `ceiling` calls at once; it begins at the ceiling.

    A round is as many replies as the window is wide. After each, with s the share of calls that were pushed back (429,
    an error of the server, a timeout): the window shrinks by s/2 (DCTCP, RFC 8257, 3.3, without its smoothing: a
    single 429 is no reason to halve it), and grows by a tenth of the ceiling unless most were pushed back. It also
    shrinks a little when even the quick answers of a round (lower quartile of seconds a token) took three times what
    they took in the calmest one. After a pause calls begin one by one, spread over the time that an answer takes.
    """

    def __init__(
        self,
        ceiling: int,
        requests: Bucket | None = None,
        tokens: Bucket | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.window = float(ceiling)
        self._ceiling = float(ceiling)
        self._requests = requests
        self._tokens = tokens
        self._clock = clock
        self._paused_until = 0.0
        self._one_by_one = 0  # calls still to be begun apart, after a pause
        self._next = 0.0
        self._pushed = 0
        self._times: list[float] = []
        self._calm: float | None = None
        self._seconds = 1.0  # what an answer takes, smoothed

    def delay(self, in_flight: int) -> float | None:
        """Seconds until one more call may begin; None: not before one of those in flight has ended."""
        if in_flight >= int(self.window):
            return None
        if not self._paused_until and self._requests is None and self._tokens is None:
            return 0.0
        now = self._clock()
        until = max(self._paused_until, self._next if self._one_by_one else 0.0)
        return max(until - now, 0.0, *(bucket.delay() for bucket in (self._requests, self._tokens) if bucket))

    def begin(self, tokens: int = 0) -> None:
        """A call begins, after `delay` was 0; `tokens` is a guess of what it takes."""
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)
        if not self._one_by_one:
            return
        self._one_by_one -= 1
        self._next = max(self._clock(), self._next) + self._seconds / self.window
        if not self._one_by_one:
            self._paused_until = 0.0

    def correct(self, tokens: int) -> None:
        """A call has taken so many tokens more than was guessed, or less."""
        if self._tokens is not None:
            self._tokens.correct(tokens)

    def answered(self, seconds: float, tokens: int) -> None:
        """An answer came after `seconds`, with so many tokens written (0: not known)."""
        self._seconds += 0.1 * (seconds - self._seconds)
        self._times.append(seconds / (tokens + _FIRST_TOKENS))
        self._end_round()

    def on_rejected(self) -> None:
        """The endpoint could not, or would not, answer a call now."""
        self._pushed += 1
        self._end_round()

    def pause(self, seconds: float) -> None:
        """No call begins for so long; then they begin one by one."""
        if not 0.0 < seconds <= LONGEST_PAUSE:
            return
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._next = self._paused_until
        self._one_by_one = int(self.window)

    def told(self, headroom: Headroom) -> None:
        """What the endpoint says is left of its limits: with nothing left, calls wait until there is."""
        if headroom.requests_left == 0:
            self.pause(headroom.requests_reset)
        if headroom.tokens_left == 0:
            self.pause(headroom.tokens_reset)

    def _end_round(self) -> None:
        count = self._pushed + len(self._times)
        if count < max(_LEAST_ROUND, int(self.window)):
            return
        share = self._pushed / count
        window = self.window * (1.0 - share / 2.0)
        if self._is_slow():
            window = max(min(window, self._ceiling * _LATENCY_FLOOR), window * _LATENCY_CUT)
        elif share <= 0.5:
            window += max(1.0, _GROWTH * self._ceiling)
        self.window = min(self._ceiling, max(1.0, window))
        self._pushed = 0
        self._times.clear()

    def _is_slow(self) -> bool:
        if len(self._times) < _LEAST_ROUND:
            return False
        quick = sorted(self._times)[len(self._times) // 4]
        calm = quick if self._calm is None else self._calm * _FORGETTING
        self._calm = min(calm, quick)
        return quick > _SLOWER * calm
