from __future__ import annotations

import threading
import time

import pytest

from evalgate.release.runtime.bounded_calls import MOST_LEFT, BoundedCalls


def test_a_call_ends_in_time_or_with_its_own_result() -> None:
    calls = BoundedCalls()
    assert calls.call(5.0, lambda: 3) == 3
    assert calls.call(5.0, lambda: None) is None
    with pytest.raises(ZeroDivisionError):
        calls.call(5.0, lambda: 1 / 0)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        calls.call(0.05, lambda: time.sleep(1))
    assert time.monotonic() - began < 0.5


def test_only_so_many_calls_are_left_and_their_end_makes_room() -> None:
    calls, end, made = BoundedCalls(), threading.Event(), []

    def wait() -> None:
        made.append(1)
        end.wait(30)

    for _ in range(3 * MOST_LEFT):
        with pytest.raises(TimeoutError):
            calls.call(0.01, wait)
    assert len(made) == MOST_LEFT
    end.set()
    for _ in range(500):
        if not any(one.name == "evalgate-redis-call" for one in threading.enumerate()):
            break
        time.sleep(0.01)
    assert calls.call(5.0, lambda: 4) == 4
