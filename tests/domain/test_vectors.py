"""Embeddings as texts: what is kept of them, and which cannot be compared."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.vectors import MOST_DIMENSIONS, decode_vector, encode_vector

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, min_size=1, max_size=20).filter(any))
def test_the_values_come_back_as_they_were(values: list[float]) -> None:
    text = encode_vector(values)
    assert text.isascii() and list(decode_vector(text)) == values


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([], "it is empty"),
        ([0, 0.0, -0.0], "all of its values are 0"),
        ([1e-60], "all of its values are 0"),
        ([1.0, math.nan], "a value is not finite"),
        ([math.inf], "a value is not finite"),
        ([1e300], "a value is too large"),
        ([10**400], "a value is too large"),
        ([1.0, "2"], "a value is not a number"),
        ([1.0, None], "a value is not a number"),
        ([True], "a value is not a number"),
        ([1.0] * (MOST_DIMENSIONS + 1), "it has 65,537 values, more than 65,536"),
    ],
)
def test_an_embedding_that_cannot_be_compared_is_refused(values: list[Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        encode_vector(values)


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"12345").decode(), "hé"])
def test_a_text_that_is_no_embedding_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it is not readable$"):
        decode_vector(text)


def test_values_of_a_damaged_store_are_examined_as_well() -> None:
    with pytest.raises(ValueError, match="not finite"):
        decode_vector(base64.b64encode(struct.pack("<2f", 1.0, math.nan)).decode())
