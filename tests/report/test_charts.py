from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.charts import Chart, Scale, make_growth, make_spans, make_steps, make_ticks

SHARES = st.lists(st.just(0.0) | st.floats(0.01, 100), min_size=1, max_size=12)
LOGS = st.floats(-800, 800)


def require_inside(chart: Chart) -> None:
    """Require that all of a chart is drawn within its axes."""
    assert chart.left < chart.right < chart.width and chart.top < chart.bottom < chart.height
    for tick in (*chart.x_ticks, *chart.marks):
        assert chart.left <= float(tick.at) <= chart.right
    for point in (point for curve in chart.curves for point in curve.points.split()):
        x, y = map(float, point.split(","))
        assert chart.left <= x <= chart.right and chart.top <= y <= chart.bottom
    for place in (*(level.at for level in chart.levels), *(tick.at for tick in chart.y_ticks)):
        assert chart.top <= float(place) <= chart.bottom
    for span in chart.spans:
        assert chart.left <= float(span.low) <= float(span.value) <= float(span.high) <= chart.right


def require_apart(places: list[float], least: float) -> None:
    assert all(later - earlier >= least for earlier, later in itertools.pairwise(sorted(places)))


@given(SHARES, st.lists(st.floats(0, 5_000), min_size=12, max_size=12), st.floats(0, 5_000))
def test_a_share_is_a_line_of_steps_with_numbered_marks(shares: list[float], hours: list[float], more: float) -> None:
    times = [0.0, *sorted(hours)][: len(shares)]
    chart = make_steps("x", list(zip(times, shares, strict=True)), times[-1] + more, range(1, len(shares) + 1))
    require_inside(chart)
    assert len(chart.curves[0].points.split()) == 2 * len(shares)
    require_apart([float(mark.at) for mark in chart.marks], 16)
    numbers = [int(one) for mark in chart.marks for one in mark.text.split("-")]
    assert numbers[0] == 1 and numbers[-1] == len(shares)
    require_apart([float(tick.at) for tick in chart.y_ticks], 16)


@given(st.lists(st.tuples(LOGS, LOGS), min_size=1, max_size=24), st.floats(0, 20_000), st.floats(1, 30))
def test_e_values_stay_inside_and_the_bounds_are_always_seen(
    logs: list[tuple[float, float]], hours: float, bound: float
) -> None:
    times = [hours * (number + 1) / len(logs) for number in range(len(logs))]
    curves = [("worse", [one for one, _ in logs]), ("fine", [one for _, one in logs])]
    chart = make_growth("x", times, curves, [("worse", bound, "300"), ("fine", 3.0, "20")])
    require_inside(chart)
    worse, fine = (float(level.at) for level in chart.levels)
    assert (worse < fine) is (bound > 3) or abs(worse - fine) < 0.11
    require_apart([float(tick.at) for tick in chart.y_ticks], 12)
    require_apart([float(tick.at) for tick in chart.x_ticks], 30)
    assert all(len(tick.text) <= 7 for tick in (*chart.x_ticks, *chart.y_ticks))


@given(st.lists(st.none() | st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=3), st.booleans())
def test_intervals_share_one_axis(rows: list[tuple[float, float, float] | None], percent: bool) -> None:
    known = [None if row is None else tuple(sorted(row)) for row in rows]
    chart = make_spans("x", [("control", "control", row) for row in known], percent=percent)  # type: ignore[misc]
    require_inside(chart)
    assert len(chart.spans) == sum(row is not None for row in known) and len(chart.y_ticks) == len(rows)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_few_and_enclose_the_numbers(low: float, length: float, most: int) -> None:
    high = low + length
    ticks = make_ticks(low, high, most=most)
    slack = 1e-6 * max(length, abs(low) * 1e-3)
    assert 2 <= len(ticks) <= most + 1
    assert ticks[0] <= low + slack and ticks[-1] >= high - slack


@given(st.floats(-10, 10) | st.just(0.0), st.floats(min_value=5e-324, max_value=1e-6), st.integers(2, 8))
def test_ticks_of_rounding_errors_are_different_numbers(low: float, length: float, most: int) -> None:
    ticks = make_ticks(low, low + length, most=most)
    assert 2 <= len(ticks) <= most + 1 and all(one < other for one, other in itertools.pairwise(ticks))


def test_a_number_beyond_a_scale_is_placed_at_its_end() -> None:
    scale = Scale(low=0, high=2, start=10, end=30)
    assert [scale.place(one) for one in (-1, 0, 1, 2, math.inf)] == ["10.0", "10.0", "20.0", "30.0", "30.0"]
    assert scale.place(0.5) == pytest.approx("15.0")
