from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Prices, Usage
from evalgate.execute.providers.pricing import compute_cost, count_cached_tokens


@pytest.mark.parametrize(
    ("usage", "cached"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 7}}, 7),
        ({"input_tokens_details": {"cached_tokens": 7}}, 7),
        ({"prompt_cache_hit_tokens": 7, "prompt_cache_miss_tokens": 3}, 7),
        ({"cache_read_input_tokens": 7}, 7),
        ({"cached_tokens": 7}, 7),
        ({"prompt_tokens_details": None}, 0),
        ({"prompt_tokens_details": {"cached_tokens": True}}, 0),
        ({"prompt_tokens_details": {"cached_tokens": -1}}, 0),
        ({"prompt_tokens_details": {"cached_tokens": 10**400}}, 0),
        ({}, 0),
        (None, 0),
        ([7], 0),
    ],
)
def test_cached_tokens_are_read_by_every_name(usage: Any, cached: int) -> None:
    assert count_cached_tokens(usage) == cached


COUNTS, DOLLARS = st.integers(0, 10**6), st.floats(0, 100)


@given(read=COUNTS, written=COUNTS, cached=COUNTS, full=DOLLARS, share=st.floats(0, 1))
def test_a_cached_token_costs_its_own_price(read: int, written: int, cached: int, full: float, share: float) -> None:
    usage = Usage(input_tokens=read, output_tokens=written)
    plain = compute_cost(usage, Prices(input=full, output=2.0), cached)
    assert plain == compute_cost(usage, Prices(input=full, output=2.0))
    cheaper = compute_cost(usage, Prices(input=full, output=2.0, cached_input=full * share), cached)
    known = min(cached, read)
    expected = ((read - known) * full + known * full * share + written * 2.0) / 1e6
    assert cheaper == pytest.approx(expected)
    assert -1e-9 <= cheaper <= plain + 1e-9
