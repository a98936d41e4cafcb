"""Draw the intervals of a gate as text, on one axis. A drawing never contradicts the numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.report.criteria_table import Span

KEY = "● difference, ─ interval, │ no change, ┊ allowed drop"
_LEAST = 11


def draw_intervals(spans: Sequence[Span | None], width: int) -> tuple[str, ...]:
    """Return a drawing of at most `width` characters for each span; empty where there is no span, or no room.

    A value is drawn on the same side of 0 and of the allowed drop as it is.
    """
    known = [span for span in spans if span is not None]
    ends = [0.0, *(end for span in known for end in (span.low, span.high, span.limit or 0.0))]
    low, high = min(ends), max(ends)
    if not known or width < _LEAST or low == high:
        return tuple("" for _ in spans)
    return tuple("" if span is None else _draw(span, low, high, width) for span in spans)


def _draw(span: Span, low: float, high: float, width: int) -> str:
    # a column is free at each end, so that there is room beyond a limit, and two between a limit and 0
    def place(value: float) -> int:
        return 1 + round((value - low) / (high - low) * (width - 3))

    zero = max(place(0.0), 3)
    limit = None if span.limit is None else min(place(span.limit), zero - 2)
    marks = [(0.0, zero)] + ([] if limit is None or span.limit is None else [(span.limit, limit)])

    def keep_side(value: float) -> int:
        column = place(value)
        for at, mark in sorted(marks):
            column = max(column, mark + 1) if value > at else min(column, mark - 1) if value < at else mark
        return min(max(column, 0), width - 1)

    first, middle, last = keep_side(span.low), keep_side(span.value), keep_side(span.high)
    cells = [" "] * width
    cells[first : last + 1] = "─" * (last + 1 - first)
    for column, line, crossed in ((zero, "│", "┼"), *(() if limit is None else ((limit, "┊", "┼"),))):
        cells[column] = crossed if first <= column <= last else line
    cells[middle] = "●"
    return "".join(cells).rstrip()
