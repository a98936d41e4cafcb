"""The report in the terminal."""

from __future__ import annotations

import pytest

from evalgate.report import terminal


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_or_ends_in_a_space(named, width: int) -> None:
    for row in terminal.render(named[1], width=width).split("\n"):
        assert len(row) <= width
        assert row == row.rstrip()
