"""Ctrl-C while the event loop runs: a request to stop, never an exception out of the middle of something."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def on_interrupt(handle: Callable[[int], None]) -> Iterator[None]:
    """Calls `handle(1)` at the first Ctrl-C and `handle(2)` at the second; a third is KeyboardInterrupt.

    `handle` runs in the main thread between two steps of whatever it is doing; the running loop must be woken with
    `call_soon_threadsafe`. A plain signal handler, because Windows' loops know no `add_signal_handler`; where it is in
    place, `asyncio.Runner` leaves out its own. Outside the main thread, or where someone else handles Ctrl-C, nothing.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    count = 0

    def interrupted(_signum: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise KeyboardInterrupt
        handle(count)

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
