"""Errors of a function that may pass: those of a connection or a busy service."""

from __future__ import annotations

import asyncio
import re

_NAMES = re.compile(
    r"timeout|timedout|connect|ratelimit|throttl|toomanyrequests|unavailable|overload|internalserver|network|transport",
    re.IGNORECASE,
)
_TEXTS = re.compile(
    r"timed? ?out|connection (reset|refused|error|aborted|closed)|cannot connect|rate.?limit|too many requests"
    r"|overloaded|unavailable|bad gateway|internal server error|\b(408|429|50[0-4]|529)\b",
    re.IGNORECASE,
)
_BUSY = (408, 409, 425, 429)


def is_passing(error: object) -> bool:
    """Return whether an error, or its text, is about a connection or a busy service, as are the errors behind it.

    Any other error counts as the reply of an application: a second draw in its place would be a second chance to pass.
    """
    seen: list[object] = []
    following: object = error
    while isinstance(following, BaseException) and following not in seen:
        if _is_of_service(following):
            return True
        seen.append(following)
        following = following.__cause__ or following.__context__
    return not seen and _TEXTS.search(str(error)) is not None


def _is_of_service(error: BaseException) -> bool:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status in _BUSY or status >= 500
    names = (kind.__name__ for kind in type(error).__mro__)
    return (
        isinstance(error, OSError | asyncio.CancelledError)
        or any(map(_NAMES.search, names))
        or _TEXTS.search(str(error)) is not None
    )
