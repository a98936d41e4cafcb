"""Whether a target is down: a circuit breaker that ends a run which cannot succeed, within half a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from evalgate.execute.providers.protocol import ProviderError

OUTAGE = 20.0
"""Seconds without one answer, while calls fail or are waited for, after which a target is down."""

DOUBT = 15.0
"""Seconds of silence, while calls are in flight, after which a target is asked whether it is there at all."""

_LEAST_FAILURES = 5
_MUCH_LONGER = 20.0


class CircuitBreaker:
    """What is known of one target: since when it is silent, and how its calls failed since it was last heard of.

    A slow model is no dead one: silence alone counts as an outage only when it is twenty times what answers usually
    take; before that the target is asked, and has to fail to say anything.
    """

    def __init__(self, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._answered = False
        self._lost = 0
        self._failures = 0
        self._failing_since = 0.0
        self._why = ""
        self._in_flight = 0
        self._quiet_since = 0.0

    def on_start(self) -> None:
        if self._in_flight == 0:
            self._quiet_since = self._clock()
        self._in_flight += 1

    def ended(self) -> None:
        self._in_flight -= 1

    def answered(self) -> None:
        self._answered, self._lost = True, 0
        self.on_headers()

    def on_headers(self) -> None:
        """It said something, be it only "too many requests"."""
        self._failures = 0
        self._quiet_since = self._clock()

    def failed(self, why: str) -> None:
        """One attempt of a call failed, and not for being too many."""
        if self._failures == 0:
            self._failing_since = self._clock()
        self._failures += 1
        self._why = why

    def lost(self, error: ProviderError) -> bool:
        """Counts a request that was lost after all its attempts; True when going on makes no sense."""
        self._lost += 1
        if self._answered:
            return self._lost >= max(10, 2 * self._concurrency)
        return error.unreachable or self._lost >= 3

    @property
    def why(self) -> str:
        """What is wrong with it, as far as anything was heard."""
        return self._why if self._failures else f"nothing was heard of it for {self.silence:.0f} s"

    @property
    def silence(self) -> float:
        """Seconds since anything was heard of it, with calls in flight all the while."""
        return self._clock() - self._quiet_since if self._in_flight else 0.0

    def is_down(self, usual: float | None) -> bool:
        """`usual`: the seconds that an answer usually takes, when that is known."""
        failing = self._failures >= _LEAST_FAILURES and self._clock() - self._failing_since >= OUTAGE
        return failing or (usual is not None and self.silence >= max(OUTAGE, _MUCH_LONGER * usual))
