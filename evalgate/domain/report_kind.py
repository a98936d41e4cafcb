"""The kinds of report: a gate run, a shard or a part of one, a drift check, a replay, or imported scores."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

_MERGE_NOTE = re.compile(r"merged from the reports of [1-9][0-9]* shards?")


class ReportKind(StrEnum):
    """The kind of comparison in a report.

    GATE: the two versions of a change, over all cases. SHARD: the same, over one of the shards that the cases are
    divided into. PART: the same, over cases that a person chose; it never becomes a verdict. DRIFT: a version and its
    own stored samples. REPLAY: a published version and what production answered to the same rows. SCORES: the scores of
    another tool.
    """

    GATE = "gate"
    SHARD = "shard"
    PART = "part"
    DRIFT = "drift"
    REPLAY = "replay"
    SCORES = "scores"

    @property
    def is_of_change(self) -> bool:
        """Return whether the report is of a change, which has a level and a configuration."""
        return self in (ReportKind.GATE, ReportKind.SHARD, ReportKind.PART)


def make_merge_note(shards: int) -> str:
    """Return the note of evidence that was merged from the reports of shards, which have no key of a verdict."""
    return f"merged from the reports of {shards} shard{'s' if shards != 1 else ''}"


def is_merged(notes: Iterable[str]) -> bool:
    """Return whether the notes of evidence say that it was merged from the reports of shards."""
    return any(_MERGE_NOTE.fullmatch(note) for note in notes)
