"""A watch on judges' replies: a judge whose first replies all fail alike ends the run before all calls are made."""

from __future__ import annotations

from collections import defaultdict

from evalgate.domain import Judge, Outcome, Request, Score, Scored
from evalgate.errors import ServiceError
from evalgate.score import judges
from evalgate.score.reply_fault import Setting

ALIKE = 10
"""Different replies of a judge that may fail for the same reason before it has given the first score."""


class ReplyWatch:
    """Counts the replies of each judge until its first score. Equal requests count once."""

    def __init__(self) -> None:
        self._working: set[str] = set()
        self._failed: dict[tuple[str, Setting], set[str]] = defaultdict(set)

    def see(self, judge: Judge, request: Request, reply: Outcome, scored: Scored) -> None:
        """Count a reply. Raise ServiceError when `ALIKE` replies failed for a reason that a setting mends.

        Failed calls and refusals do not count: no setting of the judge mends them.
        """
        if judge.name in self._working:
            return
        if isinstance(scored, Score):
            self._working.add(judge.name)
            return
        fault = judges.find_fault(judge, reply)
        if fault is None or fault.setting is None:
            return
        failed = self._failed[judge.name, fault.setting]
        failed.add(request.key)
        if len(failed) < ALIKE:
            return
        raise ServiceError(
            f'judge "{judge.name}": none of its replies can be read so far, and {ALIKE} of them are {fault.what}',
            hint=f"in the judge: {fault.hint}" if fault.is_of_judge else fault.hint,
        )
