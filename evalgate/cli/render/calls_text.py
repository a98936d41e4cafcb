"""The calls, tokens and dollars of an estimate in words."""

from __future__ import annotations

from evalgate.plan.estimate import CallEstimate


def render_calls(calls: CallEstimate) -> str:
    """Return the calls, tokens and dollars of an estimate, on one line."""
    cost = f"cost unknown ({calls.unpriced})" if calls.cost_usd is None else f"about ${calls.cost_usd:.2f}"
    cost += f" by list prices of {calls.listed}" if calls.listed and calls.cost_usd is not None else ""
    return (
        f"{_count(calls.calls, 'call')} to make, {_count(calls.cached, 'answer')} cached; "
        f"about {calls.input_tokens} tokens in, {calls.output_tokens} out; {cost}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
