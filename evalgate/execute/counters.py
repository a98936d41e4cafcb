"""The counters of one run, and its stop flag."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from evalgate.domain import Calls, Outcome, Request, Usage
from evalgate.errors import EvalgateError
from evalgate.store.cache_entry import is_answer


class StopError(Exception):
    """Raised in a trial that is given up because the whole run ends."""


Abort: TypeAlias = Callable[[EvalgateError], StopError]
"""A function that ends the run with an error, and returns the StopError that the caller must raise."""


Price: TypeAlias = Callable[[Request, Usage], float | None]
"""A function that returns what a call without a cost of its own costs by list prices; None if that is not known."""


def no_price(request: Request, usage: Usage) -> float | None:
    """Return None: no list prices are known."""
    return None


@dataclass(slots=True)
class Counters:
    """The counters of one run.

    `made` counts the requests that were sent. `unanswered` holds the keys of those without an answer so far.
    `stopping` is set by a signal handler, at any moment. `pausing` counts the calls that wait for a retry while others
    are answered; `on_pause` is called when one more does.
    """

    made: int = 0
    cached: int = 0
    saved: int = 0
    failures: int = 0
    unanswered: set[str] = field(default_factory=set)
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    stopping: bool = False
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    pausing: int = 0
    on_pause: Callable[[], None] = lambda: None

    @property
    def calls(self) -> Calls:
        return Calls(made=self.made, cached=self.cached, saved=self.saved)

    def send(self, key: str) -> None:
        """Count a request as made; further attempts of it do not count."""
        self.made += key not in self.unanswered
        self.unanswered.add(key)

    def withdraw(self, key: str) -> None:
        """Do not count a request that was refused for its form; it is made again in another form, with another key."""
        self.made -= key in self.unanswered
        self.unanswered.discard(key)

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Count a call that waits for a retry while others are answered."""
        self.pausing += 1
        self.on_pause()
        try:
            yield
        finally:
            self.pausing -= 1

    def pay(self, outcome: Outcome, cost: float | None) -> None:
        """Add the usage and the cost of a call that was made; a cost of None is not known."""
        if outcome.usage is not None:
            self.usage += outcome.usage
        if is_answer(outcome):
            self.cost = None if cost is None or self.cost is None else self.cost + cost
