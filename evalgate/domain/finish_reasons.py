"""Finish reasons of endpoints, classified: the answer is whole, cut, refused or broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Ending: TypeAlias = Literal["whole", "cut", "refused", "broken"]

CUT = "length"
"""The finish reason that is stored for an answer that was cut at its token limit."""

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
    """Classify a finish reason, ignoring case and treating hyphens and spaces as underscores.

    No finish reason counts as "whole". An unknown reason is "broken": the text is not an answer of the model
    ("error", "network_error", "insufficient_system_resource", "abort").
    """
    name = spelt(finish_reason or "")
    if name in _WHOLE:
        return "whole"
    if name in _CUT:
        return "cut"
    return "refused" if name in _REFUSED else "broken"


def reason_told(given: Mapping[str, Any], silent: str) -> str:
    """Return the finish reason in a reply, a row or an application's answer; `silent` if there is none.

    Some servers give a second, native reason ("native_finish_reason", "stop_reason"). It takes precedence if it says
    that the answer was cut or refused. A reason that is not a string counts as unknown. Case and underscores in the
    keys are ignored.
    """
    keys = {str(key).replace("_", "").lower(): value for key, value in given.items()}
    reason, details = keys.get("finishreason"), keys.get("finishdetails")
    first = silent if reason in (None, "") else reason if isinstance(reason, str) else f"not a text: {reason!r}"
    others = [keys.get("nativefinishreason"), keys.get("stopreason")]
    others.append(details.get("type") if isinstance(details, Mapping) else None)
    if classify_ending(first) == "whole":
        return next(
            (one for one in others if isinstance(one, str) and classify_ending(one) in ("cut", "refused")), first
        )
    return first


def spelt(finish_reason: str) -> str:
    """Return a finish reason in lower case, with underscores for hyphens and spaces."""
    return finish_reason.strip().casefold().replace("-", "_").replace(" ", "_")
