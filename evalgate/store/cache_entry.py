"""The entry of one answered request, as one line of JSON: the common format of cache, journal and recordings."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Failure, Outcome, decode_outcome, encode_outcome, strict_json


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """A request's key, a description of the request for people (`about`), and its outcome.

    `created` is in seconds since 1970; None if it is not stored, as in a journal and in recordings.
    """

    key: str
    about: str
    outcome: Outcome
    created: float | None = None


def dump(entry: CacheEntry) -> str:
    """Return one line without its end: `{"key", "about", ...}` and the outcome's fields, without those that are empty.

    `created` is written as ISO 8601 in UTC, to the second.
    """
    content = {name: value for name, value in encode_outcome(entry.outcome).items() if value not in (None, [])}
    content.pop("cached", None)  # a fact about a run, not about the answer
    line: dict[str, Any] = {"key": entry.key, "about": entry.about}
    if entry.created is not None:
        moment = datetime.datetime.fromtimestamp(entry.created, datetime.UTC)
        line["created"] = moment.isoformat(timespec="seconds")
    line |= content
    text = json.dumps(line, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which a model may emit
        return json.dumps(line, separators=(", ", ": "), allow_nan=False)
    return text


def load(line: str | bytes) -> CacheEntry:
    """Return the entry that `dump` wrote. Raise ValueError, with a readable message, for anything else."""
    try:
        data = strict_json.load(line)
    except strict_json.JsonError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("key"), str) or not data["key"]:
        raise ValueError('not an object with a "key"')
    try:
        outcome = decode_outcome(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"not an outcome: {type(error).__name__}: {error}") from error
    created = _parse_created(data["created"]) if "created" in data else None
    return CacheEntry(key=data["key"], about=str(data.get("about", "")), outcome=outcome, created=created)


def is_answer(outcome: Outcome) -> bool:
    """Return True unless the call failed; an unusable reply counts as an answer."""
    return not (isinstance(outcome, Failure) and outcome.kind == "infrastructure")


def _parse_created(created: object) -> float:
    try:
        moment = datetime.datetime.fromisoformat(str(created))
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"created" is not a date and time in ISO 8601: {error}') from error
