"""The implicit check that there is an answer: not empty, not a refusal, not cut."""

from __future__ import annotations

import re
from typing import Literal

from evalgate.domain import Outcome, Output, Score, Scored, Unscored, classify_ending, normalize

CUT_SHORT = "the answer is cut: its token limit (max_tokens) was reached"
_NAMES = r"(?:seed:)?(?:think|thinking|thoughts?|reasoning)"
_OPENED = re.compile(
    rf"<{_NAMES}\s*>|\[THINK\]|◁think▷|(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>"
    r"|<\|(?:START_THINKING|START_REASONING|begin_of_thought)\|>",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"</{_NAMES}\s*>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>"
    r"|<\|(?:END_THINKING|END_REASONING|end_of_thought)\|>",
    re.IGNORECASE,
)


def score_answered(outcome: Outcome, cut: Literal["fail", "allow"]) -> Scored:
    """Return 1 for an answer, 0 for none, and Unscored if the call itself failed permanently.

    A text that contains only white space, invisible characters or the model's reasoning is not an answer. Refusals are
    recognised by the finish reason of the endpoint, never by words in the text. An answer that was cut at its token
    limit counts as an answer only if `cut` is "allow".
    """
    if isinstance(outcome, Output):
        if cut != "allow" and classify_ending(outcome.finish_reason) == "cut":
            return Score(value=0.0, reason=CUT_SHORT)
        if not normalize(outcome.text):
            return Score(value=0.0, reason="the answer is empty: it has no visible characters")
        if not normalize(_without_thoughts(outcome.text)):
            return Score(value=0.0, reason="the reply contains the model's reasoning but no answer")
        return Score(value=1.0, reason="answered")
    if outcome.kind == "unusable":
        return Score(value=0.0, reason=outcome.message)
    return Unscored(reason=outcome.message)


def _without_thoughts(text: str) -> str:
    """Return the text without the reasoning blocks at its start.

    A block may lack its end tag; then nothing remains. It may also lack its start tag, because some chat templates
    write the start tag into the prompt.
    """
    rest = text.lstrip()
    while (opened := _OPENED.match(rest)) is not None:
        closed = _CLOSED.search(rest, opened.end())
        if closed is None:
            return ""
        rest = rest[closed.end() :].lstrip()
    closed = _CLOSED.search(rest)
    if closed is not None and _OPENED.search(rest, 0, closed.start()) is None:
        return rest[closed.end() :]
    return rest
