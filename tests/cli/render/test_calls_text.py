"""Tests of an estimate in words."""

from __future__ import annotations

import pytest

from evalgate.cli.render.calls_text import render_calls
from evalgate.plan.estimate import CallEstimate


@pytest.mark.parametrize(("calls", "cached", "cost", "words"), [
    (1, 0, 0.014, "1 call to make, 0 answers cached; about 9 tokens in, 3 out; about $0.01"),
    (20, 1, None, "20 calls to make, 1 answer cached; about 9 tokens in, 3 out; cost unknown (no prices)"),
])  # fmt: skip
def test_an_estimate_has_calls_tokens_and_dollars(calls: int, cached: int, cost: float | None, words: str) -> None:
    estimate = CallEstimate(calls=calls, cached=cached, input_tokens=9, output_tokens=3, cost_usd=cost, unpriced="no prices")  # fmt: skip
    assert render_calls(estimate) == words
