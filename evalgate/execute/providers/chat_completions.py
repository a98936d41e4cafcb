"""The chat completions format as pure functions: a request's body, and a reply's outcome."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.domain import (
    CUT,
    Ending,
    Failure,
    Outcome,
    Output,
    Prices,
    Request,
    ScoreToken,
    Usage,
    classify_ending,
    find_error,
    find_refusal,
    is_filter_error,
    list_inner,
    read_finish_reason,
    read_usage,
)
from evalgate.domain.reasoning import (
    LIMIT_REACHED,
    LIMIT_SPENT,
    ONLY_REASONING,
    is_reasoning_part,
    read_reasoning,
    spends_reasoning,
)
from evalgate.domain.strict_json import MAX_DEPTH, is_too_deep
from evalgate.domain.tool_calls import add_tool_calls, serialize
from evalgate.execute.providers.pricing import compute_cost, count_cached_tokens
from evalgate.execute.providers.protocol import Headroom, ProviderError

_INTEGER = re.compile(r"-?[0-9]{1,9}")
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DURATION = re.compile(
    r"(?:([0-9]{1,5})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)s)?(?:([0-9]{1,9}(?:\.[0-9]{1,9})?)ms)?"
)
_READ_FACTOR = 20
"""The part of a text that is read before it is cut, in multiples of its limit: otherwise megabytes take seconds."""
_LONGEST_NAME = 500
"""Characters that are kept of an endpoint's model name or system fingerprint."""
_FILTERED = "the endpoint's content filter stopped the reply"
_STATUS = re.compile("[45][0-9]{2}")
_STATUS_KEYS = ("code", "status", "status_code", "http_status")
_STREAM_PARAMETERS = ("stream", "stream_options")
_TOP_LOGPROBS = 20
_MAX_LOGPROB = 10_000.0
"""The largest absolute log-probability that is read. Servers write -9999 for "none"."""


class DeepReplyError(ValueError):
    """Raised for a reply that is nested more than `MAX_DEPTH` levels deep."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {MAX_DEPTH} levels deep")


def make_body(request: Request, model: str) -> dict[str, Any]:
    """Return the body of a request.

    Unknown parameters are included, and the endpoint decides about them. Streaming parameters are left out.
    """
    sent: dict[str, Any] = {name: value for name, value in request.parameters.items() if name not in _STREAM_PARAMETERS}
    sent["model"] = model
    sent["messages"] = [
        {"role": message.role, "content": message.content} if message.details is None else message.encode()
        for message in request.messages
    ]
    if request.response_format is not None:
        sent["response_format"] = request.response_format
    if request.tools:
        sent["tools"] = list(request.tools)
    if request.scale is not None:
        sent["logprobs"] = True
        sent["top_logprobs"] = _TOP_LOGPROBS
    return sent


def encode(sent: Mapping[str, Any]) -> bytes:
    """Return a body as compact JSON in UTF-8."""
    try:
        return _COMPACT.encode(sent).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which a model may emit, must be escaped
        return json.dumps(sent).encode()


def read_reply(
    data: Any,
    *,
    seconds: float | None,
    scale: tuple[int, int] | None = None,
    prices: Prices | None = None,
    served_by: str | None = None,
) -> Outcome:
    """Return the outcome of a reply with status 200; `data` is its JSON.

    Text that was cut at the token limit is an Output with the finish reason "length". Tool calls without a text become
    the text, as `{"tool_calls": [{"name", "arguments"}]}`; with a text they are stored in `tool_calls`. Reasoning in a
    field or a content part of its own is stored in `reasoning`. A refusal, a filtered reply or an empty reply is a
    Failure "unusable". Raise ProviderError (retryable) if the reply is not a chat completion, or if an error ended it.
    """
    told = _get_error(data)
    is_reply = isinstance(data, dict) and isinstance(data.get("choices"), list) and not told
    if not is_reply and not is_filter_error(told):
        raise _explain_no_completion(data)
    usage = _read_usage(data.get("usage"))
    cost = None
    if usage is not None and prices is not None:
        cost = compute_cost(usage, prices, count_cached_tokens(data.get("usage")))

    def unusable(why: str) -> Failure:
        return Failure(kind="unusable", message=why, seconds=seconds, usage=usage, cost_usd=cost)

    if not is_reply or not data["choices"]:
        return unusable("the reply contains no choice" if is_reply else _FILTERED)
    choice = min(data["choices"], key=_get_index)  # some gateways mix up the order of the array
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | list | None):
        raise ProviderError("the reply is malformed: a choice without a message", retryable=True)
    inner = list_inner(choice)  # the message is one of them
    reason = read_finish_reason(choice, "unknown", *inner, data)
    ended, reason = classify_ending(reason), shorten(reason, 60)
    why = _find_no_answer(data, choice, message, ended, reason)
    if why is not None:
        return unusable(why)
    text, tool_calls = add_tool_calls(_read_text(message), *_list_places(data, choice), reason=reason)
    reasoning = read_reasoning(message)
    if not text.strip():
        spent = bool(reasoning) or spends_reasoning(data.get("usage"))
        return unusable(_explain_empty(reason, is_cut=ended == "cut", reasoning=reasoning, spent=spent))
    return Output(
        text=text,
        finish_reason=CUT if ended == "cut" else sys.intern(reason),
        served_by=served_by or _read_served_by(data),
        usage=usage,
        seconds=seconds,
        cost_usd=cost,
        score_tokens=() if scale is None else read_score_tokens(choice.get("logprobs"), scale),
        tool_calls=tool_calls,
        reasoning=reasoning,
    )


def read_error_status(data: Any) -> int | None:
    """Return the HTTP status of the error that a reply with status 200 tells of; None without one.

    Routers answer 200 before they know what the model's own endpoint says.
    """
    choices = _as_list(_get(data, "choices"))
    for error, place in ((_get_error(data), data), *((_get(choice, "error"), choice) for choice in choices[:1])):
        for held in (error, place) if error else ():
            for key in _STATUS_KEYS:
                status = _get(held, key)
                if isinstance(status, str) and _STATUS.fullmatch(status):
                    status = int(status)
                if type(status) is int and 400 <= status < 600:
                    return status
    return None


def list_extensions(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the objects in which an endpoint adds to the format, such as `x_groq`."""
    return [value for key, value in data.items() if key.lower().startswith("x_") and isinstance(value, dict)]


def decode(content: bytes) -> Any:
    """Return a reply's JSON as plain data. Raise ValueError if it is not JSON, DeepReplyError beyond `MAX_DEPTH`."""
    try:
        # Not strict JSON: every field that is used is checked where it is read, and other content must not fail a call
        # that is paid for.
        data = json.loads(content)
    except RecursionError as error:
        raise DeepReplyError from error
    if is_too_deep(data):
        raise DeepReplyError
    return data


def read_score_tokens(logprobs: Any, scale: tuple[int, int]) -> tuple[ScoreToken, ...]:
    """Return the alternatives on the scale for each token of the reply that is an integer.

    " 4" and "4" are one integer, and their probabilities are added. Log-probabilities are natural, rounded to 6
    decimals.
    """
    found = []
    for token in _as_list(_get(logprobs, "content")):
        number = _as_integer(_get(token, "token"))
        if number is None:
            continue
        logs: dict[int, list[float]] = {}
        alternatives = _as_list(_get(token, "top_logprobs"))
        listed = [_get(each, "token") for each in alternatives]  # anything may be there, also a value without a hash
        # with a grammar the chosen token may be missing from the most likely ones
        for each in [*alternatives, *([] if _get(token, "token") in listed else [token])]:
            value, log = _as_integer(_get(each, "token")), _get(each, "logprob")
            if value is None or not scale[0] <= value <= scale[1]:
                continue
            if isinstance(log, int | float) and abs(log) <= _MAX_LOGPROB:
                logs.setdefault(value, []).append(float(log))
        if logs:
            merged = {value: round(_add_logs(each), 6) for value, each in sorted(logs.items())}
            found.append(ScoreToken(token=number, logprobs=merged))
    return tuple(found)


def read_headroom(headers: Mapping[str, str]) -> Headroom | None:
    """Read the `x-ratelimit-*` headers; return None if none is there."""
    requests, tokens = headers.get("x-ratelimit-remaining-requests"), headers.get("x-ratelimit-remaining-tokens")
    if requests is None and tokens is None:
        return None
    return Headroom(
        requests_left=_as_integer(requests),
        requests_reset=_parse_duration(headers.get("x-ratelimit-reset-requests", "")),
        tokens_left=_as_integer(tokens),
        tokens_reset=_parse_duration(headers.get("x-ratelimit-reset-tokens", "")),
    )


def read_message(content: Any) -> str:
    """Return the endpoint's message after a colon; empty if there is none."""
    error = _get(content, "error")
    found: Any = content
    for said in (_get(error, "message"), error, _get(content, "message"), _get(content, "detail")):
        if isinstance(said, str) and said:
            found = said
            break
    text = found if isinstance(found, str) else serialize(found) if found else ""
    return f": {shorten(text)}" if text.strip() else ""


def shorten(text: str, limit: int = 300) -> str:
    """Return a text as one line without control characters, of at most `limit` characters."""
    seen = text.lstrip()[: _READ_FACTOR * limit]
    line = " ".join("".join(char if char.isprintable() else " " for char in seen).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _find_no_answer(
    data: Mapping[str, Any], choice: Mapping[str, Any], message: Mapping[str, Any], ended: Ending, reason: str
) -> str | None:
    """Return why a choice is no answer, whatever its text, or None. Raise ProviderError if an error ended it."""
    inner = list_inner(choice)
    error = find_error(choice, *inner, *_find_parts(message, "error"))
    if ended == "refused" or is_filter_error(error) or any(_is_filtered(each) for each in (choice, message, data)):
        return _FILTERED
    if ended == "broken" or error is not None:
        said = f" (finish reason: {reason}){read_message(choice if error is None else {'error': error})}"
        raise ProviderError("the endpoint aborted the reply", said=said, retryable=True)
    if ended == "spoilt":
        return f"the model's reply is not an answer (finish reason: {reason})"
    refusal = find_refusal(choice, *inner, data) or _read_refusal(message)
    if refusal:
        return f"the model refused: {shorten(refusal if isinstance(refusal, str) else serialize(refusal))}"
    return None


def _explain_empty(reason: str, *, is_cut: bool, reasoning: str, spent: bool) -> str:
    if is_cut:
        return LIMIT_SPENT if spent else LIMIT_REACHED
    return ONLY_REASONING if reasoning else f"the reply is empty (finish reason: {reason})"


def _explain_no_completion(data: Any) -> ProviderError:
    error = _get_error(data)
    if error:  # some routers report an upstream error with status 200
        return ProviderError("the endpoint reports an error", said=read_message({"error": error}), retryable=True)
    return ProviderError("the reply is malformed: no `choices`", retryable=True)


def _get_index(choice: Any) -> int:
    index = _get(choice, "index")
    return index if isinstance(index, int) and not isinstance(index, bool) else 0


def _list_places(data: Mapping[str, Any], choice: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the objects of a reply that may hold tool calls; some endpoints use a separate choice."""
    choices = [choice, *(each for each in data["choices"] if isinstance(each, dict) and each is not choice)]
    held = [_get(each, key) for each in choices for key in ("message", "delta")]
    return [*(each for each in held if isinstance(each, dict)), *choices, data]


def _read_usage(given: Any) -> Usage | None:
    """Return the token counts of a reply; None without any. Some gateways report zeros where they have not measured."""
    usage = read_usage(*(_get(given, f"{kind}_tokens") for kind in ("prompt", "completion", "total")))
    return None if usage == Usage() else usage


def _read_text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):  # some endpoints send the text in parts
        shown = [each for each in content if not _is_aside(each)]
        texts = (each if isinstance(each, str) else _get(each, "text") for each in shown)
        content = "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _is_aside(part: Any) -> bool:
    """Return True for a part whose text is not part of the answer: the model's reasoning, or what a tool returned."""
    kind = _read_kind(part)
    return is_reasoning_part(part) or "tool" in kind or kind.endswith("result")


def _read_refusal(message: Mapping[str, Any]) -> Any:
    """Return the refusal in a part of the content; None if there is none."""
    parts = _as_list(message.get("content"))
    found = [_get(part, "refusal") or (_read_kind(part).endswith("refusal") and part) for part in parts]
    return next((each for each in found if each), None)


def _find_parts(message: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """Return the parts of the content of one kind, each as `{kind: part}`."""
    return [{kind: _get(part, kind) or part} for part in _as_list(message.get("content")) if _read_kind(part) == kind]


def _read_kind(part: Any) -> str:
    kind = _get(part, "type")
    return kind.lower() if isinstance(kind, str) else ""


def _is_filtered(place: Mapping[str, Any]) -> bool:
    """Return True if the content filter removed text in one of its categories."""
    found = (place.get(key) for key in ("content_filter_results", "content_filter_result"))
    categories = [each for one in found for each in (one if isinstance(one, list) else [one]) if isinstance(each, dict)]
    return any(_get(each, "filtered") is True for one in categories for each in one.values())


def _get_error(data: Any) -> Any:
    """Return the error of a reply as a whole. Some endpoints send a status of their own, 0 for success."""
    if not isinstance(data, dict):
        return None
    own = data.get("base_resp")
    return find_error(data, *list_extensions(data)) or (own if _get(own, "status_code") else None)


def _read_served_by(data: Mapping[str, Any]) -> str | None:
    parts = [data.get("model"), data.get("system_fingerprint")]
    named = (shorten(part, _LONGEST_NAME) for part in parts if isinstance(part, str))
    # interned: a run keeps this text for every answer, and it is nearly always the same
    return sys.intern("/".join(name for name in named if name)) or None


def _parse_duration(text: str) -> float:
    """Return the seconds of "1m30s", "120ms" or a bare number of seconds; 0 for anything else."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = _DURATION.fullmatch(text)
    if parts is None:
        return 0.0
    return sum(float(part) * unit for part, unit in zip(parts.groups("0"), (3600, 60, 1, 0.001), strict=True))


def _add_logs(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + math.log(math.fsum(math.exp(log - top) for log in logs))


def _as_integer(token: Any) -> int | None:
    return int(token) if isinstance(token, str) and _INTEGER.fullmatch(token := token.strip()) else None


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, dict) else None


def _as_list(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []
