"""The log of what goes wrong in the background: each problem once, until it changes or ends."""

from __future__ import annotations

from evalgate.release.runtime.prompt_error import make_printable, warn

_MOST_SUBJECTS = 1000


class ProblemLog:
    """Warnings by subject. A thread that tries again every few seconds does not repeat itself."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def report(self, subject: str, problem: str) -> None:
        """Write a problem to the log, unless it was the last one of its subject."""
        message = make_printable(f"{subject}: {problem}" if subject else problem)
        if self._last.get(subject) == message:
            return
        if len(self._last) >= _MOST_SUBJECTS:
            self._last.clear()
        self._last[subject] = message
        warn(message)

    def forget(self, subject: str) -> None:
        """Note that a subject has no problem, so that the next one is told."""
        self._last.pop(subject, None)
