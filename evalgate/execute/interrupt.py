"""Ctrl-C handling while the event loop runs: the first two ask the run to stop instead of raising an exception."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STUCK_SECONDS = 3.0
"""Seconds without a reaction of the loop after Ctrl-C, after which it counts as stuck and an exception ends it.

Usually a check blocks it.
"""


@contextlib.contextmanager
def on_interrupt(handle: Callable[[int], None], loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Call `handle(1)` at the first Ctrl-C and `handle(2)` at the second; raise KeyboardInterrupt at the third.

    `handle` runs in the main thread between two bytecode instructions of any code, so it must wake the running loop
    with `call_soon_threadsafe`. If the loop does not react for `STUCK_SECONDS`, KeyboardInterrupt is raised without
    another Ctrl-C. This is a plain signal handler because the event loops of Windows have no `add_signal_handler`;
    `asyncio.Runner` does not install its own beside it. Outside the main thread, or if another handler for Ctrl-C is
    installed, this does nothing.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
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
