from __future__ import annotations

import pytest

from evalgate.execute.limits.startup import Startup


def test_the_wait_begins_with_the_first_report_and_ends_with_an_answer() -> None:
    now = 100.0
    startup = Startup(lambda: now)
    assert startup.waited == 0.0
    startup.on_loading()
    now = 107.0
    startup.on_loading()
    assert startup.waited == 7.0
    startup.on_answer()
    assert startup.waited == 0.0
    startup.on_loading()
    now = 109.0
    assert startup.waited == 2.0


@pytest.mark.parametrize(("waited", "pause"), [(0.0, 1.0), (4.0, 1.0), (10.0, 2.0), (25.0, 5.0), (900.0, 5.0)])
def test_the_pause_grows_with_the_wait_between_its_bounds(waited: float, pause: float) -> None:
    now = 0.0
    startup = Startup(lambda: now)
    startup.on_loading()
    now = waited
    assert startup.pause == pause
