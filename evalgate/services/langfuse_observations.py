"""Langfuse: the answers of applications and their scores, as plain data: a part of them, newest first.

What the server sends is checked value by value: an answer of another shape is an error, and never an answer less.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_errors import ADDRESS, LangfuseError
from evalgate.services.langfuse_pages import stream_pages

OBSERVATIONS_A_PAGE = 1_000
SCORES_A_PAGE = 100
"""The most that the server sends in a page."""

_TEXTS_A_PAGE = 200
"""Answers with their texts in a page: a page may have 64 MiB."""
_GROUPS = "core,basic,usage,prompt,metrics,metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseObservation:
    """A span of an application. `trace` and `prompt_id` are empty without one; with its trace, `id` is unique.

    `at` is the text of its start, `instant` the same in seconds since 1970, and `seconds` how long it took. `cost_usd`
    is None if no cost is known, also where the server says 0 because it has no price. `output` is None if it was not
    asked for.
    """

    id: str
    trace: str
    at: str
    instant: float
    environment: str
    user: str
    is_error: bool
    seconds: float | None
    cost_usd: float | None
    prompt_id: str
    prompt_version: int | None
    metadata: Mapping[str, Any]
    output: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseScore:
    """A score of an observation, or of a whole trace: then `observation` is empty. `trace` is empty if it is not known.

    `value` is a number, a truth value, or the text of a score of another type.
    """

    id: str
    name: str
    instant: float
    trace: str
    observation: str
    value: float | bool | str


class LangfuseObservations:
    """Reads the observations and the scores of a project. Raises LangfuseError."""

    def __init__(self, langfuse: Langfuse) -> None:
        self._langfuse = langfuse

    def stream_observations(
        self, prompt: str, since: float, until: float | None, *, fields: str | None = None
    ) -> Iterator[list[LangfuseObservation]]:
        """Yield pages of the observations that are linked to a prompt and started in [since, until).

        `fields` is the key of the metadata whose value is needed in full. With it, the outputs are read too.
        """
        column = {"type": "datetime", "column": "startTime"}
        conditions = [
            {"type": "string", "column": "promptName", "operator": "=", "value": prompt},
            {**column, "operator": ">=", "value": _format(since)},
            *([] if until is None else [{**column, "operator": "<", "value": _format(until)}]),
        ]
        asked = {"filter": json.dumps(conditions), "fields": _GROUPS, "limit": str(OBSERVATIONS_A_PAGE)}
        if fields is not None:
            asked |= {"fields": f"{_GROUPS},io", "expandMetadata": fields, "limit": str(_TEXTS_A_PAGE)}
        about = f"the answers of {prompt}"
        for page in stream_pages(self._langfuse, about, "/api/public/v2/observations", asked):
            yield [self._take(about, row, _make_observation) for row in page]

    def stream_scores(
        self, names: Sequence[str] | None, since: float, until: float | None
    ) -> Iterator[list[LangfuseScore]]:
        """Yield pages of the scores of some names, of observations and traces, whose own time is in [since, until).

        Without names, all scores are read.
        """
        asked = {"fields": "core,subject", "fromTimestamp": _format(since), "limit": str(SCORES_A_PAGE)}
        if until is not None:
            asked["toTimestamp"] = _format(until)
        if names is not None and not any("," in name for name in names):  # a list has no form for a comma
            asked["name"] = ",".join(names)
        about = "the scores"
        for page in stream_pages(self._langfuse, about, "/api/public/v3/scores", asked):
            wanted = (row for row in page if names is None or row.get("name") in names)
            found = (self._take(about, row, _make_score) for row in wanted)
            yield [one for one in found if one is not None]

    def _take(self, about: str, row: Mapping[str, Any], make: Any) -> Any:
        try:
            return make(row)
        except (ValueError, LookupError, OverflowError):
            raise LangfuseError(
                f"{self._langfuse.url}: {about}: the answer is not what Langfuse sends", hint=ADDRESS
            ) from None


def _make_observation(row: Mapping[str, Any]) -> LangfuseObservation:
    """Return an observation. Raises ValueError for a value of a wrong type."""
    at, number, metadata = _text(row["startTime"]), row.get("promptVersion"), row.get("metadata")
    if not (number is None or type(number) is int) or not (metadata is None or isinstance(metadata, dict)):
        raise ValueError(number)
    cost = _number(row.get("totalCost"))
    is_priced = bool(cost) or bool(row.get("costDetails"))
    return LangfuseObservation(
        id=_identity(row["id"]),
        trace=_identity(row.get("traceId") or ""),
        at=at,
        instant=_read_time(at),
        environment=_text(row.get("environment") or ""),
        user=_text(row.get("userId") or ""),
        is_error=row.get("level") == "ERROR",
        seconds=_number(row.get("latency")),
        cost_usd=cost if is_priced else None,
        prompt_id=_text(row.get("promptId") or ""),
        prompt_version=number,
        metadata=metadata or {},
        output=row.get("output"),
    )


def _make_score(row: Mapping[str, Any]) -> LangfuseScore | None:
    """Return a score; None for one of a session or of an experiment. Raises ValueError for a value of a wrong type."""
    subject, value = row.get("subject"), row.get("value")
    if not isinstance(subject, dict):
        raise ValueError("a score without a subject")
    kind = subject.get("kind")
    if kind not in ("observation", "trace"):
        return None
    is_trace = kind == "trace"
    named = row.get("dataType")
    is_true = named == "BOOLEAN" and isinstance(value, bool)
    is_number = named == "NUMERIC" and isinstance(value, int | float) and not isinstance(value, bool)
    return LangfuseScore(
        id=_identity(row["id"]),
        name=_text(row["name"]),
        instant=_read_time(_text(row["timestamp"])),
        trace=_identity(subject["id"] if is_trace else subject.get("traceId") or ""),
        observation="" if is_trace else _identity(subject["id"]),
        value=value if is_true or is_number else str(value),  # type: ignore[arg-type]
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _identity(value: Any) -> str:
    _text(value).encode()  # a lone surrogate is a ValueError
    return value  # type: ignore[no-any-return]


def _number(value: Any) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ValueError(value)


def _read_time(text: str) -> float:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.timestamp()


def _format(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
