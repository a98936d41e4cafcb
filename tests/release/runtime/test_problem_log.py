from __future__ import annotations

import pytest

from evalgate.release.runtime import problem_log
from evalgate.release.runtime.problem_log import ProblemLog


def test_a_problem_is_written_once_until_it_changes_or_ends(caplog: pytest.LogCaptureFixture) -> None:
    log = ProblemLog()
    for problem in ("down", "down", "slow\n", "slow\n", "down"):
        log.report("support", problem)
    log.report("", "no thread")
    log.forget("support")
    log.forget("unknown")
    log.report("support", "down")
    assert caplog.messages == [
        "support: down",
        "support: slow\\u000a",
        "support: down",
        "no thread",
        "support: down",
    ]


def test_subjects_without_end_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_log, "_MOST_SUBJECTS", 3)
    log = ProblemLog()
    for number in range(10):
        log.report(str(number), "down")
    assert len(log._last) <= 3
