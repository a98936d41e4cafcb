"""The attempts of one call: how many were made, how long it waited, and whether another one follows."""

from __future__ import annotations

import math
import random

from evalgate.execute.limits.concurrency import LONGEST_PAUSE
from evalgate.execute.limits.startup import Startup
from evalgate.execute.providers.protocol import ProviderError

LONGEST_WAIT = 120.0
"""Seconds that one call waits in total because of rejections (429) and `Retry-After`."""
_LONGEST_BACKOFF = 30.0
_THROTTLED_ATTEMPT = 0.25  # share of an attempt that a 429 counts: it says nothing about this request


class AttemptsMade:
    """The attempts of one call to a target with this `startup`; `most` attempts are made, `backoff` is the first pause.

    An attempt while the endpoint is loading its model does not count; such a wait has a limit of its own.
    """

    def __init__(self, most: int, backoff: float, startup: Startup) -> None:
        self._most = most
        self._backoff = backoff
        self._startup = startup
        self._made = 0
        self._counted = 0.0
        self._waited = 0.0

    def on_error(self, error: ProviderError) -> None:
        """Count a failed attempt."""
        self._made += 1
        error.attempts = self._made
        if error.startup_timeout is None:
            self._counted += _THROTTLED_ATTEMPT if error.throttled else 1.0
        if error.retryable and not is_worth_retrying(error):
            error.adding(self._describe_wait(error))

    def find_pause(self, number: int, error: ProviderError | None, silence: float = math.inf) -> float:
        """Return the pause in seconds after attempt `number`: exponential with jitter, or as the endpoint asks.

        `silence` is the seconds since the target's last answer. While others are answered, the pause does not grow with
        the attempts of this call, since the concurrency limit sees to the load: it is no longer than the silence.
        """
        jitter = random.uniform(0, self._backoff)
        if error is not None and error.startup_timeout is not None:
            return min(max(self._startup.pause, error.retry_after or 0.0), error.startup_timeout) + jitter
        if error is not None and error.retry_after is not None:
            return error.retry_after + jitter
        pause = min(self._backoff * 2.0 ** min(number - 1, 30), _LONGEST_BACKOFF, max(self._backoff, silence))
        return random.uniform(0.0, pause) if error is not None and error.throttled else pause + jitter

    def have_ended(self, error: ProviderError | None, pause: float) -> bool:
        """Return True if no attempt follows after this error and a pause; the error then says what was waited for."""
        if error is not None and error.startup_timeout is not None:
            return self._has_waited(error, error.startup_timeout, pause)
        if self._counted >= self._most:
            return True
        if error is None or not (error.throttled or error.retry_after is not None):
            return False
        if self._waited + pause > LONGEST_WAIT:
            error.adding(self._describe_wait(error))
            return True
        self._waited += pause
        return False

    def _has_waited(self, error: ProviderError, limit: float, pause: float) -> bool:
        waited = self._startup.waited
        if waited + pause <= limit:
            return False
        error.adding(f" (waited {waited:.0f} s; `startup_timeout` is {limit:g} s)")
        error.hint = "raise the target's `startup_timeout`, or start the server earlier"
        return True

    def _describe_wait(self, error: ProviderError) -> str:
        asked = "" if error.retry_after is None else f"it asks to wait {error.retry_after:.0f} s; "
        return f" ({asked}waited {self._waited:.0f} s; a call waits for its endpoint {LONGEST_WAIT:g} s at most)"


def is_worth_retrying(error: BaseException) -> bool:
    """Return True if the same request may succeed within the time that a call waits."""
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    return error.startup_timeout is not None or (error.retry_after or 0) <= LONGEST_PAUSE
