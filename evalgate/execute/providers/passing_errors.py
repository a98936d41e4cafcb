"""Errors of a function that may pass: those of a connection or a busy service."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Any

_NAMES = re.compile(
    r"timeout|timedout|connect(ion|or|timeout|error)|serverdisconnected|ratelimit|throttl|toomanyrequests"
    r"|(service|temporarily|^)_?unavailable|(service|server|^)_?overload|internalserver|^servererror|deadlineexceeded"
    r"|resourceexhausted|network(?!x)|transport(?!query)|^ssl|remoteprotocol|^protocolerror|maxretryerror|payloaderror"
    r"|incompleteread|badstatusline|nameresolution|streamingerror|brokenexecutor|brokenprocesspool|memoryerror|busyloading",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"(\b(status|http|code|error|upstream|gateway|server)\b[\s\W]{0,4}(code[\s\W]{0,4})?|status_?code[\s\W]{0,4}|^\W*)"
    r"(408|425|429|5[0-9][0-9])\b(?! (words|tokens|characters|items|rows))",
    re.IGNORECASE,
)
_TEXTS = re.compile(
    r"timed? ?out|deadline.?exceeded|resource.?exhausted|rate.?limit|too many (requests|clients|connections)"
    r"|connection (reset|refused|error|aborted|closed|broken|already)|(could not|cannot|failed to|unable to) connect"
    r"|upstream connect|disconnected|closed the connection|overloaded|throttl|quota exceeded|out of memory"
    r"|bad gateway|gateway time|internal server error|server (had an )?error"
    r"|server_error|retry your request|name resolution|failed to resolve|translate host name"
    r"|database is locked",
    re.IGNORECASE,
)
_SAID_BY_ANY = re.compile(
    r"(service|server|endpoint|model|temporarily|currently|gateway|upstream|statuscode\.)\W?(is )?(temporarily )?"
    r"unavailable|^\W*unavailable|try again later|(server|service) is busy",
    re.IGNORECASE,
)
"""Words that a model writes to a customer as well, in an answer that an application's own exception may hold."""
_BUSY = (408, 409, 421, 423, 424, 425, 429, 460, 499)
_OF_DATA = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""Errors about a value. Their texts quote it, and a model may have written "unavailable" or "rate limit"."""
_OF_PATHS = (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError)
"""Errors about a file, whose name a model may have written."""


def is_passing(error: object) -> bool:
    """Return whether an error, or its text, is about a connection or a busy service, as are the errors behind it.

    Any other error counts as the reply of an application: a second draw in its place would be a second chance to pass.
    An error that has an HTTP status counts by it alone.
    """
    seen: list[object] = []
    following: object = error
    while isinstance(following, BaseException) and following not in seen:
        status = _find_status(following)
        if status is not None:
            return is_passing_status(status)
        if _is_of_service(following):
            return True
        seen.append(following)
        following = following.__cause__ or following.__context__
    return not seen and _tells_of_service(str(error))


def is_passing_status(status: int) -> bool:
    """Return whether an HTTP status other than 200 is about a connection or a busy service, not about the request."""
    return status < 400 or status in _BUSY or status >= 500


def describe_error(error: BaseException) -> str:
    """Return the type of an error with its text, if it has one."""
    text = _read_text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _read_text(error: BaseException) -> str:
    with contextlib.suppress(Exception):  # a library's own method may fail
        return str(error)
    return ""


def _get(place: object, name: str) -> Any:
    with contextlib.suppress(Exception):  # a property may fail where there is no reply
        return getattr(place, name, None)
    return None


def _find_status(error: BaseException) -> int | None:
    """Return the HTTP status that an error of a client library has; each keeps it in a place of its own."""
    reply = _get(error, "response")
    about = reply.get("ResponseMetadata") if isinstance(reply, Mapping) else None
    found = [_get(one, key) for one in (error, reply) for key in ("status_code", "status", "code")]
    found += [about.get("HTTPStatusCode")] if isinstance(about, Mapping) else []
    return next((int(one) for one in found if isinstance(one, int) and 400 <= one < 600), None)


def _is_of_service(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_passing, error.exceptions))
    if isinstance(error, OSError | asyncio.CancelledError):
        return not isinstance(error, _OF_PATHS)
    if any(_NAMES.search(kind.__name__) for kind in type(error).__mro__):
        return True
    if isinstance(error, _OF_DATA):
        return isinstance(error, ValueError) and _STATUS.search(_read_text(error)) is not None
    return _tells_of_service(_read_text(error), is_own=type(error).__module__ == "builtins")


def _tells_of_service(text: str, *, is_own: bool = False) -> bool:
    """Return whether a text is about a service; `is_own` if an application wrote it, not a client library."""
    return any(words.search(text) for words in (_STATUS, _TEXTS, *([] if is_own else [_SAID_BY_ANY])))
