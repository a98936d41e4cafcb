"""The cost of a call: its tokens, by the prices of its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalgate.domain import MOST_TOKENS, Prices, Usage

_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_CACHED = (
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cached_content_token_count",
    "num_cached_tokens",
)


def compute_cost(usage: Usage, prices: Prices, cached: int = 0) -> float:
    """Return the cost in US dollars. `cached` of the input tokens have the price of cached input, if there is one."""
    cost = usage.input_tokens * prices.input + usage.output_tokens * prices.output
    if cached and prices.cached_input is not None:
        cost += min(cached, usage.input_tokens) * (prices.cached_input - prices.input)
    return cost / 1_000_000


def count_cached_tokens(usage: Any) -> int:
    """Return how many input tokens the endpoint read from its cache, by any of the names in use; 0 if unknown.

    `usage` is that of a reply, as plain data.
    """
    if not isinstance(usage, Mapping):
        return 0
    places = [usage, *(place for key in _DETAILS if isinstance(place := usage.get(key), Mapping))]
    counts = (place.get(name) for place in places for name in _CACHED)
    return next((count for count in counts if type(count) is int and 0 < count < MOST_TOKENS), 0)
