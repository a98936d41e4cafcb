"""The error for a status other than 200: what it is about, whether it holds for every call, and how to fix it."""

from __future__ import annotations

import email.utils
import math
import re
import time
from collections.abc import Mapping
from typing import Any

from evalgate.domain import Request, is_filter_error
from evalgate.execute.providers.chat_completions import read_message
from evalgate.execute.providers.dialect import find_adaptations
from evalgate.execute.providers.passing_errors import is_passing_status
from evalgate.execute.providers.protocol import ProviderError

_PAYMENT_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_LOADING = re.compile(
    r"\bloading\b|\b(is|still|being) (starting|load\w*|initiali[sz]\w*|warming|waking)|\bstarting up\b|\bwarming up\b"
    r"|\bwak(ing|es?) up\b|\bcold start|\bnot (yet )?(ready|loaded|started)\b"
)
_NO_MODEL = re.compile(
    r"(invalid|unknown|no such) model\b|\bmodel\b.{0,120}(not exist|not found|n[o']t exist|is not a valid model)"
    r"|not a valid model|model_not_found|deployment.{0,60}(not exist|not found)"
)
_PAYMENT = re.compile(
    r"credit balance|insufficient (balance|credits?|funds|quota)|payment required|billing|out of credits"
    r"|exceeded your current"
)
_KEY = re.compile(
    r"(invalid|incorrect|wrong|missing|expired|revoked|unknown|no|valid) (api|authentication|access)?[ _-]?"
    r"(key|token|credential)"
    r"|(api|access)[ _-]?(key|token)s? .{0,40}(not valid|invalid|incorrect|missing|expired|required|not found|not have)"
    r"|unauthori[sz]ed|unauthenticated|authenticat|permission|not authori[sz]ed|not entitled|not have access"
    r"|(your|this) (account|organi[sz]ation|project|key)"
)
_TOO_MANY = re.compile(r"\bquota\b|rate.?limit|too many requests")
_CONTENT = re.compile(
    r"moderat|content|policy|polic(y|ies)|safety|flagged|harmful|risk|prohibited|inappropriate|sensitive|jailbreak"
    r"|blocked|guardrail|prompt|messages|input"
)


def is_filtered(status: int, content: Any) -> bool:
    """Return True if an error status means that this request's text was filtered.

    Azure does so with 400, and a gateway passes the code on with a status of its own, such as 500.
    """
    return (status == 400 or status >= 500) and is_filter_error(_read_code(content))


def explain_status(  # noqa: PLR0911 - one return for each kind of refusal
    status: int,
    content: Any,
    headers: Mapping[str, str],
    *,
    who: str,
    model: str,
    key: str,
    request: Request | None = None,
    startup_timeout: float | None = None,
) -> ProviderError:
    """Return the error for a status. `content` is the body (JSON or text), `key` a description of the key.

    `request` is the one that was refused, in the form that was sent. With `startup_timeout`, an endpoint that says that
    it is loading its model is waited for. The messages contain text of the endpoint, from which the caller removes the
    secrets.
    """
    said = read_message(content)
    low = said.lower()
    if status == 402 or (status == 429 and _read_code(content) in _PAYMENT_CODES):
        return _require_payment(who, status, said)
    if startup_timeout is not None and _is_loading(status, low, content):
        message, after = f"{who} is loading its model ({status})", _read_retry_after(headers)
        return ProviderError(message, said=said, retryable=True, retry_after=after, startup_timeout=startup_timeout)
    adaptations = () if request is None else find_adaptations(status, content, request)
    if adaptations:
        message = f"{who} refused the request ({status})"
        return ProviderError(message, said=said, refused=True, hint=_make_hint(low), adaptations=adaptations)
    if request is not None and request.scale is not None and "logprob" in low and status < 500:
        hint = "give the judge `score: printed`"
        return ProviderError(f"{who} gives no log-probabilities ({status})", said=said, fatal=True, hint=hint)
    if status == 401 or (status in (400, 403) and _KEY.search(low) and not _is_about_content(low)):
        hint = "check the key and its rights"
        # a key that has worked in this run is not what a 400 or 403 is about
        message = f"{who} refused {key} ({status})"
        return ProviderError(message, said=said, fatal=True, refused=status != 401, hint=hint)
    if status == 404 or (status in (400, 403, 422) and _NO_MODEL.search(low)):
        hint = "check `model` and `base_url` (most end in /v1)"
        message = f'{who} has no model "{model}", or is not a chat endpoint ({status})'
        return ProviderError(message, said=said, fatal=True, hint=hint)
    if status in (400, 403) and _PAYMENT.search(low):
        return _require_payment(who, status, said)
    # a page comes from what stands before the endpoint, and some gateways refuse too many requests with 403
    if is_passing_status(status) or (status == 403 and (low.startswith(": <") or _TOO_MANY.search(low))):
        message, after = f"{who} answered {status}", _read_retry_after(headers)
        return ProviderError(message, said=said, retryable=True, retry_after=after, throttled=status == 429)
    if status == 403 and not _is_about_content(low):
        message = f"{who} refused the request, or {key} ({status})"
        return ProviderError(message, said=said, refused=True, hint="check the key and its rights")
    return ProviderError(f"{who} refused the request ({status})", said=said, refused=True, hint=_make_hint(low))


def _require_payment(who: str, status: int, said: str) -> ProviderError:
    hint = "check the account's plan"
    return ProviderError(f"{who} requires payment ({status})", said=said, fatal=True, hint=hint)


def _is_loading(status: int, low: str, content: Any) -> bool:
    """Return True if the endpoint says that it is loading its model."""
    if status == 503 and isinstance(content, dict) and "estimated_time" in content:
        return True
    return (status >= 500 or status in (409, 425)) and _LOADING.search(low) is not None


def _is_about_content(low: str) -> bool:
    return _CONTENT.search(low) is not None


def _make_hint(low: str) -> str | None:
    if "context" in low and any(word in low for word in ("length", "exceed", "size", "window", "holds", "maximum")):
        return "the messages are longer than the model takes: shorten the case or the prompt, or use another model"
    return None


def _read_code(content: Any) -> str | None:
    error = _get(content, "error")
    code = _get(error, "code")
    return code if isinstance(code, str) else _get(error, "type")


def _read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `retry-after-ms`, or of `Retry-After` (seconds or a date); None if neither is valid."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif "retry-after" in headers:
            value = headers["retry-after"].strip()
            try:
                seconds = float(value)
            except ValueError:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        else:
            return None
    except (ValueError, OverflowError, TypeError):  # an invalid date
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, dict) else None
