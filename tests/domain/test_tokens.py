from __future__ import annotations

import pytest

from evalgate.domain import Json
from evalgate.domain.tokens import estimate_output_tokens, estimate_tokens, find_output_limit


@pytest.mark.parametrize(("characters", "count"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_four_characters_are_a_token(characters: int, count: int) -> None:
    assert estimate_tokens(characters) == count


@pytest.mark.parametrize(
    ("parameters", "limit"),
    [
        ({}, None),
        ({"temperature": 0}, None),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_completion_tokens": None, "max_tokens": 5}, 5),
        ({"max_tokens": True}, None),
        ({"max_tokens": "5"}, None),
    ],
)
def test_an_answer_is_as_long_as_its_limit_or_256_tokens(parameters: dict[str, Json], limit: int | None) -> None:
    assert find_output_limit(parameters) == limit
    assert estimate_output_tokens(parameters) == (256 if limit is None else limit)
