"""Keeps the documents of a client up to date in background threads, so that requests read memory alone."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from evalgate.release.checked_value import DocumentError
from evalgate.release.runtime.cached_document import CachedDocument
from evalgate.release.runtime.document_cache import DocumentCache, describe_refusal
from evalgate.release.runtime.loads import Load, Loads, make_error
from evalgate.release.runtime.problem_log import ProblemLog
from evalgate.release.runtime.prompt_error import PromptError, PromptUnavailableError, make_printable, warn

if TYPE_CHECKING:  # they load when a client uses them
    from evalgate.release.runtime.last_good import LastGood
    from evalgate.release.runtime.redis_layer import RedisLayer
    from evalgate.release.runtime.redis_polling import RedisPolling
    from evalgate.release.runtime.sources import Source

_SAVE_SECONDS = 300.0
"""How often a document that does not change is written again, for the time of its confirmation."""
_LONGEST_PAUSE = 60.0
_RETRY_PAUSE = 5.0

_ALL: weakref.WeakSet[Refresher] = weakref.WeakSet()


class Refresher:
    """Loads documents, and asks for them again when they are due: `documents` has what requests are served from.

    One thread asks the registry, another one looks at Redis, if there is one. A client that never refreshes (`static`)
    has none. `running` is False if they have to be started.
    """

    def __init__(
        self,
        source: Source,
        *,
        ttl: float,
        redis: RedisLayer | None = None,
        last_good: LastGood | None = None,
        static: bool = False,
    ) -> None:
        self.documents = DocumentCache(ttl)
        self.problems = ProblemLog()
        self.running = static
        self._static = static
        self._source = source
        self._rounds = None if redis is None else _make_polling(redis, self)
        self._last_good = last_good
        self._loads = Loads(self._load)
        self._lock = threading.Lock()
        self._asking: set[str] = set()
        self._wakes = (threading.Event(), threading.Event())
        self._closed = False
        _ALL.add(self)

    def begin(self, name: str) -> Load | None:
        """Start to load a document, or join the load that is under way; None if it is there.

        Raises PromptUnavailableError if a load has just failed, and after `close`.
        """
        if name in self.documents.by_name:
            return None
        if self._closed:
            raise PromptUnavailableError(f"{name}: the client is closed")
        return self._loads.begin(name)

    def find(self, name: str) -> CachedDocument:
        """Return a document, and wait for it if it is not there yet. Raises PromptUnavailableError."""
        load = self.begin(name)
        if load is not None and not load.wait() and load.fallback is not None:
            self.documents.accept_copy(load.fallback)
        held = self.documents.by_name.get(name)
        if held is not None:
            return held
        error = None if load is None else load.error
        raise make_error(error or (f"{name}: the registry did not answer in time", "check that threads can run"))

    def list_names(self) -> list[str]:
        """Return the names of all prompts of the registry. Raises SourceError."""
        return self._source.list_names()

    def start(self) -> None:
        """Start the threads: at the first request of a process, also of a forked one."""
        with self._lock:
            if self.running or self._closed:
                return
            turns = (
                [Refresher.refresh_due] if self._rounds is None else [Refresher.refresh_due, Refresher.look_at_redis]
            )
            try:
                for turn, wake in zip(turns, self._wakes, strict=False):
                    thread = threading.Thread(
                        target=_work, args=(weakref.ref(self), turn, wake), name="evalgate-refresh", daemon=True
                    )
                    thread.start()
            except RuntimeError as error:
                self.problems.report("", f"no thread can be started to refresh prompts: {error}")
                return
            self.running = True

    def close(self) -> None:
        """End the threads. What is held is served on, and no more refreshed."""
        self._closed = True
        self.running = True  # so that no request starts them again
        self._wake_all()

    def reset_after_fork(self) -> None:
        """Replace what belongs to the threads of the parent."""
        self.documents.reset_after_fork()
        self._loads.reset_after_fork()
        self._lock = threading.Lock()
        self._asking = set()
        self._wakes = (threading.Event(), threading.Event())
        self.running = self._static or self._closed
        if self._rounds is not None:
            self._rounds.reset_after_fork()

    def refresh_due(self) -> float | None:
        """Ask for what is due, and return the seconds until something is due again; None after `close`."""
        for name, held in list(self.documents.by_name.items()):
            if not self._closed and monotonic() >= held.due:
                self.ask(name)
        longest = _LONGEST_PAUSE if self._save() else _RETRY_PAUSE
        if self._closed:
            return None
        times = [held.due - monotonic() for held in list(self.documents.by_name.values())]
        return max(0.05, min([longest, *times]))

    def look_at_redis(self) -> float | None:
        """Go a round at Redis, and return the seconds until the next one; None after `close`."""
        assert self._rounds is not None
        if not self._closed:
            pause = self._rounds.look()
            # the other thread sleeps until a document was due, and writes what is new
            self._wakes[0].set()
            if not self._closed:
                return pause
        self._rounds.resign()
        return None

    def ask(self, name: str, base: CachedDocument | None = None) -> str | None:
        """Ask the registry for a document; return what is wrong, None if nothing is.

        `base` is what must not be replaced by less, if nothing is held. Two threads never ask for one name at once.
        """
        with self._lock:
            if name in self._asking:
                return "it is being asked for"
            self._asking.add(name)
        try:
            problem = self._ask(name, base)
        finally:
            with self._lock:
                self._asking.discard(name)
        if problem is None:
            self.problems.forget(name)
            return None
        self.documents.fail(name)
        self.problems.report(name, problem)
        return make_printable(problem)

    def _ask(self, name: str, base: CachedDocument | None) -> str | None:
        asked = monotonic()
        try:
            self.documents.accept(name, self._source.read(name), asked, base=base)
        except DocumentError as error:
            return describe_refusal(error)
        except PromptError as error:
            return str(error)
        except Exception as error:  # of a function for the headers, for example: the thread has to go on
            return f"{type(error).__name__}: {error}"
        return None

    def _load(self, load: Load) -> None:
        """Load the first document of a name: a fresh copy in Redis, else the registry's, else any copy there is."""
        name = load.name
        base = load.fallback = None if self._last_good is None else self._last_good.read(name)
        asked = self._rounds is None or not self._rounds.load(name, base)
        problem = self.ask(name, base) if asked else None
        if problem is not None and name not in self.documents.by_name:
            if base is None:
                hint = "the first start needs the registry, or a last_good file of an earlier one"
                load.error = (f"{name}: {problem}", hint if self._last_good is not None else "")
                return
            self.documents.accept_copy(base)
        # before the end, as the process may be a short one
        self._save()
        load.done.set()
        self.start()
        if asked and problem is None and self._rounds is not None:
            self._rounds.store(name)
        # the thread may sleep beyond the time at which the new document is due
        self._wakes[0].set()

    def _save(self) -> bool:
        """Write what is new to the file of last documents. Return whether nothing is left to write."""
        if self._last_good is None:
            return True
        changed = [one for one in list(self.documents.by_name.values()) if one.confirmed - one.saved > _SAVE_SECONDS]
        if not changed:
            return True
        times = [held.confirmed for held in changed]
        if not self._last_good.write(changed):
            return False
        for held, time in zip(changed, times, strict=True):
            held.saved = time
        return True

    def _wake_all(self) -> None:
        for wake in self._wakes:
            wake.set()


def _make_polling(redis: RedisLayer, refresher: Refresher) -> RedisPolling:
    from evalgate.release.runtime.redis_polling import RedisPolling

    return RedisPolling(redis, refresher)


def _work(reference: weakref.ref[Refresher], turn: Callable[[Refresher], float | None], wake: threading.Event) -> None:
    """Take turns until the client is closed or no longer used. The reference is weak, so that the latter is noticed."""
    while (refresher := reference()) is not None:
        wake.clear()
        try:
            pause = turn(refresher)
        except Exception as error:  # a fault of ours must not end the refreshes
            warn(make_printable(f"prompts were not refreshed: {type(error).__name__}: {error}"))
            pause = _RETRY_PAUSE
        del refresher
        if pause is None:
            return
        wake.wait(pause)


def _reset_all() -> None:
    for refresher in list(_ALL):
        refresher.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
