"""The shelf of a run's results: their texts lie in a spool, as the lines that the report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from evalgate.domain import Result
from evalgate.domain.shelved import ShelvedResult
from evalgate.execute.spool import Spool
from evalgate.report import json

_AT_HAND = 64
_SHARED = 1000


class Shelf:
    """Takes results in, and gives for each one that stands for it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._values: dict[tuple[tuple[str, float | None], ...], Mapping[str, float | None]] = {}
        self.result = lru_cache(_AT_HAND)(self._result)

    def put(self, whole: Result) -> ShelvedResult:
        place = self._spool.put(json.line(whole))
        return ShelvedResult(whole, self._shared(whole.values), self, place)

    def line(self, place: int) -> str:
        """The result as a report writes it. Raises ServiceError when it cannot be read back."""
        return self._spool.get(place)

    def _result(self, place: int) -> Result:
        return json.result(self._spool.get(place))

    def _shared(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """Most results of a run have the scores of many others: one mapping does for all of these."""
        if len(self._values) >= _SHARED:
            return self._values.get(tuple(values.items()), values)
        return self._values.setdefault(tuple(values.items()), values)
