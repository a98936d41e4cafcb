"""Plots: everything within its frame, and on the side of a limit where its number is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from report.test_interval_bar import spans

from evalgate.domain import Arm, Usage
from evalgate.report import plots
from evalgate.report.arm_usage import ArmUsage
from evalgate.report.criteria_table import Span
from evalgate.report.movements import CaseMove


def at(percent: str) -> float:
    return float(percent.removesuffix("%"))


@given(st.lists(spans(), min_size=1, max_size=4))
def test_an_interval_is_drawn_on_the_side_of_its_numbers(found: list[Span]) -> None:
    drawn = plots.plot_intervals(found)
    assert drawn is not None
    for span, row in zip(found, drawn.rows, strict=True):
        assert row is not None
        marks = [(0.0, at(drawn.zero))]
        if span.limit is not None:
            marks.append((span.limit, at(next(zone.width for zone in row.zones if zone.kind == "beyond"))))
        for value, place in ((span.low, row.low), (span.value, row.value), (span.high, row.high)):
            assert 0 <= at(place) <= 100
            for bound, mark in marks:
                assert (value > bound) <= (at(place) > mark) and (value < bound) <= (at(place) < mark)
        assert abs(sum(at(zone.width) for zone in row.zones) - 100) < 0.1


def test_a_row_without_a_difference_is_not_drawn() -> None:
    span = Span(low=-0.1, value=0.0, high=0.1, limit=-0.05)
    drawn = plots.plot_intervals([None, span])
    assert drawn is not None and drawn.rows[0] is None
    assert {tick.text for tick in drawn.ticks} == {"-0.1", "0", "0.1"}
    assert plots.plot_intervals([None]) is None


@given(st.lists(st.floats(-1, 1), max_size=40))
def test_each_case_that_moved_has_a_bar(changes: list[float]) -> None:
    moves = [CaseMove(case=str(n), change=change, direction="same") for n, change in enumerate(sorted(changes))]
    plot = plots.plot_moves(moves)
    assert plot.cases == len(changes)
    for bar in plot.bars:
        assert at(bar.area.x) + at(bar.area.width) <= 100.1
        assert float(bar.bar.y) >= 0 and float(bar.bar.y) + float(bar.bar.height) <= plots.HEIGHT + 0.1
        assert (float(bar.change) >= 0) == (bar.bar.kind == "rise")
    assert len(plot.bars) <= len(changes)


def test_scores_of_both_arms_are_counted_in_bins() -> None:
    plot = plots.plot_scores([{Arm.BASELINE: [1.0], Arm.CANDIDATE: [0.0, 1.0]}, {Arm.BASELINE: [0.95]}])
    assert plot is not None
    assert [(bar.kind, bar.x) for bar in plot.bars] == [("baseline", "90.60%"), ("candidate", "55.00%")]
    assert (plot.left, plot.right, plot.most) == ("0", "1", "2 cases")
    assert plots.plot_scores([]) is None


def test_seconds_are_on_a_logarithmic_axis() -> None:
    arms = [ArmUsage(arm=Arm.CANDIDATE, answers=3, seconds=(0.1, 1.0, 10.0), usage=None, cost_usd=None)]
    plot = plots.plot_seconds(arms)
    assert plot is not None and (plot.left, plot.right, len(plot.bars)) == ("0.100 s", "10 s", 3)
    same = [ArmUsage(arm=Arm.CANDIDATE, answers=1, seconds=(1.0,), usage=None, cost_usd=None)]
    assert plots.plot_seconds(same) is not None
    assert plots.plot_seconds([ArmUsage(arm=Arm.CANDIDATE, answers=1, seconds=(), usage=None, cost_usd=None)]) is None


def test_amounts_are_drawn_where_they_are_known_of_both_arms() -> None:
    usage = Usage(input_tokens=100, output_tokens=50)
    one = ArmUsage(arm=Arm.BASELINE, answers=1, seconds=(), usage=usage, cost_usd=0.5)
    other = ArmUsage(arm=Arm.CANDIDATE, answers=1, seconds=(), usage=usage + usage, cost_usd=None)
    found = dict(plots.plot_amounts([one, other]))
    assert [bar.width for bar in found["output tokens"]] == ["50.00%", "100.00%"]
    assert "dollars" not in found and plots.plot_amounts([]) == ()
