"""Runs of gates for tests of the history."""

from __future__ import annotations

from typing import Any

from evalgate.domain import ReportKind, Verdict
from evalgate.domain.history_rows import HistoryCriterion, HistoryRun


def make_criterion(name: str = "facts", difference: float = -0.02, *, allowed: float | None = 0.05) -> HistoryCriterion:
    low, high = difference - 0.03, difference + 0.03
    return HistoryCriterion(name=name, difference=difference, low=low, high=high, allowed=allowed, units=60)


def make_run(at: str = "2026-11-02T09:00:00+00:00", decision: str = "PASS", **others: Any) -> HistoryRun:
    fields: dict[str, Any] = {
        "run_id": f"run of {at}",
        "at": at,
        "gate": "support",
        "kind": ReportKind.GATE,
        "decision": Verdict(decision),
        "exit_code": {"PASS": 0, "FAIL": 1}.get(decision, 4),
        "level": "MINOR",
        "candidate": "1.1.0",
        "baseline": "1.0.0",
        "made": 100,
        "cached": 30,
        "saved": 20,
        "cost_usd": 0.5,
        "is_reused": False,
        "is_drawn_again": False,
        "criteria": (make_criterion(), make_criterion("answered", 0.0, allowed=None)),
    }
    return HistoryRun(**{**fields, **others})


RUNS = (
    make_run("2026-11-02T09:00:00+00:00"),
    make_run("2026-11-08T23:59:00+00:00", "FAIL", cost_usd=None),
    make_run("2026-11-16T00:00:00+00:00", "INCONCLUSIVE", cost_usd=0.25),
    make_run("2026-11-16T08:00:00+00:00", kind=ReportKind.PART, decision=Verdict.INCONCLUSIVE, criteria=()),
    make_run("2026-11-16T09:00:00+00:00", gate="billing", is_reused=True, made=0, cost_usd=0.0),
)
