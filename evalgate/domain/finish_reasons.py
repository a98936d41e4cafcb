"""How an answer ended, by the finish reason that the endpoint gives: whole, cut, refused, or not at all."""

from __future__ import annotations

from typing import Literal, TypeAlias

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
    name = (finish_reason or "").strip().casefold().replace("-", "_").replace(" ", "_")
    if name in _WHOLE:
        return "whole"
    if name in _CUT:
        return "cut"
    return "refused" if name in _REFUSED else "broken"
