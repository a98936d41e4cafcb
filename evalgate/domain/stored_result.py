"""A result that keeps in memory only the data for a verdict, and reads the rest from a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, Protocol

from evalgate.domain.trials import Outcome, Result, Scored


class ResultLines(Protocol):
    """A store of complete results, each at a numbered place."""

    def put(self, whole: Result) -> Result:
        """Store the result, and return the object to use in its place."""
        ...

    def line(self, place: int) -> str:
        """Return the result as the line that a report contains."""
        ...

    def result(self, place: int) -> Result:
        """Return the complete result, with all texts."""
        ...


class StoredResult(Result):
    """A result whose complete form is in a `ResultLines` store.

    `outcome`, `scores` and `replies` are read from the store at each access. The attributes that are read for all
    results stay in memory: `values`, `failure`, `served_by`, `seconds`, `text_mark`.
    """

    __slots__ = ("_lines", "_place", "failure", "seconds", "served_by", "text_mark", "values")

    values: Mapping[str, float | None]
    failure: Literal["unusable", "infrastructure"] | None
    served_by: str | None
    seconds: float | None
    text_mark: int | None
    _lines: ResultLines
    _place: int

    def __init__(self, whole: Result, values: Mapping[str, float | None], lines: ResultLines, place: int) -> None:
        put = object.__setattr__
        for name in ("case", "arm", "repeat", "tags", "failure", "served_by", "seconds", "text_mark"):
            put(self, name, getattr(whole, name))
        put(self, "values", values)
        put(self, "_lines", lines)
        put(self, "_place", place)

    def without(self, criteria: Collection[str]) -> Result:
        return self._lines.put(self._lines.result(self._place).without(criteria))

    def with_score(self, criterion: str, score: Scored) -> Result:
        return self._lines.put(self._lines.result(self._place).with_score(criterion, score))

    @property
    def line(self) -> str:
        """The result as the line that a report contains."""
        return self._lines.line(self._place)

    @property
    def outcome(self) -> Outcome | None:
        return self._lines.result(self._place).outcome

    @property
    def scores(self) -> Mapping[str, Scored]:
        return self._lines.result(self._place).scores

    @property
    def replies(self) -> Mapping[str, tuple[Outcome, ...]]:
        return self._lines.result(self._place).replies
