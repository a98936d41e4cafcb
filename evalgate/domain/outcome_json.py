"""Outcomes as plain data, in the one format that cache, journal, recordings and reports use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar, assert_never

from evalgate.domain.finish_reasons import classify_ending
from evalgate.domain.output_calls import ToolCall
from evalgate.domain.text import Json
from evalgate.domain.trials import MOST_TOKENS, Failure, Outcome, Output, ScoreToken, Usage, read_usage

_Kind = TypeVar("_Kind")


def encode_outcome(outcome: Outcome) -> dict[str, Json]:
    """Return an outcome as plain data."""
    match outcome:
        case Output():
            output: dict[str, Json] = {
                "text": outcome.text,
                "finish_reason": outcome.finish_reason,
                "served_by": outcome.served_by,
                "usage": _encode_usage(outcome.usage),
                "seconds": outcome.seconds,
                "cached": outcome.cached,
                "cost_usd": outcome.cost_usd,
                "score_tokens": [
                    {"token": t.token, "logprobs": {str(key): value for key, value in t.logprobs.items()}}
                    for t in outcome.score_tokens
                ],
            }
            if outcome.tool_calls:
                output["tool_calls"] = [{"name": call.name, "arguments": call.arguments} for call in outcome.tool_calls]
            if outcome.mark is not None:
                output["mark"] = outcome.mark
            if outcome.reasoning:
                output["reasoning"] = outcome.reasoning
            return output
        case Failure():
            failure: dict[str, Json] = {
                "failure": outcome.kind,
                "message": outcome.message,
                "seconds": outcome.seconds,
                "cached": outcome.cached,
            }
            if outcome.usage is not None:
                failure |= {"usage": _encode_usage(outcome.usage), "cost_usd": outcome.cost_usd}
            if outcome.refused:
                failure["refused"] = True
            return failure
        case _:
            assert_never(outcome)


def decode_outcome(data: Mapping[str, Any]) -> Outcome:
    """Return the outcome from the data that `encode_outcome` wrote.

    A text whose finish reason is "refused" or "spoilt" becomes an "unusable" Failure, one that is "broken" an
    "infrastructure" Failure. Invalid measurements (negative or infinite) become None. Raises KeyError, TypeError or
    ValueError for any other invalid data, such as a value of another type: a file from elsewhere may be read as well.
    """
    if "failure" in data:
        kind = data["failure"]
        if kind not in ("unusable", "infrastructure"):
            raise ValueError(f"unknown kind of failure: {kind!r}")
        return Failure(
            kind=kind,
            message=str(data["message"]),
            seconds=_decode_measure(data.get("seconds")),
            cached=bool(data.get("cached")),
            usage=_decode_usage(data.get("usage")),
            cost_usd=_decode_measure(data.get("cost_usd")),
            refused=data.get("refused") is True,
        )
    if not isinstance(data["text"], str):
        raise TypeError("the text of an output is not a string")
    reason = _require(str, data.get("finish_reason", "stop"), "finish_reason")
    if classify_ending(reason) == "broken":
        return Failure(
            kind="infrastructure", message=f"the stored text is not an answer (finish reason: {reason[:60]})"
        )
    if classify_ending(reason) == "refused":
        return Failure(kind="unusable", message=f"the stored text is a refusal (finish reason: {reason[:60]})")
    if classify_ending(reason) == "spoilt":
        return Failure(kind="unusable", message=f"the stored text is not an answer (finish reason: {reason[:60]})")
    return Output(
        text=data["text"],
        finish_reason=reason,
        served_by=_require_or_none(str, data.get("served_by"), "served_by"),
        usage=_decode_usage(data.get("usage")),
        seconds=_decode_measure(data.get("seconds")),
        cached=bool(data.get("cached")),
        cost_usd=_decode_measure(data.get("cost_usd")),
        score_tokens=tuple(
            map(_decode_score_token, _require_or_none(list, data.get("score_tokens"), "score_tokens") or ())
        ),
        tool_calls=tuple(map(_decode_call, _require_or_none(list, data.get("tool_calls"), "tool_calls") or ())),
        mark=_require_or_none(int, data.get("mark"), "mark"),
        reasoning=_decode_text(data.get("reasoning")),
    )


def _decode_call(data: Mapping[str, Any]) -> ToolCall:
    name, arguments = (_require(str, data[key], key) for key in ("name", "arguments"))
    return ToolCall(name=name, arguments=arguments)


def _require(kind: type[_Kind], value: object, key: str) -> _Kind:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{key} is of the type {type(value).__name__}")
    return value


def _require_or_none(kind: type[_Kind], value: object, key: str) -> _Kind | None:
    return None if value is None else _require(kind, value, key)


def _decode_score_token(data: Mapping[str, Any]) -> ScoreToken:
    try:
        logprobs = {int(number): float(log) for number, log in data["logprobs"].items()}
    except OverflowError as error:
        raise ValueError("a log-probability is out of range") from error
    if not all(map(math.isfinite, logprobs.values())):
        raise ValueError("a log-probability is out of range")
    return ScoreToken(token=int(data["token"]), logprobs=logprobs)


def _encode_usage(usage: Usage | None) -> dict[str, Json] | None:
    return None if usage is None else {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}


def _decode_usage(data: Mapping[str, Any] | None) -> Usage | None:
    return None if data is None else read_usage(data["input_tokens"], data["output_tokens"])


def _decode_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _decode_measure(value: object) -> float | None:
    """Return a number of seconds or dollars; None for any other value."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if 0 <= value < MOST_TOKENS else None
