"""The rounds of a process at Redis: it takes what is new, and asks the registry for all processes if it has the lease.

They have a thread of their own, and each call an end of its own, as a client of Redis may wait for a server that is
gone or slow for as long as it likes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeVar

from evalgate.release.checked_value import DocumentError
from evalgate.release.runtime.bounded_calls import BoundedCalls
from evalgate.release.runtime.cached_document import CachedDocument
from evalgate.release.runtime.document_cache import DocumentCache, describe_refusal, spread
from evalgate.release.runtime.loads import Load
from evalgate.release.runtime.problem_log import ProblemLog
from evalgate.release.runtime.prompt_error import PromptUnavailableError
from evalgate.release.runtime.redis_layer import LEASE_MILLISECONDS, RedisCopy, RedisLayer

Result = TypeVar("Result")

REDIS_WAIT = 0.2
"""Seconds that a load waits for Redis, however often its client tries again."""
ASK_SECONDS = 5.0
"""The process that asks the registry for all does it this often."""
CALL_SECONDS = 5.0
"""Seconds that any other call of Redis may take."""
LOOK_SECONDS = 10.0
"""The others look at Redis this often, and a Redis that failed is left alone for as long."""
_FRESH = 30.0
"""A copy that was confirmed so many seconds ago is as good as the registry's answer."""


class RegistryAccess(Protocol):
    """The registry's side of a client, which the rounds use."""

    documents: DocumentCache
    problems: ProblemLog

    def ask(self, name: str) -> str | None:
        """Ask for a document that is held; return what is wrong, None if nothing is."""
        ...

    def begin(self, name: str) -> Load | None:
        """Start to load a document that is not held. Raises PromptUnavailableError."""
        ...


class RedisPolling:
    """The use of Redis by one client. Errors of Redis are logged and never raised, and it is left alone for a while."""

    def __init__(self, layer: RedisLayer, registry: RegistryAccess) -> None:
        self._layer = layer
        self._registry = registry
        self._down_until = 0.0
        self._calls = BoundedCalls()

    def load(self, name: str, base: CachedDocument | None) -> bool:
        """Take the first document of a name from Redis, within REDIS_WAIT. Return whether it is as good as asking."""
        if monotonic() < self._down_until:
            return False
        try:
            copy = self._calls.call(REDIS_WAIT, partial(self._layer.read, name))
        except Exception as error:
            self._note_failure(error)
            return False
        return self._take(name, copy, base) and copy.age < _FRESH

    def store(self, name: str) -> bool:
        """Give Redis a document that the registry has just confirmed. Return whether Redis answered."""
        held = self._registry.documents.by_name.get(name)
        if held is None or monotonic() < self._down_until:
            return False
        return self._try(partial(self._spare, name, partial(self._layer.store, held)))

    def resign(self) -> None:
        """Give the lease back, if this process has it."""
        if monotonic() >= self._down_until:
            self._try(partial(self._calls.call, CALL_SECONDS, self._layer.resign))

    def reset_after_fork(self) -> None:
        self._layer.forget_process()

    def look(self) -> float:
        """Take what is new in Redis; ask the registry for all with the lease. Return the seconds until the next round.

        The round begins as often as ASK_SECONDS or LOOK_SECONDS say, less up to a fifth by chance.
        """
        began = monotonic()
        own = list(self._registry.documents.by_name)
        names: list[str] = []
        try:
            leads = self._calls.call(CALL_SECONDS, self._layer.lead)
            self._spare("the names", partial(self._layer.note_names, own))
            for name in own:
                revision = self._registry.documents.by_name[name].revision
                copy = self._spare(name, partial(self._layer.read, name, revision))
                if copy is not None:
                    self._accept(name, copy)
            if leads:
                names = self._spare("the names", self._layer.list_names) or []
        except Exception as error:
            self._note_failure(error)
            return LOOK_SECONDS
        self._down_until = 0.0
        self._registry.problems.forget("Redis")
        if leads:
            self._ask_for_all(own, sorted(set(names).difference(own), key=lambda name: os.urandom(4)))
        seconds = ASK_SECONDS if leads else LOOK_SECONDS
        return max(0.05, began + seconds * spread(0.8, 0.95) - monotonic())

    def _accept(self, name: str, copy: RedisCopy) -> None:
        if copy.data is not None:
            self._take(name, copy)
        elif copy.revision:
            self._registry.documents.confirm(name, copy.digest, monotonic() - copy.age)

    def _spare(self, subject: str, call: Callable[[], Result]) -> Result | None:
        """Call in time, and report a fault of one key, so that it stops nothing else. Raises if Redis is gone."""
        try:
            return self._calls.call(CALL_SECONDS, call)
        except Exception as error:
            if _is_gone(error):
                raise
            self._registry.problems.report(f"{subject} in Redis", f"{type(error).__name__}: {error}")
        return None

    def _ask_for_all(self, own: list[str], others: list[str]) -> None:
        """Ask the registry for what this process serves, then for what others use, for as long as the lease lasts."""
        began = monotonic()
        answers = 0
        for name in [*own, *others]:
            if name not in self._registry.documents.by_name and monotonic() - began > LEASE_MILLISECONDS / 1000:
                break
            if not self._ask(name):
                continue
            answers += 1
            if not self.store(name):
                return
        if own + others and not answers:
            # another process may reach the registry
            self.resign()

    def _ask(self, name: str) -> bool:
        """Ask the registry for a name, unless it has just failed. Return whether it answered."""
        held = self._registry.documents.by_name.get(name)
        if held is not None:
            in_backoff = held.failures and monotonic() < held.due
            return not in_backoff and self._registry.ask(name) is None
        try:
            load = self._registry.begin(name)  # with all checks, as for a request
        except PromptUnavailableError:
            return False
        if load is not None:
            load.wait()
        return name in self._registry.documents.by_name

    def _take(self, name: str, copy: RedisCopy, base: CachedDocument | None = None) -> bool:
        """Take a copy; return whether it counts."""
        if copy.data is None:
            return False
        subject = f"{name} in Redis"
        try:
            self._registry.documents.accept(name, copy.data, monotonic() - copy.age, base=base)
        except DocumentError as error:
            self._registry.problems.report(subject, describe_refusal(error))
            return False
        self._registry.problems.forget(subject)
        return True

    def _try(self, call: Callable[[], Any]) -> bool:
        try:
            call()
        except Exception as error:
            self._note_failure(error)
            return False
        return True

    def _note_failure(self, error: Exception) -> None:
        self._down_until = monotonic() + LOOK_SECONDS
        self._registry.problems.report("Redis", f"not used for now: {type(error).__name__}: {error}")


def _is_gone(error: Exception) -> bool:
    """Return whether an error is of the connection, and not of one key: by name, as the client is the application's."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return not kinds.isdisjoint(("OSError", "ConnectionError", "TimeoutError"))
