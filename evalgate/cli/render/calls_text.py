"""The calls, tokens and dollars of an estimate in words."""

from __future__ import annotations

from evalgate.domain.numbers import show_count
from evalgate.plan.estimate import CallEstimate


def render_calls(calls: CallEstimate) -> str:
    """Return the calls, tokens and dollars of an estimate, on one line."""
    cost = f"cost unknown ({calls.unpriced})" if calls.cost_usd is None else f"about ${calls.cost_usd:.2f}"
    cost += f" by list prices of {calls.listed}" if calls.listed and calls.cost_usd is not None else ""
    return (
        f"{show_count(calls.calls, 'call')} to make, {show_count(calls.cached, 'answer')} cached; "
        f"about {show_count(calls.input_tokens, 'token')} in, {calls.output_tokens} out; {cost}"
    )
