"""What the engine asks of whoever answers, and how an answer can fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from evalgate.domain import Outcome, Request


@dataclass(frozen=True, slots=True)
class FunctionMemory:
    """Answers of code, which may change between two runs: `fingerprint` is of what stands behind them now."""

    fingerprint: str


Memory: TypeAlias = Literal["cache", "declared", "run", "nothing"] | FunctionMemory


WHOLE_ROUND: Final = sys.maxsize
"""The `concurrency` of a provider that collects: requests wait in it, for hours perhaps, and hold no slot meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What an endpoint says is left of its limits, and the seconds until they are whole again; None: not said."""

    requests_left: int | None = None
    requests_reset: float = 0.0
    tokens_left: int | None = None
    tokens_reset: float = 0.0


_NOT_TOLD = " (what it said is withheld)"


class ProviderError(Exception):
    """A request that was not answered.

    `retryable`: the same request may succeed later, after `retry_after` seconds where the endpoint says so.
    `fatal`: no other request to this target can succeed either, so the run ends, with `hint` saying how to mend it.
    `throttled`: there were too many requests, so `retry_after` holds for the whole target.
    `unreachable`: nobody answered at all (refused, unknown host, reset), as opposed to an answer that was no use.
    Neither retryable nor fatal: this one request has failed for good. The message never holds a secret.
    `said` are the endpoint's own words, which end the message; `own` is the message without them, for who may not read
    what was asked: endpoints repeat it.
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
    ) -> None:
        super().__init__(message + said)
        self.message = message + said
        self.own = message + (_NOT_TOLD if said else "")
        self.retryable = retryable
        self.retry_after = retry_after
        self.fatal = fatal
        self.hint = hint
        self.unreachable = unreachable
        self.throttled = throttled

    def adding(self, more: str) -> None:
        """Ends both messages with a sentence of ours."""
        self.message += more
        self.own += more


class Provider(Protocol):
    """Answers the requests of one target, all from within the engine's event loop.

    `memory` says what may be remembered of its answers: "cache" (the request's key determines what is asked),
    "declared" (so it does by its owner's word; it is never asked twice at once, for it may do more than answer),
    WhileUnchanged (only for continuing this very run, with the same code behind it), "run" (not beyond this engine) or
    "nothing" (the answers are stored already; asking is no call and costs nothing). `concurrency` is how many requests
    it takes at once; None: as many as the engine sends; WHOLE_ROUND: all there are, whatever the engine's limit.
    """

    @property
    def memory(self) -> Memory: ...

    @property
    def concurrency(self) -> int | None: ...

    async def answer(self, request: Request) -> Outcome:
        """The outcome of one request. Raises ProviderError."""
        ...

    def listen(self, told: Callable[[Headroom], None]) -> None:
        """`told` is to be called with whatever a reply says of the endpoint's limits."""
        ...

    async def is_there(self) -> bool:
        """Whether anything is heard of it within a few seconds, at no cost: asked when no answer has come for long."""
        ...

    async def aclose(self) -> None:
        """Lets go of connections; called once, in the loop that `answer` ran in."""
        ...


class WithoutEndpoint:
    """Base of a provider that calls no endpoint itself: it tells of no limits, is always there, and closes nothing."""

    def listen(self, told: Callable[[Headroom], None]) -> None:
        pass

    async def is_there(self) -> bool:
        return True

    async def aclose(self) -> None:
        pass
