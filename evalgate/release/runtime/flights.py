"""One load at a time for each name, however many threads wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from evalgate.release.runtime.held import Held
from evalgate.release.runtime.held_documents import compute_backoff
from evalgate.release.runtime.prompt_error import PromptUnavailableError, make_printable

PATIENCE = 2.0
"""Seconds that a request waits for a registry, if there is a copy of an earlier process to serve."""
LONGEST_WAIT = 30.0
"""Seconds that a request waits if there is nothing to serve."""
_LONGEST_BACKOFF = 30.0
_MOST_FAILURES = 1000


class Flight:
    """A load of a name. `done` is set at its end, with `error` if there is nothing to serve.

    `fallback` is the document of an earlier process, as soon as it has been read.
    """

    __slots__ = ("done", "error", "fallback", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.done = threading.Event()
        self.error: tuple[str, str] | None = None
        self.fallback: Held | None = None

    def wait(self) -> bool:
        """Wait for the end; return False if it takes so long that the fallback is better, or if it does not come."""
        if self.done.wait(PATIENCE):
            return True
        return self.fallback is None and self.done.wait(LONGEST_WAIT - PATIENCE)


class Flights:
    """The loads that are under way. A name that failed is not loaded again at once: its error is raised again."""

    def __init__(self, load: Callable[[Flight], None]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._running: dict[str, Flight] = {}
        self._failed: dict[str, tuple[int, float, tuple[str, str]]] = {}

    def begin(self, name: str) -> Flight:
        """Return the load of a name, which is started if it is not under way. Raises PromptUnavailableError."""
        with self._lock:
            flight = self._running.get(name)
            if flight is not None:
                return flight
            failed = self._failed.get(name)
            if failed is not None and monotonic() < failed[1]:
                raise make_error(failed[2])
            flight = Flight(name)
            thread = threading.Thread(target=self._run, args=(flight,), name="evalgate-load", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise PromptUnavailableError(f"{name}: no thread can be started: {error}") from None
            self._running[name] = flight
        return flight

    def reset_after_fork(self) -> None:
        """Forget the loads of the parent, whose threads are not in this process."""
        self._lock = threading.Lock()
        self._running = {}

    def _run(self, flight: Flight) -> None:
        try:
            self._load(flight)
        except Exception as error:  # a fault of ours: those who wait have to know it
            flight.error = (make_printable(f"{flight.name}: {type(error).__name__}: {error}"), "")
        finally:
            with self._lock:
                self._running.pop(flight.name, None)
                if flight.error is None:
                    self._failed.pop(flight.name, None)
                else:
                    self._note_failure(flight.name, flight.error)
            flight.done.set()

    def _note_failure(self, name: str, error: tuple[str, str]) -> None:
        failures = self._failed.get(name, (0, 0.0, error))[0] + 1
        while len(self._failed) >= _MOST_FAILURES:
            self._failed.pop(next(iter(self._failed)))
        self._failed[name] = (failures, monotonic() + compute_backoff(failures, _LONGEST_BACKOFF), error)


def make_error(error: tuple[str, str]) -> PromptUnavailableError:
    """Return the error of a load, a new one for each thread that waited."""
    return PromptUnavailableError(error[0], hint=error[1])
