"""Finish reasons of endpoints, classified: the answer is whole, cut, refused, spoilt or broken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Ending: TypeAlias = Literal["whole", "cut", "refused", "spoilt", "broken"]

CUT = "length"
"""The finish reason that is stored for an answer that was cut at its token limit."""

_WHOLE = frozenset({
    "", "complete", "completed", "done", "end", "endoftext", "endturn", "eos", "eosfound", "eostoken", "finish",
    "finished", "functioncall", "none", "normal", "null", "stop", "stopsequence", "stopstr", "stopstringfound",
    "stoptoken", "success", "toolcall", "toolcalls", "tooluse", "unknown",
})  # fmt: skip
_CUT = frozenset({
    "contextlengthexceeded", "contextlengthreached", "contextwindowexceeded", "length", "lengthlimit", "limit",
    "maxcompletiontokens", "maxlength", "maxnewtokens", "maxoutputtokens", "maxpredictedtokensreached", "maxtokens",
    "maxtokensreached", "modelcontextwindowexceeded", "modellength", "outputlimit", "tokenlimit", "truncated",
})  # fmt: skip
_REFUSED = frozenset({
    "blocklist", "contentfilter", "contentfiltered", "errortoxic", "guardrailintervened", "language",
    "prohibitedcontent", "recitation", "refusal", "safety", "sensitive", "spii",
})  # fmt: skip
_FILTER = (
    r"content_?filter|filtered|guardrail|moderat(ed|ion)|safety|new_sensitive|sensitive_?(content|word|info)|harmful"
    r"|prohibited_?(content|use)|data_?inspection|flagged|inappropriate|content_?(management_?)?policy|responsible_?ai"
    r"|content_?exists_?risk|model_?armor|jailbreak|prompt_?shield|(toxic|unsafe)_?content"
    r"|violat[a-z]*_.{0,40}?(polic|guidelines|terms)|敏感|违规|不安全"
)
_FILTER_ERROR = re.compile(_FILTER)
"""Words of an error for a filter; "refused" and "blocked" are also said of a connection."""
_SERVICE_ERROR = re.compile(
    r"unavailable|timed?_?out|quota|rate_?limit|overload|unhealthy|connection|unreachable|deadline|offline|crashed"
    r"|(could_not|failed_to|unable_to)_(be_)?(reach|connect|call|complete|check)|try_again|too_many_req|_busy"
    r"|content_?filter_?error|(service|server|backend|engine|layer)_((has|is|returned)_)?(an?_)?(error|failed|down|5[0-9]{2})"
)
"""Words of an error for the filter's own service."""
_QUOTED = re.compile(r'"[^"]*"|`[^`]*`')
_REFUSAL = re.compile(
    rf"{_FILTER}|filter|sensitive|prohibited|recitation|refus|blocked|blocklist|toxic|inspection|unsafe|harm(?!on)|copyright|violat"
)
"""Words of a finish reason for a filter or a refusal: each provider has its own (`content_filter: RECITATION`)."""
_SPOILT = frozenset({
    "imageother", "iterationlimit", "malformedfunctioncall", "malformedmodeloutput", "malformedresponse",
    "malformedtooluse", "maxiterations", "maxsteps", "maxturns", "missingthoughtsignature", "noimage", "other",
    "recursionlimit", "repetition", "toomanytoolcalls", "unexpectedtoolcall",
})  # fmt: skip
"""Reasons that lie in what the model wrote, such as those for which an agent ends before its answer."""
_MALFORMED = "malformed"
_BROKEN = frozenset({
    "abort", "aborted", "canceled", "cancelled", "error", "failed", "incomplete", "inprogress", "interrupted",
    "networkerror", "queued", "requiresaction", "timeout",
})  # fmt: skip
"""Second reasons that count, of those that are not known as another ending: each provider has words of its own."""
_ANNOUNCED = frozenset({"functioncall", "toolcall", "toolcalls", "tooluse"})
_ERRORS = frozenset({
    "aborted", "canceled", "cancelled", "err", "errcode", "errmsg", "errno", "error", "errorcode", "errormessage",
    "errormsg", "errors", "errortype", "exception", "failed", "failure", "failurereason", "fault", "haserror",
    "interrupted", "iserror", "lasterror", "traceback",
})  # fmt: skip
_STATUSES = ("code", "httpstatus", "status", "statuscode")
_SUCCESSES = ("issuccess", "ok", "success")
_FAILURES = ("haserrors", "hasfailed", "isfailed", "isfailure", "istimeout", "timedout")
_KINDS = ("object", "subtype", "type")
_REFUSALS = ("blocked", "blockreason", "contentfiltered", "isblocked", "isrefusal", "outputsensitive", "refused")
_GUARDRAILS = "guardrailaction"
_FEEDBACK = ("promptfeedback", "safetyratings")
_INNER = ("additionalkwargs", "delta", "message", "providerspecificfields", "responsemetadata")
_CUT_FLAGS = ("incomplete", "istruncated", "stoppedlimit", "truncated")
_INNER_LEVELS = 3
_NO_ERROR = frozenset({"", "0", "false", "no", "none", "noerror", "null", "ok", "success"})
_PREFIX = "finishreason"


def classify_ending(finish_reason: str | None) -> Ending:
    """Return how an answer with this finish reason ended; `normalize_reason` normalizes the reason.

    No finish reason counts as "whole". "refused" and "spoilt" are the model's or its filter's doing: another draw in
    the place of one would be a second chance. An unknown reason is "broken": the text is not an answer of the model
    ("error", "network_error", "insufficient_system_resource", "abort").
    """
    name = normalize_reason(finish_reason or "")
    known = _classify_known(name)
    if known is not None or name in _BROKEN:
        return known or "broken"
    if _MALFORMED in name:  # before the filters: "function_call_filter: MALFORMED_FUNCTION_CALL"
        return "spoilt"
    return "refused" if _REFUSAL.search(name) else "broken"


def read_finish_reason(given: Mapping[str, Any], silent: str, *around: Mapping[str, Any]) -> str:
    """Return the finish reason that a reply, a row or an application's answer gives; `silent` where it gives none.

    Some give a second one, in words of their own ("native_finish_reason", "stop_reason") or in what lies `around`: it
    counts where it says that the answer was cut, refused or broken off, or that it calls a tool. A reason that is no
    text counts as an unknown one. Capitals and underscores of the keys make no difference.
    """
    keys = _spell_keys(given)
    told = keys.get("finishreason")
    first = silent if told is None or told == "" else told if isinstance(told, str) else f"not a text: {told!r}"
    if classify_ending(first) != "whole":
        return first
    places = [keys, *map(_spell_keys, around)]
    # a `stop_reason` may also be the text that the answer stopped at
    stopped = [one for place in places for one in _texts(place.get("stopreason")) if _is_no_end(one, exact=True)]
    others = [one for place in places for one in _list_seconds(place) if is_early_end(one)]
    # the status may be one of the application's own, in any words
    others += [one for place in places for one in _texts(place.get("status")) if is_early_end(one, exact=True)]
    around_it = [one for place in places[1:] for one in _texts(place.get("finishreason")) if _is_no_end(one)]
    flags = [CUT for place in places if any(place.get(flag) in (True, "true", "True") for flag in _CUT_FLAGS)]
    told_calls = [one for place in places for one in _list_told(place) if announces_calls(one)]
    return next(iter((*stopped, *others, *around_it, *flags, *told_calls)), first)


def announces_calls(finish_reason: str) -> bool:
    """Return whether an answer with this finish reason ends with calls of tools."""
    return normalize_reason(finish_reason) in _ANNOUNCED


def find_error(*places: Mapping[str, Any]) -> Any:
    """Return the error that one of the places has; None without one.

    An error has a key of its own ("error", "errors", "error_code", "errmsg"), or the place says that there was no
    success ("success": false, "is_error": true), has an HTTP status of an error ("status_code": 502), or is of the type
    "error" or of a subtype that begins with it.
    """
    for place in places:
        for key, value in place.items():
            name = _spell_key(key)
            if (name in _ERRORS and _is_told(value)) or _is_failure(name, value):
                return value if name in _ERRORS else f"{key}: {value}"
    return None


def find_refusal(*places: Mapping[str, Any]) -> Any:
    """Return the refusal that one of the places has under any key ("refusal", "refused", "blockReason"), else None."""
    for place in places:
        for key, value in place.items():
            name = _spell_key(key)
            is_stopped = isinstance(value, str) and normalize_reason(value).endswith("intervened")
            if (
                (name == "refusal" and value)
                or (name in _REFUSALS and _is_told(value))
                or (name.endswith(_GUARDRAILS) and is_stopped)
            ):
                return value
            told = value if isinstance(value, list) else [value]
            if name in _FEEDBACK and find_refusal(*(each for each in told if isinstance(each, Mapping))) is not None:
                return value
    return None


def list_inner(given: Mapping[str, Any], levels: int = _INNER_LEVELS) -> list[Mapping[str, Any]]:
    """Return the mappings in a reply or an application's answer that say more of the text; libraries nest them."""
    held = [value for key, value in given.items() if _spell_key(key) in _INNER]
    choices = given.get("choices")
    held += choices[:1] if isinstance(choices, list) else []
    inner = [value for value in held if isinstance(value, Mapping)]
    return [*inner, *(each for value in inner if levels > 1 for each in list_inner(value, levels - 1))]


def normalize_reason(finish_reason: str) -> str:
    """Return a finish reason in small letters alone: `MAX_TOKENS`, `max-tokens`, `FinishReason.MAX_TOKENS` are one."""
    written = "".join(re.split(r"[-_.\s]+", finish_reason.casefold()))
    return written.removeprefix(_PREFIX) or written


def is_early_end(finish_reason: str, *, exact: bool = False) -> bool:
    """Return whether a finish reason says, in known words, that the answer was cut, refused, spoilt or broken off.

    With `exact` it is one of these words, and does not only contain one.
    """
    return _is_no_end(finish_reason, exact=exact) or normalize_reason(finish_reason) in _BROKEN


def is_filter_error(error: Any) -> bool:
    """Return whether an error says, by its code or its message, that a filter stopped the text or the request.

    A message does not count where the message or the code tells of a service that failed.
    """
    told = [one for one in (error.values() if isinstance(error, Mapping) else [error]) if isinstance(one, str)]
    codes = [one.casefold() for one in told if not re.search(r"\s", one.strip())]
    whole = _QUOTED.sub("", "\n".join(told)).casefold().replace(" ", "_")
    if _SERVICE_ERROR.search(whole) is not None:
        return any(_FILTER_ERROR.search(one) and not _SERVICE_ERROR.search(one) for one in codes)
    return any(_FILTER_ERROR.search(one.casefold().replace(" ", "_")) is not None for one in told)


def _is_no_end(reason: str, *, exact: bool = False) -> bool:
    ended = _classify_known(normalize_reason(reason)) if exact else classify_ending(reason)
    return ended in ("cut", "refused", "spoilt")


def _classify_known(name: str) -> Ending | None:
    endings: tuple[tuple[frozenset[str], Ending], ...] = (
        (_WHOLE, "whole"),
        (_CUT, "cut"),
        (_REFUSED, "refused"),
        (_SPOILT, "spoilt"),
    )
    return next((ending for names, ending in endings if name in names), None)


def _list_seconds(keys: Mapping[str, Any]) -> list[str]:
    """Return other statements about the end of a reply; an "incomplete" reply may give its reason."""
    details, why = keys.get("finishdetails"), keys.get("incompletedetails")
    told = [keys.get(key) for key in ("nativefinishreason", "donereason", "stoptype")]
    told += [_get(details, "type"), _get(why, "reason")]
    return [one for each in told for one in _texts(each)]


def _list_told(keys: Mapping[str, Any]) -> list[str]:
    reasons = (*_texts(keys.get("finishreason")), *_texts(keys.get("stopreason")))
    return [*reasons, *_list_seconds(keys), *_texts(keys.get("status"))]


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, Mapping) else None


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else []


def _is_told(value: Any) -> bool:
    """Return whether a value says anything: some gateways send every key of an error, all of them empty."""
    if isinstance(value, Mapping):
        return any(map(_is_told, value.values()))
    return bool(value) and not (isinstance(value, str) and normalize_reason(value) in _NO_ERROR)


def _is_failure(name: str, value: Any) -> bool:
    """Return whether a value says that there is no answer, under a key that is not an error's own."""
    if name in _STATUSES:
        number = int(value) if isinstance(value, str) and re.fullmatch("[45][0-9]{2}", value) else value
        return isinstance(number, int) and 400 <= number < 600
    if name in _KINDS:  # an agent that ran out of turns has the subtype "error_max_turns"
        return isinstance(value, str) and (value == "error" or (name == "subtype" and value.startswith("error_")))
    if name in _FAILURES:
        return value is True or value in ("true", "True")
    return name in _SUCCESSES and (value is False or value in ("false", "False"))


def _spell_keys(given: Mapping[str, Any]) -> dict[str, Any]:
    return {_spell_key(key): value for key, value in given.items()}


def _spell_key(key: object) -> str:
    return str(key).replace("_", "").replace("-", "").lower()
