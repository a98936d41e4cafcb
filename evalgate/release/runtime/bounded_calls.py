"""Calls of another library that end in time: each has a thread, which is left if it takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

MOST_LEFT = 4
"""Threads that are left at most. While so many have not ended, no call is made."""


class BoundedCalls:
    """Calls to one server. A server that sends a byte at a time never meets a timeout of its client."""

    def __init__(self) -> None:
        self._left: list[threading.Thread] = []

    def call(self, seconds: float, act: Callable[[], Result]) -> Result:
        """Return what a call returns, or raise what it raises. Raises TimeoutError after some seconds, and leaves it.

        TimeoutError is also raised, at once, while MOST_LEFT earlier calls have not ended.
        """
        self._left = [one for one in self._left if one.is_alive()]  # none is, in a process that was forked
        if len(self._left) >= MOST_LEFT:
            raise TimeoutError(f"{MOST_LEFT} earlier calls have not ended")
        results: list[Result] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(act())
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, name="evalgate-redis-call", daemon=True)
        thread.start()
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not results:
            self._left.append(thread)
            raise TimeoutError(f"no answer within {seconds} s")
        return results[0]
