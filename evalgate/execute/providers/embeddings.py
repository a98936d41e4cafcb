"""The embeddings of an OpenAI-compatible endpoint as a provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalgate.domain import Failure, Outcome, Output, Request, Target, find_error, read_usage
from evalgate.domain.vectors import encode_vector
from evalgate.execute.providers.chat_completions import read_message, shorten
from evalgate.execute.providers.endpoint import EMBEDDINGS
from evalgate.execute.providers.openai import OpenAIProvider
from evalgate.execute.providers.pricing import compute_cost
from evalgate.execute.providers.protocol import ProviderError
from evalgate.mask import Mask

_LONGEST_NAME = 500


class EmbeddingsProvider(OpenAIProvider):
    """The embeddings of an endpoint, one text a request. An answer's text is the embedding (`domain.vectors`).

    URLs, headers, limits and errors are those of the endpoint's chat completions. Of the target's settings, those of a
    completion (`parameters`, `stream`, `response_format`) are not used.
    """

    def __init__(
        self, target: Target, api_key: str | None, timeout: float, *, headers: Mapping[str, str], mask: Mask
    ) -> None:
        super().__init__(target, api_key, timeout, headers=headers, mask=mask)
        self._path = EMBEDDINGS
        self._streams = False

    def _make_body(self, request: Request, model: str) -> dict[str, Any]:
        return {"model": model, "input": request.messages[0].content}

    def _read_reply(self, data: Any, request: Request, seconds: float) -> Outcome:
        """Return the embedding of a reply.

        One that cannot be compared (empty, not a number, not finite, all 0) is a Failure "unusable", which no cache
        keeps. Raise ProviderError (retryable) if the reply is not one embedding.
        """
        error = find_error(data) if isinstance(data, dict) else None
        if error:
            said = read_message({"error": error})
            raise ProviderError("the endpoint reports an error", said=said, retryable=True)
        entries = data.get("data") if isinstance(data, dict) else None
        entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else None
        values = entry.get("embedding") if isinstance(entry, dict) else None
        if not isinstance(values, list):
            raise ProviderError("the reply is malformed: it is not one embedding as a list of numbers", retryable=True)
        counted = data.get("usage")
        usage = read_usage(counted.get("prompt_tokens"), 0) if isinstance(counted, dict) else None
        cost = None if usage is None or self._prices is None else compute_cost(usage, self._prices)
        try:
            text = encode_vector(values)
        except ValueError as fault:
            message = f"the endpoint's embedding cannot be used: {fault}"
            return Failure(kind="unusable", message=message, seconds=seconds, usage=usage, cost_usd=cost)
        name = data.get("model")
        served_by = shorten(name, _LONGEST_NAME) or None if isinstance(name, str) else None
        return Output(text=text, served_by=served_by, usage=usage, seconds=seconds, cost_usd=cost)
