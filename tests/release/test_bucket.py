from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.release.bucket import BUCKETS, compute_bucket, is_candidate

VECTORS = Path(__file__).parents[3] / "shared" / "release" / "bucket-vectors.json"


def test_buckets_are_those_of_the_shared_vectors() -> None:
    if not VECTORS.exists():
        pytest.skip("the shared vectors are not here")
    vectors = json.loads(VECTORS.read_text())["vectors"]
    assert vectors
    for one in vectors:
        assert compute_bucket(one["salt"], one["key"]) == one["bucket"]


def test_a_lone_surrogate_counts_as_a_replacement_character() -> None:
    assert compute_bucket("s", "a\ud800b") == compute_bucket("s", "a\ufffdb")
    assert compute_bucket("s", "\ud83d\ude00") == compute_bucket("s", "\U0001f600")


@given(st.text(), st.text(), st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_a_larger_share_keeps_every_key(salt: str, key: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert not is_candidate(salt, key, small) or is_candidate(salt, key, large)
    assert is_candidate(salt, key, BUCKETS) and not is_candidate(salt, key, 0)
