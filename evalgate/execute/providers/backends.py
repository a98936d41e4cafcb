"""Ways to a model other than this process's own calls: which requests take them, and what they keep meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from evalgate.domain import Batching, Limits, Target
from evalgate.execute.providers.protocol import Provider

if TYPE_CHECKING:
    from evalgate.execute.providers.batch.records import BatchRecords

EngineName = Literal["asyncio", "ray", "batch"]


class Backend(Protocol):
    """Makes the providers of `openai` targets; every other kind of target answers where it always does."""

    def provider(self, target: Target, api_key: str | None) -> Provider:
        """Raises InputError when the target's key is missing."""
        ...

    def start(self) -> None:
        """All providers have been made. Raises ServiceError."""
        ...

    def finish(self) -> None:
        """The run is complete."""
        ...

    def close(self) -> None:
        """Lets go of everything, complete or not; the providers have been closed before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBackend:
    """Each target's requests as batches of OpenAI's Batch API; `note` is told what becomes of them."""

    records: BatchRecords
    batching: Batching
    limits: Limits
    note: Callable[[str], None]

    def provider(self, target: Target, api_key: str | None) -> Provider:
        from evalgate.execute.providers.batch.api import BatchEndpoint
        from evalgate.execute.providers.batch.provider import BatchProvider

        return BatchProvider(
            BatchEndpoint(target, api_key, self.limits.timeout),
            target,
            self.records,
            batching=self.batching,
            attempts=self.limits.attempts,
            max_cost_usd=self.limits.max_cost_usd,
            note=self.note,
        )

    def start(self) -> None:
        pass

    def finish(self) -> None:
        self.records.finish()

    def close(self) -> None:
        pass
