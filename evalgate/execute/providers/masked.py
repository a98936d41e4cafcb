"""A provider that removes secrets from answers and errors; it wraps the provider of every target."""

from __future__ import annotations

from collections.abc import Callable

from evalgate.domain import Outcome, Request
from evalgate.execute.providers.protocol import Headroom, Memory, Provider, ProviderError
from evalgate.mask import Mask


class MaskedProvider:
    """A wrapper that removes the secrets of all targets from a provider's answers, before they are stored.

    Every secret is removed from every target's answers: a Python function sees the whole environment, and one endpoint
    may forward the text of another.
    """

    def __init__(self, provider: Provider, mask: Mask) -> None:
        self._provider = provider
        self._mask = mask

    @property
    def memory(self) -> Memory:
        return self._provider.memory

    @property
    def concurrency(self) -> int | None:
        return self._provider.concurrency

    async def answer(self, request: Request) -> Outcome:
        try:
            return self._mask.value(await self._provider.answer(request))
        except ProviderError as error:
            self._mask.error(error)
            raise

    def listen(self, told: Callable[[Headroom], None]) -> None:
        self._provider.listen(told)

    async def is_there(self) -> bool:
        return await self._provider.is_there()

    async def aclose(self) -> None:
        await self._provider.aclose()
