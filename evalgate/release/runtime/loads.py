"""One load at a time for each name, however many threads wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from evalgate.release.runtime.cached_document import CachedDocument
from evalgate.release.runtime.document_cache import compute_backoff
from evalgate.release.runtime.prompt_error import PromptUnavailableError, make_printable

FALLBACK_SECONDS = 2.0
"""Seconds that a request waits for a registry, if there is a copy of an earlier process to serve."""
LONGEST_WAIT_SECONDS = 30.0
"""Seconds that a request waits if there is nothing to serve."""
_LONGEST_BACKOFF = 30.0
_MOST_FAILURES = 1000


class Load:
    """A load of a name. `done` is set at its end, with `error` if there is nothing to serve.

    `fallback` is the document of an earlier process, as soon as it has been read.
    """

    __slots__ = ("done", "error", "fallback", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.done = threading.Event()
        self.error: tuple[str, str] | None = None
        self.fallback: CachedDocument | None = None

    def wait(self) -> bool:
        """Wait for the end; return False if it takes so long that the fallback is better, or if it does not come."""
        if self.done.wait(FALLBACK_SECONDS):
            return True
        return self.fallback is None and self.done.wait(LONGEST_WAIT_SECONDS - FALLBACK_SECONDS)


class Loads:
    """The loads that are under way. A name that failed is not loaded again at once: its error is raised again."""

    def __init__(self, load: Callable[[Load], None]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._running: dict[str, Load] = {}
        self._failed: dict[str, tuple[int, float, tuple[str, str]]] = {}

    def begin(self, name: str) -> Load:
        """Return the load of a name, which is started if it is not under way. Raises PromptUnavailableError."""
        with self._lock:
            load = self._running.get(name)
            if load is not None:
                return load
            failed = self._failed.get(name)
            if failed is not None and monotonic() < failed[1]:
                raise make_error(failed[2])
            load = Load(name)
            thread = threading.Thread(target=self._run, args=(load,), name="evalgate-load", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise PromptUnavailableError(f"{name}: no thread can be started: {error}") from None
            self._running[name] = load
        return load

    def reset_after_fork(self) -> None:
        """Forget the loads of the parent, whose threads are not in this process."""
        self._lock = threading.Lock()
        self._running = {}

    def _run(self, load: Load) -> None:
        try:
            self._load(load)
        except Exception as error:  # a fault of ours: those who wait have to know it
            load.error = (make_printable(f"{load.name}: {type(error).__name__}: {error}"), "")
        finally:
            with self._lock:
                self._running.pop(load.name, None)
                if load.error is None:
                    self._failed.pop(load.name, None)
                else:
                    self._note_failure(load.name, load.error)
            load.done.set()

    def _note_failure(self, name: str, error: tuple[str, str]) -> None:
        failures = self._failed.get(name, (0, 0.0, error))[0] + 1
        while len(self._failed) >= _MOST_FAILURES:
            self._failed.pop(next(iter(self._failed)))
        self._failed[name] = (failures, monotonic() + compute_backoff(failures, _LONGEST_BACKOFF), error)


def make_error(error: tuple[str, str]) -> PromptUnavailableError:
    """Return the error of a load, a new one for each thread that waited."""
    return PromptUnavailableError(error[0], hint=error[1])
