"""Tokens before they are counted: rough rules for texts, and the limits that parameters set."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain.text import Json

_CHARACTERS_PER_TOKEN = 4
_ASSUMED_OUTPUT_TOKENS = 256


def estimate_tokens(characters: int) -> int:
    """The tokens of so many characters, roughly: a quarter of them, rounded up."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


def find_output_limit(parameters: Mapping[str, Json]) -> int | None:
    """The most tokens that an answer may have by `max_completion_tokens`, else `max_tokens`; None without a limit."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = parameters.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None


def estimate_output_tokens(parameters: Mapping[str, Json]) -> int:
    """The tokens of an answer, roughly: as many as it may have, 256 where no parameter limits them."""
    limit = find_output_limit(parameters)
    return _ASSUMED_OUTPUT_TOKENS if limit is None else limit
