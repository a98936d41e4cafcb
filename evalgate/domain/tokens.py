"""Estimates of token counts: rough rules for texts, and the limits in a request's parameters."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain.text import Json

_CHARACTERS_PER_TOKEN = 4
_ASSUMED_OUTPUT_TOKENS = 256


def estimate_tokens(characters: int) -> int:
    """Estimate the tokens of a text from its number of characters: one for every 4, rounded up."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def find_output_limit(parameters: Mapping[str, Json]) -> int | None:
    """Return the token limit of an answer: `max_completion_tokens`, else `max_tokens`; None without a limit."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = parameters.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def estimate_output_tokens(parameters: Mapping[str, Json]) -> int:
    """Estimate the tokens of an answer: its token limit, or 256 if no parameter sets one."""
    limit = find_output_limit(parameters)
    return _ASSUMED_OUTPUT_TOKENS if limit is None else limit
