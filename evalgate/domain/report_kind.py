"""What kind of report it is: that of a run on a change, of a shard of one, of a watch, or of imported scores."""

from __future__ import annotations

from enum import StrEnum


class ReportKind(StrEnum):
    """What was compared: the versions of a change, all of its cases (GATE) or a part of them (SHARD).

    DRIFT: a version with its own stored samples. SCORES: the scores of another tool.
    """

    GATE = "gate"
    SHARD = "shard"
    DRIFT = "drift"
    SCORES = "scores"

    @property
    def is_of_change(self) -> bool:
        """Whether a change was evaluated, which has a level and is judged by a configuration."""
        return self in (ReportKind.GATE, ReportKind.SHARD)
