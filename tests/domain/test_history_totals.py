from __future__ import annotations

from history_runs import RUNS, make_run

from evalgate.domain.history_totals import total_runs


def test_sums_by_gate_and_by_week() -> None:
    billing, support = total_runs(RUNS, by_week=False)
    assert (billing.gate, billing.runs, billing.passed, billing.cost_usd) == ("billing", 1, 1, 0.0)
    assert (support.runs, support.passed, support.failed, support.inconclusive) == (3, 1, 1, 1)
    assert (support.made, support.cached, support.saved, support.cost_usd, support.unknown) == (400, 120, 80, 1.25, 1)
    weeks = [one for one in total_runs(RUNS, by_week=True) if one.gate == "support"]
    assert [(one.week, one.runs, one.cost_usd, one.unknown) for one in weeks] == [
        ("2026-11-02", 2, 0.5, 1),
        ("2026-11-09", 0, 0.0, 0),
        ("2026-11-16", 1, 0.75, 0),
    ]
    assert total_runs([], by_week=True) == ()
    assert total_runs([make_run("not a time")], by_week=True) == ()
    assert total_runs([make_run("not a time")], by_week=False)[0].runs == 1
