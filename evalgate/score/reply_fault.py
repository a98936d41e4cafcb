"""Why a judge's reply cannot be read, and the setting that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from evalgate.domain import Failure, Judge
from evalgate.domain.reasoning import LIMIT_REACHED, LIMIT_SPENT, ONLY_REASONING

Setting: TypeAlias = Literal["max_tokens", "reading", "strip_reasoning", "response_format", "score"]

_LEAST_LIMIT = 2000
"""The smallest token limit that is suggested."""
_LIMIT_FACTOR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFault:
    """A reply that cannot be read: the reason, and where a setting mends it, that setting with a `hint`.

    `what` names the fault without any text of the reply, so that it can be told for many replies.
    """

    reason: str
    setting: Setting | None = None
    what: str = ""
    hint: str = ""

    @property
    def is_of_judge(self) -> bool:
        """Whether the setting is one of the judge itself, and not of its target."""
        return self.setting != "response_format"

    def __str__(self) -> str:
        return f"{self.reason}; {self.hint}" if self.hint else self.reason


def explain_failure(judge: Judge, failure: Failure) -> ReplyFault:
    """Return the fault of a judge's call without a text."""
    reason = f"the judge did not answer: {failure.message}"
    if failure.kind == "unusable":
        if failure.message in (LIMIT_SPENT, ONLY_REASONING):
            return explain_spent(judge, reason)
        if failure.message == LIMIT_REACHED:
            return explain_cut(judge, reason)
        if failure.message.startswith("the reply is empty"):
            return explain_format(judge, reason, "empty")
    return ReplyFault(reason=reason)


def explain_cut(judge: Judge, reason: str) -> ReplyFault:
    """Return the fault of a reply that was cut at its token limit."""
    return ReplyFault(reason=reason, setting="max_tokens", what="cut at the token limit", hint=_suggest_limit(judge))


def explain_spent(judge: Judge, reason: str) -> ReplyFault:
    """Return the fault of a reply that ended within the model's reasoning."""
    return ReplyFault(
        reason=reason,
        setting="max_tokens",
        what="without an answer: the tokens were spent on reasoning",
        hint=f"{_suggest_limit(judge)}, or less reasoning (reasoning_effort: low)",
    )


def explain_format(judge: Judge, reason: str, what: str = "not the JSON object that was asked for") -> ReplyFault:
    """Return the fault of a reply in another format than the one that was asked for."""
    hint = f'use response_format: none on target "{judge.target}", which asks in words, or another model'
    return ReplyFault(reason=reason, setting="response_format", what=what, hint=hint)


def explain_surrounded(reason: str) -> ReplyFault:
    """Return the fault of a reply with text around its one object."""
    hint = "use reading: lenient, which reads the one object in it"
    return ReplyFault(reason=reason, setting="reading", what="a JSON object with other text around it", hint=hint)


def explain_reasoning(reason: str) -> ReplyFault:
    """Return the fault of a reply with reasoning before its object, for a judge that does not strip it."""
    return ReplyFault(
        reason=reason, setting="strip_reasoning", what="begun with reasoning", hint="use strip_reasoning: true"
    )


def explain_score(reason: str) -> ReplyFault:
    """Return the fault of a reply without usable probabilities of its score."""
    what = "without the probabilities of the score"
    return ReplyFault(reason=reason, setting="score", what=what, hint="use score: printed")


def _suggest_limit(judge: Judge) -> str:
    name = next((each for each in ("max_completion_tokens", "max_tokens") if each in judge.parameters), "max_tokens")
    now = judge.parameters.get(name)
    wanted = max(_LEAST_LIMIT, _LIMIT_FACTOR * now) if isinstance(now, int) else _LEAST_LIMIT
    return f"use parameters: {{{name}: {wanted}}}"
