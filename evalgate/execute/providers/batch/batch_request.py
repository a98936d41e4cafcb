"""The requests that wait for a batch, and how they are dealt into files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evalgate.domain import Outcome, Request
from evalgate.execute.providers.protocol import ProviderError


@dataclass(slots=True, eq=False)
class BatchRequest:
    """A request somebody waits for. `tries` counts the batches it has failed in, `promised` dollars at most."""

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
    """Files that keep the limits, each for one model: the API takes no two in a file.

    `narrow` has smaller numbers of requests for some models.
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
    """The same error for one more place to raise it: a single one would gather the tracebacks of all."""
    if not isinstance(error, ProviderError):
        return error
    same = ProviderError(
        error.message,
        retryable=error.retryable,
        retry_after=error.retry_after,
        fatal=error.fatal,
        hint=error.hint,
        unreachable=error.unreachable,
    )
    same.own = error.own
    return same
