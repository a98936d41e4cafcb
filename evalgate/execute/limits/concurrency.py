"""The adaptive concurrency limit of one target, and its limits per minute.

The limit shrinks when the endpoint rejects calls. The module is pure arithmetic over a clock; `queue` does the waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from evalgate.execute.limits.rejected_share import MOST_TOLERATED, RejectedShare
from evalgate.execute.providers.protocol import Headroom

LONGEST_PAUSE = 300.0
"""Seconds; a longer pause that an endpoint asks for is ignored."""

_GROWTH = 0.1  # share of the ceiling that is added after a round
_SLOWDOWN = 3.0
_LATENCY_CUT = 0.85
_LATENCY_FLOOR = 0.25  # share of the ceiling: latency alone is weak evidence, and shrinks the window no further
_FORGETTING = 1.02  # factor a round on the lowest latency seen: an old minimum may be out of reach now
_FIRST_TOKENS = 20  # the time to the first token, counted as this many tokens
_MIN_ROUND = 4


class Bucket:
    """A rate limit of `per_minute` units a minute, with a burst of one second's worth (GCRA, ITU-T I.371)."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_per_unit = 60.0 / per_minute
        self._tolerance = max(0.0, 1.0 - self._seconds_per_unit)
        self._clock = clock
        self._due = clock()

    def delay(self) -> float:
        """Return the seconds until `take` is allowed; any amount may then be taken at once."""
        return max(0.0, self._due - self._tolerance - self._clock())

    def take(self, amount: float) -> None:
        self._due = max(self._clock(), self._due) + amount * self._seconds_per_unit

    def correct(self, amount: float) -> None:
        """Add the difference between the amount used and the amount taken; negative if less was used."""
        self._due += amount * self._seconds_per_unit


class ConcurrencyLimit:
    """The window of one target: the number of calls in flight, between 1 and `ceiling`. It starts at the ceiling.

    A round is as many replies as the window is wide. After each round the window changes:

    - With s the share of rejected calls (429, a server error, a timeout), it shrinks by s/2. This is DCTCP (RFC 8257,
      3.3) without its smoothing: a single 429 does not halve the window. Where narrower windows do not lower s
      (`RejectedShare`), only what exceeds that share counts, as long as s is at most a half.
    - It grows by a tenth of the ceiling unless more than half of the calls were rejected.
    - Instead of growing it shrinks by 15 % if the lower quartile of seconds per token is more than three times its
      lowest value so far. Latency alone shrinks it no further than to a quarter of the ceiling.

    After a pause calls start one by one, spread over the time that an answer takes.
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
        self._shares = RejectedShare(self._ceiling)
        self._requests = requests
        self._tokens = tokens
        self._clock = clock
        self._paused_until = 0.0
        self._one_by_one = 0  # calls that still start one by one, after a pause
        self._next = 0.0
        self._streak = 0  # calls rejected since the last answer
        self._answered_at: float | None = None
        self._silent_since: float | None = None  # the first rejection since the last answer
        self._rejected = 0
        self._times: list[float] = []
        self._lowest: float | None = None
        self._seconds = 1.0  # the smoothed time that an answer takes

    @property
    def silence(self) -> float:
        """The seconds since the last answer, if calls were rejected since; 0 after an answer."""
        return 0.0 if self._silent_since is None else self._clock() - self._silent_since

    @property
    def is_answering(self) -> bool:
        """True if there was an answer within the last round."""
        return self._answered_at is not None and self._streak <= self.window

    def delay(self, in_flight: int) -> float | None:
        """Return the seconds until one more call may start; None: not before a call in flight has ended."""
        if in_flight >= int(self.window):
            return None
        if not self._paused_until and self._requests is None and self._tokens is None:
            return 0.0
        now = self._clock()
        until = max(self._paused_until, self._next if self._one_by_one else 0.0)
        return max(until - now, 0.0, *(bucket.delay() for bucket in (self._requests, self._tokens) if bucket))

    def begin(self, tokens: int = 0) -> None:
        """Record the start of a call, after `delay` returned 0; `tokens` is an estimate of its tokens."""
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
        """Add the difference between the tokens that a call used and the estimate; negative if less were used."""
        if self._tokens is not None:
            self._tokens.correct(tokens)

    def on_answer(self, seconds: float, tokens: int) -> None:
        """Record an answer that took `seconds`; `tokens` is the number of its output tokens (0: not known)."""
        self._answered_at, self._silent_since, self._streak = self._clock(), None, 0
        self._seconds += 0.1 * (seconds - self._seconds)
        self._times.append(seconds / (tokens + _FIRST_TOKENS))
        self._end_round()

    def on_rejected(self) -> None:
        """Record a call that the endpoint rejected or failed to answer."""
        self._streak += 1
        if self._silent_since is None:
            self._silent_since = self._clock() if self._answered_at is None else self._answered_at
        self._rejected += 1
        self._end_round()

    def pause(self, seconds: float) -> None:
        """Start no call for `seconds`, then start them one by one; above `LONGEST_PAUSE` do nothing."""
        if not 0.0 < seconds <= LONGEST_PAUSE:
            return
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._next = self._paused_until
        self._one_by_one = int(self.window)

    def on_rate_limit(self, headroom: Headroom) -> None:
        """Pause until the reset if the endpoint reports that no requests or no tokens are left."""
        if headroom.requests_left == 0:
            self.pause(headroom.requests_reset)
        if headroom.tokens_left == 0:
            self.pause(headroom.tokens_reset)

    def _end_round(self) -> None:
        count = self._rejected + len(self._times)
        if count < max(_MIN_ROUND, int(self.window)):
            return
        share = self._rejected / count
        self._shares.add(self.window, self._rejected, count)
        excess = share if share > MOST_TOLERATED else max(0.0, share - self._shares.tolerated)
        window = self.window * (1.0 - excess / 2.0)
        if self._is_slow():
            window = max(min(window, self._ceiling * _LATENCY_FLOOR), window * _LATENCY_CUT)
        elif share <= MOST_TOLERATED:
            window += max(1.0, _GROWTH * self._ceiling)
        self.window = min(self._ceiling, max(1.0, window))
        self._rejected = 0
        self._times.clear()

    def _is_slow(self) -> bool:
        if len(self._times) < _MIN_ROUND:
            return False
        quick = sorted(self._times)[len(self._times) // 4]
        lowest = quick if self._lowest is None else self._lowest * _FORGETTING
        self._lowest = min(lowest, quick)
        return quick > _SLOWDOWN * lowest
