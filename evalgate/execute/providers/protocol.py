"""The interface between the engine and its providers, with the error that a request may end in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from evalgate.domain import Outcome, Request


@dataclass(frozen=True, slots=True)
class FunctionMemory:
    """The memory of a function: its answers are valid while `fingerprint` (of code and data) stays the same."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class DeclaredCode:
    """The memory of a function with a declared version whose code is known: answers are valid for both together."""

    code: str


Memory: TypeAlias = Literal["cache", "declared", "run", "nothing"] | FunctionMemory | DeclaredCode


WHOLE_ROUND: Final = sys.maxsize
"""The `concurrency` of a provider that collects requests: they wait in it, perhaps for hours, and hold no slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """The remaining requests and tokens that an endpoint reports, with seconds to their reset; None: not reported."""

    requests_left: int | None = None
    requests_reset: float = 0.0
    tokens_left: int | None = None
    tokens_reset: float = 0.0


_WITHHELD = " (the endpoint's message is withheld)"


class ProviderError(Exception):
    """A request that was not answered.

    - `retryable`: the same request may succeed later, after `retry_after` seconds if the endpoint gives them.
    - `fatal`: no other request to this target can succeed either, so the run ends; `hint` says how to fix it.
    - Neither: this one request has failed permanently.
    - `throttled`: there were too many requests, so `retry_after` applies to the whole target.
    - `unreachable`: there was no connection (refused, unknown host, reset).
    - `refused`: the endpoint understood the request and refused it. Together with `fatal`: it holds for every call only
      if no call to this target has been answered.
    - `adaptations`: the endpoint may accept the request with these changes (`domain.adaptations`).
    - `startup_timeout`: the endpoint is loading its model, and is waited for, this many seconds at most.
    - `slow`: the endpoint did not answer in time.
    - `attempts`: how often the request has been made.
    - `said`: the endpoint's own message, which is appended to `message`.

    The attribute `own` is the message without `said`, for readers who may not see the request: endpoints repeat parts
    of it. No message contains a secret.
    """

    def __init__(
        self,
        message: str,
        *,
        said: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        fatal: bool = False,
        hint: str | None = None,
        unreachable: bool = False,
        throttled: bool = False,
        refused: bool = False,
        adaptations: tuple[str, ...] = (),
        startup_timeout: float | None = None,
        slow: bool = False,
    ) -> None:
        super().__init__(message + said)
        self.message = message + said
        self.own = message + (_WITHHELD if said else "")
        self.retryable = retryable
        self.retry_after = retry_after
        self.fatal = fatal
        self.hint = hint
        self.unreachable = unreachable
        self.throttled = throttled
        self.refused = refused
        self.adaptations = adaptations
        self.startup_timeout = startup_timeout
        self.slow = slow
        self.attempts = 1

    def copy(self) -> ProviderError:
        """Return an equal error without the traceback and the causes."""
        same = ProviderError(self.message)
        vars(same).update(vars(self))
        return same

    def adding(self, more: str) -> None:
        """Append `more` to `message` and to `own`."""
        self.message += more
        self.own += more


def name_provider(request: Request) -> str:
    """Return the name of the provider that answers a request: its target, or that of the embeddings of its target.

    They have providers, and so limits and a circuit breaker, of their own: no embedding changes how answers are asked
    for.
    """
    return name_embeddings(request.target) if request.embeds else request.target


def name_embeddings(target: str) -> str:
    """Return the name of the provider of a target's embeddings."""
    return f"{target} (embeddings)"


class Provider(Protocol):
    """The source of answers for one target; the engine calls it in its event loop.

    `memory` says where its answers may be stored:

    - "cache": in cache and journal, since the request's key determines the answer.
    - "declared": as "cache", because its owner declares a version. Calls are not hedged: they may have side effects.
    - DeclaredCode: as "declared", under the digest of the function's code as well.
    - FunctionMemory: in the journal, to continue this run while the function's code and data are unchanged.
    - "run": only in this engine.
    - "nothing": nowhere. The answers are stored already, so an answer is not a call and costs nothing.

    `concurrency` is the number of requests it takes at once. None: as many as the engine sends. WHOLE_ROUND: all of
    them, above the engine's limit as well.
    """

    @property
    def memory(self) -> Memory: ...

    @property
    def concurrency(self) -> int | None: ...

    async def answer(self, request: Request) -> Outcome:
        """Return the outcome of one request. Raise ProviderError."""
        ...

    def listen(self, told: Callable[[Headroom], None]) -> None:
        """Register a callback for the rate limits that replies report."""
        ...

    async def is_there(self) -> bool:
        """Ping the target, at no cost; return True if it responds within a few seconds."""
        ...

    async def aclose(self) -> None:
        """Close the connections; called once, in the loop that `answer` ran in."""
        ...


class WithoutEndpoint:
    """Base of a provider without an endpoint: it reports no limits, always responds, and closes nothing."""

    def listen(self, told: Callable[[Headroom], None]) -> None:
        pass

    async def is_there(self) -> bool:
        return True

    async def aclose(self) -> None:
        pass
