"""Tests of the pictures of a history."""

from __future__ import annotations

from history_runs import RUNS, make_criterion, make_run

from evalgate.domain.history_totals import total_runs
from evalgate.report.history_charts import MOST, draw_costs, draw_intervals


def test_an_interval_stands_in_order_and_on_the_right_side_of_its_limit() -> None:
    chart = draw_intervals(RUNS, "facts")
    assert chart is not None
    assert [bar.tone for bar in chart.bars] == ["pass", "fail", "unsure", "pass"]
    assert [float(bar.x) for bar in chart.bars] == sorted(float(bar.x) for bar in chart.bars)
    for bar in chart.bars:
        assert chart.top <= float(bar.high) < float(bar.value) < float(bar.low) <= chart.bottom
        assert float(bar.limit) == float(bar.low)  # the lower bound is the allowed drop here
    unlimited = draw_intervals(RUNS, "answered")
    assert unlimited is not None and {bar.limit for bar in unlimited.bars} == {""}
    assert draw_intervals(RUNS, "unknown") is None


def test_the_newest_runs_are_drawn_and_few_have_a_label() -> None:
    many = [make_run(f"2026-{1 + day // 28:02}-{1 + day % 28:02}T00:00:00+00:00") for day in range(MOST + 9)]
    chart = draw_intervals(many, "facts")
    assert chart is not None
    assert len(chart.bars) == MOST
    assert [tick.text for tick in chart.x_ticks][-1] == many[-1].at[5:10]
    assert len(chart.x_ticks) == 4
    equal = draw_intervals([make_run(criteria=(make_criterion("facts", 0.0, allowed=None),))], "facts")
    assert equal is not None and len(equal.bars) == 1


def test_a_week_is_as_high_as_its_cost() -> None:
    weeks = [one for one in total_runs(RUNS, by_week=True) if one.gate == "support"]
    chart = draw_costs(weeks)
    assert chart is not None
    heights = [float(column.height) for column in chart.columns]
    assert heights[1] == 0 and heights[2] > heights[0] > 0
    assert abs(heights[2] / heights[0] - 1.5) < 0.01
    assert draw_costs([one for one in total_runs(RUNS, by_week=True) if one.gate == "billing"]) is None
