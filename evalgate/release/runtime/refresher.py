"""Keeps the documents of a client up to date in background threads, so that requests read memory alone."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from evalgate.release.checked_value import DocumentError
from evalgate.release.runtime.flights import Flight, Flights, make_error
from evalgate.release.runtime.held import Held, count_from
from evalgate.release.runtime.held_documents import HeldDocuments, describe_refusal, spread
from evalgate.release.runtime.prompt_error import PromptError, PromptUnavailableError, make_printable, warn

if TYPE_CHECKING:  # they load when a client uses them
    from evalgate.release.runtime.last_good import LastGood
    from evalgate.release.runtime.redis_layer import RedisLayer
    from evalgate.release.runtime.sources import Source

REDIS_WAIT = 0.2
"""Seconds that a load waits for Redis, however often its client tries again."""
ASK_SECONDS = 5.0
"""The process that asks the registry for all does it this often."""
LOOK_SECONDS = 10.0
"""The others look at Redis this often."""
_FRESH = 30.0
"""A copy in Redis that was confirmed so many seconds ago is as good as the registry's answer."""
_SAVE_SECONDS = 300.0
_LONGEST_PAUSE = 60.0
_MOST_REPORTED = 1000

_ALL: weakref.WeakSet[Refresher] = weakref.WeakSet()


class Refresher:
    """Loads documents, and asks for them again when they are due: `documents` has what requests are served from.

    A client that never refreshes (`static`) has no thread. `running` is False if the thread has to be started.
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
        self.documents = HeldDocuments(ttl)
        self.running = static
        self._static = static
        self._source = source
        self._redis = redis
        self._last_good = last_good
        self._flights = Flights(self._load)
        self._start_lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._look_at = monotonic()
        self._redis_down_until = 0.0
        self._reported: dict[str, str] = {}
        _ALL.add(self)

    def begin(self, name: str) -> Flight | None:
        """Start to load a document, or join the load that is under way; None if it is there.

        Raises PromptUnavailableError if a load has just failed, and after `close`.
        """
        if name in self.documents.by_name:
            return None
        if self._closed:
            raise PromptUnavailableError(f"{name}: the client is closed")
        return self._flights.begin(name)

    def find(self, name: str) -> Held:
        """Return a document, and wait for it if it is not there yet. Raises PromptUnavailableError."""
        flight = self.begin(name)
        if flight is not None and not flight.wait() and flight.fallback is not None:
            self.documents.accept_copy(flight.fallback)
        held = self.documents.by_name.get(name)
        if held is not None:
            return held
        error = None if flight is None else flight.error
        raise make_error(error or (f"{name}: the registry did not answer in time", "check that threads can run"))

    def start(self) -> None:
        """Start the thread that asks for what is due: at the first request of a process, also of a forked one."""
        with self._start_lock:
            if self.running or self._closed:
                return
            thread = threading.Thread(
                target=_work, args=(weakref.ref(self), self._wake), name="evalgate-refresh", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as error:
                self._report("", f"no thread can be started to refresh prompts: {error}")
                return
            self.running = True

    def close(self) -> None:
        """End the thread. What is held is served on, and no more refreshed."""
        self._closed = True
        self.running = True  # so that no request starts it again
        self._wake.set()

    def reset_after_fork(self) -> None:
        """Replace what belongs to the threads of the parent."""
        self.documents.reset_after_fork()
        self._flights.reset_after_fork()
        self._start_lock = threading.Lock()
        self._wake = threading.Event()
        self.running = self._static or self._closed
        self._look_at = monotonic() + spread(0.0, 1.0)
        if self._redis is not None:
            self._redis.forget_process()

    def refresh_due(self) -> float | None:
        """Do what is due, and return the seconds until something is due again; None after `close`."""
        if self._redis is not None and not self._closed and monotonic() >= self._look_at:
            self._look_at_redis(self._redis)
        for name, held in list(self.documents.by_name.items()):
            if not self._closed and monotonic() >= held.due:
                self._ask(name)
        saved = self._save()
        if self._closed:
            if self._redis is not None and monotonic() >= self._redis_down_until:
                self._try_redis(self._redis.resign)
            return None
        times = [held.due for held in list(self.documents.by_name.values())]
        if self._redis is not None:
            times.append(self._look_at)
        longest = _LONGEST_PAUSE if saved else ASK_SECONDS
        return max(0.02, min([longest, *(time - monotonic() for time in times)]))

    def _load(self, flight: Flight) -> None:
        """Load the first document of a name: a fresh copy in Redis, else the registry's, else any copy there is."""
        name = flight.name
        base = flight.fallback = None if self._last_good is None else self._last_good.read(name)
        asked = not self._load_from_redis(name, base)
        problem = self._ask(name, base) if asked else None
        if problem is not None and name not in self.documents.by_name:
            if base is None:
                hint = "the first start needs the registry, or a last_good file of an earlier one"
                flight.error = (f"{name}: {problem}", hint if self._last_good is not None else "")
                return
            self.documents.accept_copy(base)
        # before the end, as the process may be a short one
        self._save()
        flight.done.set()
        self.start()
        if asked and problem is None and self._redis is not None and monotonic() >= self._redis_down_until:
            held = self.documents.by_name[name]
            self._try_redis(partial(self._redis.store, held))
        # the thread may sleep beyond the time at which the new document is due
        self._wake.set()

    def _load_from_redis(self, name: str, base: Held | None) -> bool:
        """Take the copy in Redis, and return whether it is fresh."""
        redis = self._redis
        if redis is None or monotonic() < self._redis_down_until:
            return False
        try:
            data, _, _, checked = call_within(REDIS_WAIT, lambda: redis.read(name))
        except Exception as error:
            self._note_redis_failure(error)
            return False
        return (
            data is not None
            and self._take(name, data, count_from(checked), base)
            and (count_from(checked) > monotonic() - _FRESH)
        )

    def _ask(self, name: str, base: Held | None = None) -> str | None:
        """Ask the registry for a document; return what is wrong, None if nothing is."""
        asked = monotonic()
        try:
            self.documents.accept(name, self._source.read(name), asked, base=base)
        except DocumentError as error:
            problem = describe_refusal(error)
        except PromptError as error:
            problem = str(error)
        except Exception as error:  # of a function for the headers, for example: the thread has to go on
            problem = f"{type(error).__name__}: {error}"
        else:
            self._reported.pop(name, None)
            return None
        self.documents.fail(name)
        self._report(name, problem)
        return make_printable(problem)

    def _take(self, name: str, data: bytes, confirmed: float, base: Held | None = None) -> bool:
        """Take a copy from Redis; return whether it counts."""
        try:
            self.documents.accept(name, data, confirmed, base=base)
        except DocumentError as error:
            self._report(f"{name} in Redis", describe_refusal(error))
            return False
        self._reported.pop(f"{name} in Redis", None)
        return True

    def _look_at_redis(self, redis: RedisLayer) -> None:
        """Take what is new in Redis; ask the registry for all if this process has the lease."""
        began = monotonic()
        self._look_at = began + LOOK_SECONDS * spread(0.8, 0.95)
        own = list(self.documents.by_name)
        names: list[str] = []
        try:
            leads = redis.lead()
            redis.note_names(own)
            for name in own:
                self._take_change(redis, name)
            if leads:
                names = redis.list_names()
        except Exception as error:
            self._note_redis_failure(error)
            return
        self._redis_down_until = 0.0
        self._reported.pop("Redis", None)
        if leads:
            self._look_at = began + ASK_SECONDS * spread(0.8, 0.95)
            self._ask_for_all(redis, names)

    def _take_change(self, redis: RedisLayer, name: str) -> None:
        held = self.documents.by_name[name]
        data, _, digest, checked = redis.read(name, held.revision)
        if data is None:
            self.documents.confirm(name, digest, count_from(checked))
        else:
            self._take(name, data, count_from(checked))

    def _ask_for_all(self, redis: RedisLayer, names: list[str]) -> None:
        answers = 0
        for name in names:
            held = self.documents.by_name.get(name)
            if self._closed or (held is not None and held.failures and monotonic() < held.due):
                continue
            if held is None:
                # as a request would, with all checks
                try:
                    flight = self.begin(name)
                except PromptUnavailableError:
                    continue
                if flight is not None:
                    flight.wait()
            elif self._ask(name) is not None:
                continue
            held = self.documents.by_name.get(name)
            if held is not None:
                answers += 1
                if not self._try_redis(partial(redis.store, held)):
                    return
        if names and not answers:
            # another process may reach the registry
            self._try_redis(redis.resign)

    def _try_redis(self, call: Callable[[], Any]) -> bool:
        try:
            call()
        except Exception as error:
            self._note_redis_failure(error)
            return False
        return True

    def _note_redis_failure(self, error: Exception) -> None:
        self._redis_down_until = monotonic() + LOOK_SECONDS
        self._report("Redis", f"not used for now: {type(error).__name__}: {error}")

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

    def _report(self, subject: str, problem: str) -> None:
        """Write a problem to the log, once until it changes or ends."""
        message = make_printable(f"{subject}: {problem}" if subject else problem)
        if self._reported.get(subject) != message:
            if len(self._reported) >= _MOST_REPORTED:
                self._reported.clear()
            self._reported[subject] = message
            warn(message)


def call_within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a call returns, or raise what it raises. Raises TimeoutError after some seconds, and leaves it."""
    from queue import SimpleQueue

    results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:
            results.put((None, error))

    threading.Thread(target=run, name="evalgate-redis", daemon=True).start()
    try:
        result, error = results.get(timeout=seconds)
    except Exception:  # queue.Empty
        raise TimeoutError(f"no answer within {seconds} s") from None
    if error is not None:
        raise error
    return result


def _work(reference: weakref.ref[Refresher], wake: threading.Event) -> None:
    """Refresh until the client is closed or no longer used. The reference is weak, so that the latter is noticed."""
    while (refresher := reference()) is not None:
        wake.clear()
        try:
            pause = refresher.refresh_due()
        except Exception as error:  # a fault of ours must not end the refreshes
            warn(make_printable(f"prompts were not refreshed: {type(error).__name__}: {error}"))
            pause = ASK_SECONDS
        del refresher
        if pause is None:
            return
        wake.wait(pause)


def _reset_all() -> None:
    for refresher in list(_ALL):
        refresher.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
