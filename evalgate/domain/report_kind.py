"""The kinds of report: a gate run, a shard of a gate run, a drift check, or imported scores."""

from __future__ import annotations

from enum import StrEnum


class ReportKind(StrEnum):
    """The kind of comparison in a report.

    GATE: the two versions of a change, over all cases. SHARD: the same, over a part of the cases. DRIFT: a version and
    its own stored samples. SCORES: the scores of another tool.
    """

    GATE = "gate"
    SHARD = "shard"
    DRIFT = "drift"
    SCORES = "scores"

    @property
    def is_of_change(self) -> bool:
        """Return whether the report is of a change, which has a level and a configuration."""
        return self in (ReportKind.GATE, ReportKind.SHARD)
