"""The implicit check that there is an answer: not empty, no refusal, not cut."""

from __future__ import annotations

from typing import Literal

from evalgate.domain import Outcome, Output, Score, Scored, Unscored, ending

CUT_SHORT = "the answer is cut: its token limit (max_tokens) was reached"


def score(outcome: Outcome, cut: Literal["fail", "allow"]) -> Scored:
    """1 for an answer, 0 for none, Unscored where the call itself failed for good.

    A refusal is what the endpoint says, never words of the text. An answer that ends for want of tokens is one only
    where `cut` is "allow".
    """
    if isinstance(outcome, Output):
        if cut != "allow" and ending(outcome.finish_reason) == "cut":
            return Score(value=0.0, reason=CUT_SHORT)
        return Score(value=1.0, reason="answered")
    if outcome.kind == "unusable":
        return Score(value=0.0, reason=outcome.message)
    return Unscored(reason=outcome.message)
