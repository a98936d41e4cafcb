"""What one run has done so far, and whether it is to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from evalgate.domain import Calls, Outcome, Usage
from evalgate.errors import EvalgateError
from evalgate.store.cache_entry import is_answer


class StopError(Exception):
    """This trial is given up because the whole run ends."""


Abort: TypeAlias = Callable[[EvalgateError], StopError]
"""Ends a run with this error; what it gives is to be raised."""


@dataclass(slots=True)
class Counters:
    """`made` counts requests that were sent, `unanswered` are the keys of those that have no answer (yet).

    `stopping` is set by a signal handler, at any moment.
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

    @property
    def calls(self) -> Calls:
        return Calls(made=self.made, cached=self.cached, saved=self.saved)

    def send(self, key: str) -> None:
        """A request is made once, however often it is tried."""
        self.made += key not in self.unanswered
        self.unanswered.add(key)

    def pay(self, outcome: Outcome) -> None:
        """Adds what a call that was made has cost."""
        if outcome.usage is not None:
            self.usage += outcome.usage
        if is_answer(outcome):
            cost = outcome.cost_usd
            self.cost = None if cost is None or self.cost is None else self.cost + cost
