"""The kind of a report: told by its evidence, in one place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalgate.domain import BaselineSample, ChangeLevel, DatasetRef, Evidence, Level, ReportKind, Shard
from evalgate.domain.replayed_rows import ReplayedRows

LEVEL = ChangeLevel(declared=None, minimum=Level.PATCH, effective=Level.MINOR)
STORED = BaselineSample(digest="d", sampled_at="2026-01-02T03:04:05+00:00", samples=3)
SHARD = Shard(number=1, of=2)
EVIDENCE = Evidence(
    name="gate",
    level=LEVEL,
    candidate=None,
    baseline=None,
    dataset=DatasetRef(path="cases.jsonl", digest="c", cases=0),
    criteria=(),
    results=(),
)


@pytest.mark.parametrize(
    ("level", "stored", "shard", "kind"),
    [
        (LEVEL, None, None, ReportKind.GATE),
        (LEVEL, STORED, None, ReportKind.GATE),
        (LEVEL, None, SHARD, ReportKind.SHARD),
        (LEVEL, STORED, SHARD, ReportKind.SHARD),
        (None, STORED, None, ReportKind.DRIFT),
        (None, None, None, ReportKind.SCORES),
        # no run writes these; a shard never has a verdict, whatever else is there
        (None, None, SHARD, ReportKind.SHARD),
        (None, STORED, SHARD, ReportKind.SHARD),
    ],
)
def test_the_evidence_tells_the_kind(
    level: ChangeLevel | None, stored: BaselineSample | None, shard: Shard | None, kind: ReportKind
) -> None:
    assert replace(EVIDENCE, level=level, stored_baseline=stored, shard=shard).kind is kind


@pytest.mark.parametrize("level", [LEVEL, None])
@pytest.mark.parametrize("stored", [STORED, None])
def test_rows_of_production_are_never_the_cases_of_a_gate(
    level: ChangeLevel | None, stored: BaselineSample | None
) -> None:
    rows = ReplayedRows(since="a", until="b", rows=1, faults={}, sampled=1, unfit=0, redraws=True)
    assert replace(EVIDENCE, level=level, stored_baseline=stored, replay=rows).kind is ReportKind.REPLAY


def test_only_a_change_has_a_level_and_a_configuration() -> None:
    assert [kind for kind in ReportKind if kind.is_of_change] == [ReportKind.GATE, ReportKind.SHARD, ReportKind.PART]
