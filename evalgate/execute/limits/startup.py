"""The wait for an endpoint that is loading its model."""

from __future__ import annotations

import time
from collections.abc import Callable

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 5.0


class Startup:
    """The time since a target began to say that it is loading its model; an answer ends it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None

    def on_loading(self) -> None:
        if self._began is None:
            self._began = self._clock()

    def on_answer(self) -> None:
        self._began = None

    @property
    def waited(self) -> float:
        """Seconds since the target began to load; 0 if it does not."""
        return 0.0 if self._began is None else self._clock() - self._began

    @property
    def pause(self) -> float:
        """Seconds until the next attempt: a fifth of the wait so far, between 1 and 5."""
        return min(max(_FIRST_PAUSE, self.waited / 5), _LONGEST_PAUSE)
