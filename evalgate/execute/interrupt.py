"""Ctrl-C while the event loop runs: a request to stop, never an exception out of the middle of something that ends."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STUCK_SECONDS = 3.0
"""After Ctrl-C a loop that answers nothing for so long is stuck, in a check as a rule: an exception ends it."""


@contextlib.contextmanager
def on_interrupt(handle: Callable[[int], None], loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Calls `handle(1)` at the first Ctrl-C and `handle(2)` at the second; a third is KeyboardInterrupt.

    `handle` runs in the main thread between two steps of whatever it is doing; the running loop must be woken with
    `call_soon_threadsafe`. Where the loop does not answer for `STUCK_SECONDS`, KeyboardInterrupt comes by itself. A
    plain signal handler, because Windows' loops know no `add_signal_handler`; where it is in place, `asyncio.Runner`
    leaves out its own. Outside the main thread, or where someone else handles Ctrl-C, nothing.
    """
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    count = 0
    over, stuck = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            answered = threading.Event()
            try:
                loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the loop is closed
                return
            if not answered.wait(STUCK_SECONDS) and not over.is_set():
                stuck.set()
                _thread.interrupt_main()
                return
            over.wait(STUCK_SECONDS / 10)

    def interrupted(_signum: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 2 or stuck.is_set():
            raise KeyboardInterrupt
        handle(count)
        if count == 1:
            threading.Thread(target=watch, daemon=True, name="evalgate-interrupt").start()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        over.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
