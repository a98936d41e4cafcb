"""The requests that wait for a batch, and their division into files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evalgate.domain import Outcome, Request
from evalgate.execute.providers.protocol import ProviderError


@dataclass(slots=True, eq=False)
class BatchRequest:
    """A request with the future of its answer.

    `tries` counts the batches in which it has failed. `promised` is its estimated maximum cost in US dollars.
    """

    request: Request
    key: str
    model: str
    line: bytes
    answer: asyncio.Future[Outcome]
    tries: int = 0
    promised: float = 0.0


def split_into_files(
    queue: Iterable[BatchRequest], most_requests: int, most_bytes: int, narrow: Mapping[str, int]
) -> Iterator[list[BatchRequest]]:
    """Yield files within the limits, each for one model: the API does not accept two models in a file.

    `narrow` has smaller limits on the number of requests for some models.
    """
    by_model: dict[str, list[BatchRequest]] = {}
    for asked in queue:
        by_model.setdefault(asked.model, []).append(asked)
    for model, waiting in by_model.items():
        most = min(most_requests, narrow.get(model, most_requests))
        file: list[BatchRequest] = []
        size = 0
        for asked in waiting:
            if file and (len(file) == most or size + len(asked.line) > most_bytes):
                yield file
                file, size = [], 0
            file.append(asked)
            size += len(asked.line)
        yield file


def find_own(error: Exception) -> Exception:
    """Return a copy of the error for another request: a shared error would collect the tracebacks of all requests."""
    return error.copy() if isinstance(error, ProviderError) else error
