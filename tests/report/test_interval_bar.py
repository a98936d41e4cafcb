"""Intervals as text: on one axis, and never on another side of a limit than their numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalgate.report.criteria_table import Span
from evalgate.report.interval_bar import draw_intervals

NUMBERS = st.floats(-1, 1).map(lambda value: round(value, 4))


@st.composite
def spans(draw) -> Span:
    low, value, high = sorted(draw(NUMBERS) for _ in range(3))
    return Span(low=low, value=value, high=high, limit=draw(st.none() | st.sampled_from([-0.01, -0.05, -0.2])))


@given(st.lists(spans(), min_size=1, max_size=4), st.integers(11, 60))
def test_a_drawing_is_on_the_side_of_its_numbers(found: list[Span], width: int) -> None:
    for span, text in zip(found, draw_intervals(found, width), strict=True):
        if not text:
            assert all(one.low == one.high == 0 and one.limit is None for one in found)
            continue
        assert len(text) <= width and text.count("●") == 1
        assert (span.limit is None) <= ("┊" not in text)
        if span.limit is not None and span.low > span.limit:
            assert text.index("┊") < min(place for place, char in enumerate(text) if char in "─●┼")
        if span.high < 0:
            assert text.index("│") > max(place for place, char in enumerate(text) if char in "─●")


def test_a_bound_next_to_its_limit_does_not_touch_it() -> None:
    inside, beyond, wide = (
        Span(low=low, value=0.3, high=0.6, limit=-0.05) if low > -1 else Span(low=-1, value=0, high=1, limit=-0.05)
        for low in (-0.0499, -0.0501, -1)
    )
    first, second, _ = draw_intervals([inside, beyond, wide], 40)
    assert first.index("┊") < first.index("─") and "┊" not in second
    assert first.count("┼") == 1 and second.count("┼") == 2


def test_there_is_nothing_to_draw_without_numbers_or_room() -> None:
    span = Span(low=-0.1, value=0, high=0.1, limit=None)
    assert draw_intervals([None, None], 40) == ("", "")
    assert draw_intervals([span], 10) == ("",)
    assert draw_intervals([span, None], 40)[1] == ""
