"""The history of gates: one run of one gate with its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalgate.domain.inputs import Threshold
from evalgate.domain.note_beginnings import REUSED
from evalgate.domain.report_kind import ReportKind
from evalgate.domain.verdict import GateReport, Report, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCriterion:
    """The difference of one criterion, candidate minus baseline, with its interval.

    `allowed` is the drop by which it decides; None if its drop decides nothing, as that of a blocking check.
    """

    name: str
    difference: float
    low: float
    high: float
    allowed: float | None
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRun:
    """One gate of one report. `at` is ISO 8601 in UTC. `is_reused` says that the verdict is that of an earlier run.

    A run of the kind PART has calls and a cost, and no verdict: `word` says so. With `is_drawn_again` the numbers are
    those of answers drawn again, and `decision` is the verdict that stays.
    """

    run_id: str
    at: str
    gate: str
    kind: ReportKind
    decision: Verdict
    exit_code: int
    level: str | None
    candidate: str
    baseline: str
    made: int
    cached: int
    saved: int
    cost_usd: float | None
    is_reused: bool
    is_drawn_again: bool
    criteria: tuple[HistoryCriterion, ...]

    @property
    def has_verdict(self) -> bool:
        return self.kind is not ReportKind.PART

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return self.decision.value if self.has_verdict else "not a gate"


def list_runs(report: Report) -> Iterator[HistoryRun]:
    """Yield a row for each gate of a report, but for shards, which are parts of the run that is merged of them."""
    for gate in report.gates:
        if gate.evidence.kind is not ReportKind.SHARD:
            yield _make_run(report, gate)


def _make_run(report: Report, gate: GateReport) -> HistoryRun:
    evidence = gate.evidence
    names = [
        "none" if one is None else one.version or one.digest[:12] for one in (evidence.candidate, evidence.baseline)
    ]
    return HistoryRun(
        run_id=report.run_id,
        at=report.created_at,
        gate=evidence.name,
        kind=evidence.kind,
        decision=gate.decision if report.redrawn is None else report.redrawn.decision,
        exit_code=int(gate.exit_code if report.redrawn is None else report.exit_code),
        level=None if evidence.level is None else evidence.level.effective.name,
        candidate=names[0],
        baseline=names[1],
        made=evidence.calls.made,
        cached=evidence.calls.cached,
        saved=evidence.calls.saved,
        cost_usd=evidence.cost_usd,
        is_reused=any(note.startswith(REUSED) for note in evidence.notes),
        is_drawn_again=report.redrawn is not None,
        criteria=tuple(_list_criteria(gate)),
    )


def _list_criteria(gate: GateReport) -> Iterator[HistoryCriterion]:
    limited = {finding.criterion for finding in gate.findings if finding.kind == "max_drop"}
    for comparison in gate.comparisons:
        difference = comparison.difference
        if difference is None:
            continue
        own = gate.thresholds.get(comparison.criterion, Threshold()).max_drop
        yield HistoryCriterion(
            name=comparison.criterion,
            difference=difference.value,
            low=difference.low,
            high=difference.high,
            allowed=own if own is not None or comparison.criterion not in limited else gate.policy.max_drop,
            units=comparison.units,
        )
