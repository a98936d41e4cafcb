"""One answered request as one line of JSON: the form that cache, journal and recordings share."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Failure, Outcome, decode_outcome, encode_outcome, strict_json


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """A request's key, who asked (for people), and what came back.

    `created`: when, in seconds since 1970; None where it is not said, as in a journal and in recordings.
    """

    key: str
    about: str
    outcome: Outcome
    created: float | None = None


def dump(entry: CacheEntry) -> str:
    """One line without its end: `{"key", "about", ...}` and what `outcome_as_json` gives, less what says nothing.

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
    """The entry that `dump` wrote. Raises ValueError, as a sentence, for anything else."""
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
    created = _seconds(data["created"]) if "created" in data else None
    return CacheEntry(key=data["key"], about=str(data.get("about", "")), outcome=outcome, created=created)


def is_answer(outcome: Outcome) -> bool:
    """Whether somebody answered, be it with nothing of use; a failed call is no answer."""
    return not (isinstance(outcome, Failure) and outcome.kind == "infrastructure")


def _seconds(created: object) -> float:
    try:
        moment = datetime.datetime.fromisoformat(str(created))
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f'"created" is not a moment in ISO 8601: {error}') from error
