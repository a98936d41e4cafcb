"""What an endpoint accepts, read from its refusals: the adaptations that a refused request needs.

Endpoints of the chat completions API accept different parameters, and name what they refuse in different words.
A refusal is read only if it is clear: it names exactly what was sent, with words for "not supported".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from evalgate.domain import Request
from evalgate.domain.adaptations import (
    DROPPABLE_KEYWORDS,
    INTEGER_ENUM,
    STRICT,
    TWINS,
    adapt,
    get_format,
    has_integer_enum,
    list_keywords,
    list_schemas,
)

_STATUSES = frozenset({400, 403, 404, 422, 500, 501})
_ABOUT_CONTENT = frozenset(
    {"context_length_exceeded", "content_filter", "content_policy_violation", "json_validate_failed",
     "string_above_max_length"}
)  # fmt: skip
_MAX_TEXT = 20_000
_MAX_DEPTH = 12

_REFUSED = re.compile(
    r"unsupported|n[o']t (be )?(a |an )?(currently |yet )?support|no longer (supported|accepted|available)"
    r"|unrecogni[sz]ed|unknown (name|field|parameter|argument|property|key)"
    r"|unexpected (keyword|field|argument|parameter|property)"
    r"|not (be )?(permitted|allowed|accepted|enabled|available|implemented|recogni[sz]ed)|extra_forbidden|forbidden"
    r"|deprecated|unavailable|extra inputs|n[o']t (be )?accept|cannot (both )?be (used|specified|set)|only the default"
    r"|\bonly \S{1,20} (is|are) (allowed|supported|accepted)|no endpoints found that (support|can handle)"
    r"|is not a valid (parameter|argument|field|property)|has been removed|not compatible|incompatible|unable to accept"
    r"|(must|should|may|can) (only )?be (set to )?(1|the default)\b"
)
_WEAKER_FORMAT = re.compile(
    r"enabled only for|unknown variant|must be (one of|['\"`]?(json_schema|text))|input should be|expected [`']?text"
    r"|invalid (enum )?value|(supported|allowed|valid) (values|types|formats)"
)
_RANGE = re.compile(
    r"greater than|less than|at (least|most)\b|between \S+ and|out of range|[<>≤≥]=?"
    r"|too (large|long|small|high|low|big)|exceed|(above|below) (the )?m|must be (a|an|one of|positive)\b"
    r"|(larger|longer|smaller) than"
)
_VALUE = re.compile(
    r"unsupported value|unsupported_value|does not support (?!param)\S+ with|provided '\w+' value|values? (is|are):"
)
_ONE_VALUE = re.compile(
    r"only the default|be (set to )?(1|the default)\b|\bonly \S{1,20} (is|are) (allowed|supported|accepted)"
)
_SAMPLING = frozenset(
    {"temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "repetition_penalty",
     "logit_bias"}
)  # fmt: skip
_LIST = re.compile(r"\[[^\[\]]*\]|\b(parameters|params|arguments|fields|properties)\b|\bare (not|un|no longer|only)")
_BOTH = re.compile(r"\bboth\b|only one\b|together|simultaneously")
_FORMAT = re.compile(
    r"response_?formats?|response format|json_?schema|json schema|json_object|json mode|structured_?\s?outputs?"
    r"|response_?schema|output_config\.format|output_format|guided"
)
_SCHEMA = re.compile(r"schema|response_?format|tools?\[|function|propert(y|ies)\b|keyword")
_TEXT_ENUM = re.compile(r"\benum\b.{0,80}?(type_string|\bstrings?\b)")
_FORBIDDEN_PLACE = re.compile(r"loc['\"]?\s*:\s*[\[(]\s*['\"]body['\"]\s*,\s*['\"](\w+)['\"]\s*,?\s*[\])]")
_SENTENCES = re.compile(r"\n|[.;!](?=\s)|\\n")
_CAMEL = re.compile(r"(?<=[a-z])([A-Z])")
_PLAIN = frozenset({"temperature", "logprobs"})
"""The names without an underscore that are no other word of a refusal."""

_NEVER = frozenset({"messages", "model", "tools", "functions", "stream", "stream_options"})
"""What is asked, and of which model, is never changed."""


def find_adaptations(status: int, content: Any, request: Request) -> tuple[str, ...]:
    """Return the adaptations with which an endpoint may accept a request that it refused, in the order of the refusal.

    `content` is the body of the refusal, JSON or text. Empty if the refusal is not about the form of the request, or if
    it is not clear what it is about. Each of them changes the request.
    """
    if status not in _STATUSES:
        return ()
    texts = [text[:_MAX_TEXT] for text in _list_texts(content, 0)]
    if any(text in _ABOUT_CONTENT for text in texts):
        return ()
    whole = "\n".join(texts).replace("\\", "")[:_MAX_TEXT]
    param = _find_param(content)
    named = _read_param(param, whole, request) if param else None
    found = [*_read_sentences(whole, request)] if named is None else named
    found += _read_forbidden(_dump(content), request)
    changing = dict.fromkeys(each for each in found if adapt(request, (each,)) is not request)
    return tuple(changing)


def _read_param(param: str, whole: str, request: Request) -> list[str] | None:
    """Return the adaptations for the parameter that the refusal names in its field; None: read the sentences."""
    low = _to_snake(whole)
    top = re.split(r"[.\[/]", param)[0]
    if top in ("response_format", "tools", "text") or _FORMAT.fullmatch(top):
        return None
    if top not in request.parameters or top in _NEVER:
        return None if top in ("strict", "") else []
    if not _REFUSED.search(low) or _RANGE.search(low) or not _may_drop(top, low):
        return []
    return [_leave_out(top, request)]


def _read_sentences(whole: str, request: Request) -> Iterator[str]:
    for sentence in _SENTENCES.split(whole):
        low = _to_snake(sentence)
        refused = _REFUSED.search(low) is not None
        about_format = _FORMAT.search(low) is not None
        if has_integer_enum(request) and _TEXT_ENUM.search(low):
            yield f"schema drop {INTEGER_ENUM}"
            continue
        keywords = [*_find_keywords(sentence, low, request)] if refused and _SCHEMA.search(low) else []
        if keywords:
            yield from keywords
        elif refused and re.search(r"['\"`]strict['\"`]|\bstrict (mode )?(is|parameter)", low):
            yield STRICT
        elif about_format and (refused or _WEAKER_FORMAT.search(low)):
            yield from _weaken_format(request)
        elif refused and not about_format:
            yield from _find_parameters(low, request)


def _find_parameters(low: str, request: Request) -> Iterator[str]:
    names = [name for name in request.parameters if name not in _NEVER and _is_named(name, low)]
    if len(names) > 1 and _BOTH.search(low):
        names = [name for name in names if name == "top_p"]
    elif len(names) > 1 and not _LIST.search(low):
        return
    if _RANGE.search(low):
        return
    for name in names:
        if _may_drop(name, low):
            yield _leave_out(name, request)


def _may_drop(name: str, low: str) -> bool:
    """Return False if the endpoint accepts the parameter with another value, which is for the user to choose."""
    return name in _SAMPLING or _ONE_VALUE.search(low) is not None or not _VALUE.search(low)


def _leave_out(name: str, request: Request) -> str:
    """Return the adaptation for a refused parameter: the token limit has two names, all others are left out."""
    twin = TWINS.get(name)
    return f"drop {name}" if twin is None or twin in request.parameters else f"rename {name} {twin}"


def _weaken_format(request: Request) -> Iterator[str]:
    match get_format(request):
        case "json_schema":
            yield "format json_schema json_object"
        case "json_object":
            yield "format json_object none"


def _find_keywords(sentence: str, low: str, request: Request) -> Iterator[str]:
    sent = dict.fromkeys(keyword for schema in list_schemas(request) for keyword, _ in list_keywords(schema))
    for keyword in sent:
        if keyword not in DROPPABLE_KEYWORDS:
            continue
        snake = _to_snake(keyword)
        if snake == "format" or "$" in snake:
            named = re.search(rf"['\"`]{re.escape(keyword)}['\"`]", sentence)
        else:
            named = re.search(rf"(?<!\w){re.escape(snake)}(?!\w)", low)
        if named:
            yield f"schema drop {keyword}"


def _read_forbidden(whole: str, request: Request) -> Iterator[str]:
    """Yield the adaptations for the fields that a validation of the body forbids (`extra_forbidden`)."""
    if "extra_forbidden" not in whole and "Extra inputs" not in whole:
        return
    for name in _FORBIDDEN_PLACE.findall(whole):
        if name == "response_format":
            yield from _weaken_format(request)
        elif name in request.parameters and name not in _NEVER:
            yield _leave_out(name, request)


def _is_named(name: str, low: str) -> bool:
    snake = re.escape(_to_snake(name))
    if "_" in name or name in _PLAIN:
        return re.search(rf"(?<![\w]){snake}(?![\w])", low) is not None
    # a word of the language is a name only in quotes, or after a word for a parameter
    before = r"(^\s*|['\"`:\[(,]\s*|\b(parameters?|arguments?|field|name|option|property|supplied)\b:?\s*['\"`]?)"
    return re.search(rf"{before}{snake}(?![\w])", low) is not None


def _find_param(content: Any) -> str:
    for place in (content, *(content if isinstance(content, list) else ())):
        for holder in (place.get("error"), place) if isinstance(place, dict) else ():
            value = holder.get("param") if isinstance(holder, dict) else None
            if isinstance(value, str) and value.strip().lower() not in ("", "none", "null"):
                return value.strip()
    return ""


def _list_texts(content: Any, depth: int) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif depth < _MAX_DEPTH and isinstance(content, dict):
        for value in content.values():
            yield from _list_texts(value, depth + 1)
    elif depth < _MAX_DEPTH and isinstance(content, list):
        for value in content[:50]:
            yield from _list_texts(value, depth + 1)


def _to_snake(text: str) -> str:
    return _CAMEL.sub(r"_\1", text).lower()


def _dump(content: Any) -> str:
    try:
        return json.dumps(content).replace("\\", "")[:_MAX_TEXT]
    except (TypeError, ValueError, RecursionError):
        return ""
