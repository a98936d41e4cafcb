"""Embeddings as texts: the values as 32-bit floating-point numbers, little-endian, in Base64.

As a text an embedding is an output like any other, so that the cache, the journal and recordings can hold it.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence

MOST_DIMENSIONS = 65_536
_SIZE = 4


def encode_vector(values: Sequence[object]) -> str:
    """Return the text of an embedding. Raises ValueError, with a phrase, for one that cannot be compared."""
    if not values:
        raise ValueError("it is empty")
    if len(values) > MOST_DIMENSIONS:
        raise ValueError(f"it has {len(values):,} values, more than {MOST_DIMENSIONS:,}")
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        raise ValueError("a value is not a number")
    try:
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except (OverflowError, struct.error):
        raise ValueError("a value is too large") from None
    text = base64.b64encode(packed).decode("ascii")
    decode_vector(text)
    return text


def decode_vector(text: str) -> tuple[float, ...]:
    """Return the values of an embedding. Raises ValueError, with a phrase, for one that cannot be compared."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not readable") from None
    if not packed or len(packed) % _SIZE:
        raise ValueError("it is not readable")
    values = struct.unpack(f"<{len(packed) // _SIZE}f", packed)
    if not all(map(math.isfinite, values)):
        raise ValueError("a value is not finite")
    if not any(values):
        raise ValueError("all of its values are 0")
    return values
