"""The circuit breaker of a target: it ends a run that cannot succeed, within half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from evalgate.execute.providers.protocol import ProviderError

OUTAGE = 20.0
"""Seconds without an answer, while calls fail or are pending, after which a target counts as down."""

DOUBT = 15.0
"""Seconds without a response, while calls are in flight, after which the target is pinged."""

_MIN_FAILURES = 5
_SILENCE_FACTOR = 20.0


class CircuitBreaker:
    """The health of one target: the time since its last response, and the failures since then.

    The target is down after 5 failed attempts over 20 seconds without a response. Silence alone is an outage only after
    twenty times the usual answer time, since a model may be slow; before that, the caller pings the target.
    """

    def __init__(self, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._count_answered = False
        self._lost_in_row = 0
        self._failures = 0
        self._failing_since = 0.0
        self._why = ""
        self._only_slow = True
        self._in_flight = 0
        self._silent_since = 0.0

    def on_start(self) -> None:
        if self._in_flight == 0:
            self._silent_since = self._clock()
        self._in_flight += 1

    def on_end(self) -> None:
        self._in_flight -= 1

    def on_answer(self) -> None:
        self._count_answered, self._lost_in_row = True, 0
        self.on_headers()

    def on_headers(self) -> None:
        """Record a response of any kind, even "too many requests" (429)."""
        self._failures = 0
        self._silent_since = self._clock()

    def on_failure(self, why: str, *, slow: bool = False) -> None:
        """Record a failed attempt, for any reason but too many requests (429). `slow`: there was no answer in time."""
        if self._failures == 0:
            self._failing_since = self._clock()
            self._only_slow = True
        self._only_slow = self._only_slow and slow
        self._failures += 1
        self._why = why

    def on_lost(self, error: ProviderError) -> bool:
        """Count a request that failed after all its attempts.

        Return True if the run should end. After at least one answer, that is after 10 failures in a row or twice the
        concurrency, whichever is more. Before the first answer, it is after one failure to connect, or after three of
        any kind.
        """
        self._lost_in_row += 1
        if self._count_answered:
            return self._lost_in_row >= max(10, 2 * self._concurrency)
        return error.unreachable or self._lost_in_row >= 3

    @property
    def has_answered(self) -> bool:
        return self._count_answered

    @property
    def is_slow(self) -> bool:
        """True if all failures since its last response are that there was no answer in time."""
        return self._failures > 0 and self._only_slow

    @property
    def why(self) -> str:
        """The reason for an outage, for messages: the last failure, else the silence."""
        return self._why if self._failures else f"it has sent no response for {self.silence:.0f} s"

    @property
    def silence(self) -> float:
        """Seconds since its last response, or since its calls in flight began; 0 without calls in flight."""
        return self._clock() - self._silent_since if self._in_flight else 0.0

    def is_down(self, usual: float | None) -> bool:
        """Return True if the target counts as down; `usual` is the usual answer time in seconds, None if not known."""
        failing = self._failures >= _MIN_FAILURES and self._clock() - self._failing_since >= OUTAGE
        return failing or (usual is not None and self.silence >= max(OUTAGE, _SILENCE_FACTOR * usual))
