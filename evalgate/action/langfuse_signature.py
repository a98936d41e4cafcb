"""The signature of a webhook of Langfuse: HMAC-SHA256 of the time and the body, as `t=SECONDS,v1=HEX`."""

from __future__ import annotations

import hashlib
import hmac
import re

from evalgate.errors import InputError

OLDEST_SECONDS = 24 * 3600
"""Age of a signature at most. A job waits for a runner, and for other jobs of its group, for up to a day."""
SKEW_SECONDS = 300
"""Allowed difference between the clocks of the sender and of the runner."""

_FORM = re.compile(r"t=([0-9]{1,11}),v1=([0-9a-f]{64})")
_AGAIN = "the run on schedule gates the version; a new save in Langfuse sends a new event"


def check_signature(body: str, signature: str, secret: str, *, now: float) -> None:
    """Raise InputError unless `secret` signed this body at a time that is near `now`, in seconds since 1970.

    `signature` is the header `x-langfuse-signature`, and `body` the text that came with it, unchanged.
    """
    found = _FORM.fullmatch(signature)
    if found is None:
        raise InputError(
            "the signature of the event is not in the form t=SECONDS,v1=HEX",
            hint="forward the header x-langfuse-signature as it is",
        )
    signed = f"{found[1]}.{body}".encode("utf-8", "surrogatepass")
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    # the time counts only after the signature, which covers it
    if not hmac.compare_digest(expected, found[2]):
        raise InputError(
            "the signature of the event does not match its body",
            hint="check that the secret is that of the webhook, and that the body is forwarded byte by byte",
        )
    age = now - int(found[1])
    if age > OLDEST_SECONDS:
        raise InputError(f"the event was signed {age / 3600:,.0f} hours ago; it counts for 24 hours", hint=_AGAIN)
    if age < -SKEW_SECONDS:
        raise InputError(
            f"the event was signed {-age:,.0f} seconds in the future",
            hint="compare the clocks of the relay and the runner",
        )
