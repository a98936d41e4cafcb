"""The rule that decides which users get the candidate of a rollout. Readers in every language follow it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

BUCKETS = 10_000
"""The number of buckets. Shares are in basis points, so that a share is the number of its buckets."""


def compute_bucket(salt: str, key: str) -> int:
    """Return the bucket of a key, from 0 to 9,999: the first 8 bytes of SHA-256(salt, 0x00, key), modulo 10,000.

    The bytes are a big-endian number. Texts are encoded as UTF-8, a lone surrogate as U+FFFD.
    """
    return hash_key(salt, key) % BUCKETS


def hash_key(salt: str, key: str) -> int:
    """Return the number of 64 bits whose remainder is the bucket of a key."""
    return make_hasher(salt)(key)


def make_hasher(salt: str) -> Callable[[str], int]:
    """Return `hash_key` with a salt, for many keys."""
    start = _encode(salt) + b"\0"

    def hash_one(key: str) -> int:
        return int.from_bytes(hashlib.sha256(start + _encode(key)).digest()[:8], "big")

    return hash_one


def is_candidate(salt: str, key: str, share: int) -> bool:
    """Return whether a key gets the candidate at a share in basis points. A larger share keeps all earlier keys."""
    return compute_bucket(salt, key) < share


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # as JavaScript and C# encode it
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
