"""The implicit check that there is an answer: not empty, not a refusal, not cut."""

from __future__ import annotations

from typing import Literal

from evalgate.domain import Outcome, Output, Score, Scored, Unscored, classify_ending, normalize
from evalgate.domain.reasoning import ONLY_REASONING, split_reasoning

CUT_SHORT = "the answer is cut: its token limit (max_tokens) was reached"


def score_answered(outcome: Outcome, cut: Literal["fail", "allow"]) -> Scored:
    """Return 1 for an answer, 0 for none, and Unscored if the call itself failed permanently.

    A text that contains only white space, invisible characters or the model's reasoning is not an answer, unless a tool
    is called beside it. Refusals are
    recognised by the finish reason of the endpoint, never by words in the text. An answer that was cut at its token
    limit counts as an answer only if `cut` is "allow".
    """
    if isinstance(outcome, Output):
        if cut != "allow" and classify_ending(outcome.finish_reason) == "cut":
            return Score(value=0.0, reason=CUT_SHORT)
        missing = None if any(c.is_named for c in outcome.calls_beside_text) else _explain_no_text(outcome.text)
        return Score(value=1.0, reason="answered") if missing is None else Score(value=0.0, reason=missing)
    if outcome.kind == "unusable":
        return Score(value=0.0, reason=outcome.message)
    return Unscored(reason=outcome.message)


def _explain_no_text(text: str) -> str | None:
    """Return the reason why a text is not an answer, or None if it is one."""
    if not normalize(text):
        return "the answer is empty: it has no visible characters"
    return None if normalize(split_reasoning(text, any_start=True).answer) else ONLY_REASONING
