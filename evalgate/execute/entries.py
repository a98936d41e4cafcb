"""One answered request as one line of JSON: the form that cache, journal and recordings share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from evalgate.domain import Failure, Outcome, outcome_as_json, outcome_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request's key, who asked (for people), and what came back."""

    key: str
    about: str
    outcome: Outcome


def dump(entry: Entry) -> str:
    """One line without its end: `{"key", "about", ...}` and what `outcome_as_json` gives, less what says nothing."""
    content = {name: value for name, value in outcome_as_json(entry.outcome).items() if value not in (None, [])}
    content.pop("cached", None)  # a fact about a run, not about the answer
    line: dict[str, Any] = {"key": entry.key, "about": entry.about, **content}
    text = json.dumps(line, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which a model may emit
        return json.dumps(line, separators=(", ", ": "), allow_nan=False)
    return text


def load(line: str | bytes) -> Entry:
    """The entry that `dump` wrote. Raises ValueError, as a sentence, for anything else."""
    try:
        data = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("key"), str) or not data["key"]:
        raise ValueError('not an object with a "key"')
    try:
        outcome = outcome_from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"not an outcome: {type(error).__name__}: {error}") from error
    return Entry(key=data["key"], about=str(data.get("about", "")), outcome=outcome)


def is_answer(outcome: Outcome) -> bool:
    """Whether somebody answered, be it with nothing of use; a failed call is no answer."""
    return not (isinstance(outcome, Failure) and outcome.kind == "infrastructure")
