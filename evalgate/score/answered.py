"""The implicit check that there is an answer: not empty, no refusal, not cut."""

from __future__ import annotations

from typing import Literal

from evalgate.domain import Outcome, Output, Score, Scored, Unscored

_CUT = "length"


def score(outcome: Outcome, cut: Literal["fail", "allow"]) -> Scored:
    """1 for an answer, 0 for none, Unscored where the call itself failed for good.

    A refusal is what the endpoint says, never words of the text. An answer that ends for want of tokens is one only
    where `cut` is "allow".
    """
    if isinstance(outcome, Output):
        if outcome.finish_reason == _CUT and cut != "allow":
            return Score(value=0.0, reason="the answer is cut: its token limit was reached")
        return Score(value=1.0, reason="answered")
    if outcome.kind == "unusable":
        return Score(value=0.0, reason=outcome.message)
    return Unscored(reason=outcome.message)
