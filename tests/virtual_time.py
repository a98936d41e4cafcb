"""Virtual time for the engine: its loop does not wait, so that seconds of waiting take none and are the same always."""

from __future__ import annotations

import asyncio
import functools
import selectors
import types
from collections.abc import Callable
from typing import Any

import pytest

from evalgate.execute import caller
from evalgate.execute.limits import circuit_breaker, concurrency


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of its next timer."""

    def __init__(self, moved: Callable[[float], None]) -> None:
        self._now = 0.0
        selector = selectors.DefaultSelector()
        select = selector.select

        def select_at_once(timeout: float | None = None) -> Any:
            found = select(0)
            if not found and timeout:
                self._now += timeout
                moved(self._now)
            return found

        selector.select = select_at_once  # type: ignore[method-assign]
        super().__init__(selector)

    def time(self) -> float:
        return self._now


@pytest.fixture
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """Run engines that the test opens in virtual time; the value returns the seconds since an engine was opened."""
    now = 0.0

    def move(time: float) -> None:
        nonlocal now
        now = time

    def make_loop() -> VirtualLoop:
        move(0.0)
        return VirtualLoop(move)

    def clock() -> float:
        return now

    monkeypatch.setattr(asyncio, "Runner", functools.partial(asyncio.Runner, loop_factory=make_loop))
    monkeypatch.setattr(caller, "time", types.SimpleNamespace(monotonic=clock))
    for of in (concurrency.ConcurrencyLimit, concurrency.Bucket, circuit_breaker.CircuitBreaker):
        defaults = of.__init__.__defaults__
        assert defaults is not None
        monkeypatch.setattr(of.__init__, "__defaults__", (*defaults[:-1], clock))
    return clock
