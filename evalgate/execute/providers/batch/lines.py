"""The lines of a batch's files: requests to lines, lines to outcomes, and the error for a missing line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalgate.domain import Failure, Outcome, Prices, Request, Usage, find_error, is_filter_error
from evalgate.domain.tokens import estimate_output_tokens, estimate_tokens
from evalgate.execute.providers import chat_completions, refusals
from evalgate.execute.providers.batch.api import ENDPOINT, BatchEndpoint, BatchState
from evalgate.execute.providers.batch.records import BatchRecord
from evalgate.execute.providers.pricing import compute_cost
from evalgate.execute.providers.protocol import ProviderError


def make_line(key: str, request: Request, model: str) -> bytes:
    """Return the line for a request; the request's key is the `custom_id` that identifies the answer."""
    line = {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": chat_completions.make_body(request, model)}
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def estimate_cost(line: bytes, request: Request, prices: Prices) -> float:
    """Return the estimated cost in US dollars: 4 characters per token, and an answer of its limit or 256 tokens."""
    written = estimate_output_tokens(request.parameters)
    return compute_cost(Usage(input_tokens=estimate_tokens(len(line)), output_tokens=written), prices)


def read_line(line: Mapping[str, Any], request: Request, model: str, endpoint: BatchEndpoint) -> Outcome:
    """Return the outcome of one request, from a line of the output file or the error file, without its seconds.

    A line that tells of an error is not an answer, whatever response stands beside that. Raise ProviderError as for a
    single call.
    """
    response = line.get("response")
    status = response.get("status_code") if isinstance(response, dict) else None
    told = find_error({"error": line.get("error")})
    if told is not None and is_filter_error(told):
        return Failure(kind="unusable", message="the endpoint's content filter refused the request")
    if not isinstance(response, dict) or type(status) is not int or (status == 200 and told is not None):
        said = told.get("message") or told.get("code") or "an error" if isinstance(told, dict) else told
        if not said:
            raise ProviderError(f"{endpoint.who}: a line of the batch contains no response", retryable=True)
        raise ProviderError(endpoint.who, said=f": {endpoint.clean(str(said))}", retryable=True)
    content = response.get("body")
    if status == 200:
        status = chat_completions.read_error_status(content) or status
    if status == 200:
        return chat_completions.read_reply(content, seconds=None, scale=request.scale, prices=endpoint.prices)
    if refusals.is_filtered(status, content):
        return Failure(kind="unusable", message="the endpoint's content filter refused the request")
    raise endpoint.explain(status, content, {}, model=model, request=request)


def add_line(found: dict[str, Mapping[str, Any]], line: Mapping[str, Any]) -> None:
    """Add a line of a batch to those found so far, by its `custom_id`.

    Two different lines for one request are not answers: which of them is meant is unknown.
    """
    key = str(line.get("custom_id"))
    known = found.get(key)
    if known is None:
        found[key] = line
    elif any(known.get(part) != line.get(part) for part in ("response", "error")):
        found[key] = {"error": {"message": "the batch has different lines for one request"}}


def make_unanswered_error(batch: BatchState | None, record: BatchRecord, endpoint: BatchEndpoint) -> ProviderError:
    """Return the error for a request without a line in its batch; `batch` is None if the endpoint has no such batch."""
    if batch is None:
        return ProviderError(f"{endpoint.who} no longer has batch {record.id}", retryable=True)
    if batch.status == "failed":
        said = endpoint.clean("; ".join(sentence for _, sentence in batch.faults[:3]))
        message, hint = (
            f"{endpoint.who} refused batch {batch.id}",
            "correct the reported problem, and run the same command again",
        )
        if not said:
            return ProviderError(f"{message}: it gives no reason", fatal=True, hint=hint)
        return ProviderError(message, said=f": {said}", fatal=True, hint=hint)
    if batch.status == "cancelled":
        hint = "run the same command again: the answers so far are kept, and the rest is sent again"
        return ProviderError(f"batch {batch.id} was cancelled at {endpoint.who}", fatal=True, hint=hint)
    return ProviderError(f"batch {batch.id} ({batch.status}) has no answer to this request", retryable=True)
