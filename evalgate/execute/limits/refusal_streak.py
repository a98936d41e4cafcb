"""The refusals in a row: a refusal that every request gets ends a run, one of a single case does not."""

from __future__ import annotations

import re
from collections.abc import Hashable

from evalgate.domain import Request

MOST_REFUSALS = 10
"""Equal refusals in a row, without an answer between them, that end a run."""

_VARYING = re.compile(r"[^\s'\"]*\d[^\s'\"]*")


class RefusalStreak:
    """The equal refusals in a row, for each kind of request.

    Requests of one kind have the same target, model and parameters. Refusals are equal if they differ only in words
    with digits, such as token counts and request ids.
    """

    def __init__(self) -> None:
        self._streaks: dict[Hashable, tuple[str, int]] = {}

    def on_answer(self, request: Request) -> None:
        if self._streaks:
            self._streaks.pop(_find_kind(request), None)

    def on_refused(self, request: Request, message: str) -> bool:
        """Count a refusal; return True if the run should end."""
        kind, text = _find_kind(request), _VARYING.sub("#", message)
        before, count = self._streaks.get(kind, (text, 0))
        count = count + 1 if before == text else 1
        self._streaks[kind] = (text, count)
        return count >= MOST_REFUSALS


def _find_kind(request: Request) -> Hashable:
    return request.target, request.model, tuple(request.parameters), request.response_format is None, request.scale
