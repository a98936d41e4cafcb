"""The errors of Langfuse: what its answers and statuses mean, as one message each, without keys."""

from __future__ import annotations

import re
from typing import Any

from evalgate.errors import ServiceError
from evalgate.mask import Mask

ADDRESS = "check the address of the Langfuse server"
LATER = "repeat the command later"
_KEYS = "check the public and the secret key, and that both are of this server"

_LONGEST = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_RACE = "unique constraint failure"


class LangfuseError(ServiceError):
    """Langfuse refuses a request, or what it answers cannot be used. A write was not done."""


class LangfuseLostError(LangfuseError):
    """The server did not answer, or answered with an error of its own: a write may have been done or not."""


class LangfuseRaceError(LangfuseError):
    """Another create of the same prompt was faster. Nothing was written."""


class LangfuseMissingError(LangfuseError):
    """The prompt, or the version of it, does not exist."""


def make_error(place: str, status: int, said: str) -> LangfuseError:
    """Return the error of a status. What the body said is untrusted, and may be of another server."""
    kind: type[LangfuseError] = LangfuseError
    message, hint = f"Langfuse refuses the request ({status}){said}", None
    if status in (401, 403):
        message, hint = f"Langfuse refuses the keys ({status}){said}", _KEYS
    elif status == 404 and said:
        kind, message = LangfuseMissingError, f"not found{said}"
    elif status == 404:
        # the page of another server, or of another path, does not say that a prompt is missing
        message, hint = "the address is not a Langfuse server (404)", ADDRESS
    elif status == 400 and _RACE in said:
        kind, message, hint = LangfuseRaceError, f"another create was faster{said}", LATER
    elif status == 413:
        message, hint = "the request is larger than the server takes", "shorten the prompt"
    elif status == 429 or status >= 500:
        kind, message, hint = LangfuseLostError, f"the server answered {status}{said}", LATER
    elif status < 300:
        kind, message, hint = LangfuseLostError, "the answer is not what Langfuse sends", ADDRESS
    elif status < 400:
        message, hint = f"the server redirects ({status})", "write the final address of the server"
    return kind(f"{place}: {message}", hint=hint)


def read_message(body: Any, mask: Mask) -> str:
    """Return what an error says, after a colon and without the keys; "" for anything but the JSON of an error."""
    if not isinstance(body, dict) or not isinstance(body.get("message"), str):
        return ""
    details = body.get("error")
    rows = [one.get("message") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    # masked before it is cut, as a part of a key is not found
    return f": {clean(mask.text('; '.join(one for one in (body['message'], *rows) if one and isinstance(one, str))))}"


def clean(text: str) -> str:
    plain = _CONTROL.sub(" ", text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]} ..."
