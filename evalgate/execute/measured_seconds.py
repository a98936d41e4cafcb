"""The seconds of answers from targets whose latency a check limits: those of calls without an answer count as well."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from evalgate.domain import Outcome
from evalgate.execute.providers.protocol import ProviderError


class MeasuredSeconds:
    """The seconds that each request to some `targets` has waited in calls that got no answer in time.

    A user waits for those calls, too. A second call at the same time would hide them, so these targets are not hedged.
    """

    def __init__(self, targets: Collection[str] = ()) -> None:
        self._targets = frozenset(targets)
        self._waited: dict[str, float] = {}

    def covers(self, target: str) -> bool:
        return target in self._targets

    def on_error(self, target: str, key: str, error: ProviderError, seconds: float) -> None:
        """Record a call of a request, given by its key, if it got no answer in time."""
        if error.slow and self.covers(target):
            self._waited[key] = self._waited.get(key, 0.0) + seconds

    def complete(self, key: str, outcome: Outcome) -> Outcome:
        """Return the answer to a request with the seconds since its first call."""
        waited = self._waited.pop(key, 0.0)
        return outcome if not waited or outcome.seconds is None else replace(outcome, seconds=outcome.seconds + waited)
