"""How an answer ended, by the finish reason that the endpoint gives: whole, cut, refused, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Ending: TypeAlias = Literal["whole", "cut", "refused", "broken"]

CUT = "length"
"""The finish reason of an answer that ends for want of tokens, as it is kept."""

_WHOLE = frozenset({
    "", "complete", "completed", "end_turn", "eos", "eos_token", "function_call", "none", "normal", "null", "stop",
    "stop_sequence", "stop_token", "tool_call", "tool_calls", "tool_use", "unknown",
})  # fmt: skip
_CUT = frozenset({
    "length", "length_limit", "max_length", "max_output_tokens", "max_tokens", "model_context_window_exceeded",
    "model_length", "token_limit",
})  # fmt: skip
_REFUSED = frozenset({
    "blocklist", "content_filter", "content_filtered", "error_toxic", "guardrail_intervened", "language",
    "prohibited_content", "recitation", "refusal", "safety", "sensitive", "spii",
})  # fmt: skip


def classify_ending(finish_reason: str | None) -> Ending:
    """How an answer with this finish reason ended; capitals, hyphens and spaces make no difference.

    Servers that give none end their answers as "whole". A reason that is not known as one of the others is "broken":
    what came is no answer of the model's ("error", "network_error", "insufficient_system_resource", "abort").
    """
    name = spelt(finish_reason or "")
    if name in _WHOLE:
        return "whole"
    if name in _CUT:
        return "cut"
    return "refused" if name in _REFUSED else "broken"


def reason_told(given: Mapping[str, Any], silent: str) -> str:
    """The finish reason that a reply, a row or an application's answer gives; `silent` where it gives none.

    Some give a second one, in words of their own ("native_finish_reason", "stop_reason"): it counts where it says that
    the answer was cut or refused. A reason that is no text counts as an unknown one. Capitals and underscores of the
    keys make no difference.
    """
    keys = {str(key).replace("_", "").lower(): value for key, value in given.items()}
    told, details = keys.get("finishreason"), keys.get("finishdetails")
    first = silent if told is None or told == "" else told if isinstance(told, str) else f"not a text: {told!r}"
    others = [keys.get("nativefinishreason"), keys.get("stopreason")]
    others.append(details.get("type") if isinstance(details, Mapping) else None)
    if classify_ending(first) == "whole":
        return next(
            (one for one in others if isinstance(one, str) and classify_ending(one) in ("cut", "refused")), first
        )
    return first


def spelt(finish_reason: str) -> str:
    """A finish reason in small letters, with underscores."""
    return finish_reason.strip().casefold().replace("-", "_").replace(" ", "_")
