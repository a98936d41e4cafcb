"""Evidence of a canary that was watched elsewhere: a JSON object that a promotion to production records."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from evalgate.errors import InputError, Place
from evalgate.release.checked_value import DocumentError, load_value
from evalgate.release.document import PublishedVersion

LARGEST: Final = 64 * 1024
"""Bytes of a file of evidence at most. Every later document would carry a larger one to its readers."""

_HINT = 'write a JSON object such as {"version": "2.4.0", "hours": 48, "requests": 12000}'


def parse_evidence(data: bytes, path: str, version: PublishedVersion) -> dict[str, Any]:
    """Return the evidence in a file, which is for a version and has at least `hours`, a number from 0.

    `version` or `digest` in the file must be those of the version, where they are given. Raises InputError.
    """
    place = Place(path=path)
    if len(data) > LARGEST:
        raise InputError(f"is too large: evidence may have {LARGEST:,} bytes", place=place)
    try:
        found = load_value(data.removeprefix(b"\xef\xbb\xbf")).object()
        json.dumps(found, allow_nan=False)  # JSON such as 1e999 is read as a number that JSON cannot have
    except (DocumentError, ValueError) as error:
        raise InputError(f"is no evidence of a canary: {error}", place=place, hint=_HINT) from None
    hours = found.get("hours")
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not math.isfinite(hours) or hours < 0:
        raise InputError('must have "hours", the time for which the canary was watched', place=place, hint=_HINT)
    for key, own in (("version", version.version), ("digest", version.digest)):
        given = found.get(key, own)
        if given != own and not (key == "digest" and _is_start(given, own)):
            raise InputError(f'is for another version: its "{key}" is {given}, and {version} was chosen', place=place)
    return found


def _is_start(given: Any, digest: str) -> bool:
    return isinstance(given, str) and len(given) >= 7 and digest.startswith(given)
