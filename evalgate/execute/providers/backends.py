"""Backends: ways to call a model other than calls of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from evalgate.domain import Batching, Limits, Target
from evalgate.execute.providers.protocol import Provider

if TYPE_CHECKING:
    from evalgate.execute.providers.batch.records import BatchRecords

EngineName = Literal["asyncio", "ray", "batch"]


class Backend(Protocol):
    """A factory of providers for `openai` targets; other kinds of targets do not use a backend."""

    def provider(self, target: Target, api_key: str | None, headers: Mapping[str, str] | None = None) -> Provider:
        """Return a provider. Raise MissingSecretError when the target's key, or a header's value, is missing."""
        ...

    def start(self) -> None:
        """Start the backend, after all providers were made. Raise ServiceError."""
        ...

    def finish(self) -> None:
        """Remove what only an incomplete run needs, after the run is complete."""
        ...

    def close(self) -> None:
        """Release all resources, after the providers were closed; the run may be incomplete."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBackend:
    """A backend that sends each target's requests through OpenAI's Batch API; `note` receives a sentence per event."""

    records: BatchRecords
    batching: Batching
    limits: Limits
    note: Callable[[str], None]

    def provider(self, target: Target, api_key: str | None, headers: Mapping[str, str] | None = None) -> Provider:
        from evalgate.execute.providers.batch.api import BatchEndpoint
        from evalgate.execute.providers.batch.provider import BatchProvider

        return BatchProvider(
            BatchEndpoint(target, api_key, self.limits.timeout, headers=headers),
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
