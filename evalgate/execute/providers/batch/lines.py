"""What a batch's files say: the request that is sent, the outcome that comes back, why one is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalgate.domain import Failure, Outcome, Prices, Request, Usage
from evalgate.domain.tokens import estimate_output_tokens, estimate_tokens
from evalgate.execute.providers import chat_completions
from evalgate.execute.providers.batch.api import ENDPOINT, BatchEndpoint, BatchState
from evalgate.execute.providers.batch.records import BatchRecord
from evalgate.execute.providers.protocol import ProviderError


def make_line(key: str, request: Request, model: str) -> bytes:
    """The line for a request; its key is the `custom_id` by which the answer is found again."""
    line = {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": chat_completions.make_body(request, model)}
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def estimate_cost(line: bytes, request: Request, prices: Prices) -> float:
    """Dollars, by a plan's rules: 4 characters a token, an answer as long as its limit, else 256 tokens."""
    written = estimate_output_tokens(request.parameters)
    return chat_completions.compute_cost(Usage(input_tokens=estimate_tokens(len(line)), output_tokens=written), prices)


def read_line(line: Mapping[str, Any], request: Request, model: str, endpoint: BatchEndpoint) -> Outcome:
    """The outcome of one request, from the output file or the error file. Nobody measured its seconds.

    Raises ProviderError as a call of its own would.
    """
    response = line.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    if not isinstance(response, dict) or type(status) is not int:
        error = line.get("error")
        said = error.get("message") or error.get("code") if isinstance(error, dict) else None
        if not said:
            raise ProviderError(f"{endpoint.who}: a line of the batch holds no response", retryable=True)
        raise ProviderError(endpoint.who, said=f": {endpoint.clean(str(said))}", retryable=True)
    content = response.get("body")
    if status == 200:
        return chat_completions.read_reply(content, seconds=None, scale=request.scale, prices=endpoint.prices)
    if chat_completions.is_filtered(status, content):
        return Failure(kind="unusable", message="the endpoint's content filter refused the request")
    raise endpoint.explained(status, content, {}, model=model, scored=request.scale is not None)


def make_unanswered_error(batch: BatchState | None, record: BatchRecord, endpoint: BatchEndpoint) -> ProviderError:
    """Why a batch has no line for a request; `batch` is None when the endpoint knows it no more."""
    if batch is None:
        return ProviderError(f"{endpoint.who} knows batch {record.id} no more", retryable=True)
    if batch.status == "failed":
        said = endpoint.clean("; ".join(sentence for _, sentence in batch.faults[:3]))
        message, hint = (
            f"{endpoint.who} refused batch {batch.id}",
            "correct what it names, and run the same command again",
        )
        if not said:
            return ProviderError(f"{message}: it gives no reason", fatal=True, hint=hint)
        return ProviderError(message, said=f": {said}", fatal=True, hint=hint)
    if batch.status == "cancelled":
        hint = "run the same command again: what was answered is kept, the rest is sent anew"
        return ProviderError(f"batch {batch.id} was cancelled at {endpoint.who}", fatal=True, hint=hint)
    return ProviderError(f"batch {batch.id} ({batch.status}) has no answer to this request", retryable=True)
