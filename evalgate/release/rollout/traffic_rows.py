"""The rows that applications log about their answers: one of them as a value, or the reason why it is left out.

A row is an object of JSON with the keys that `Served.row` writes. `id`, `at`, `prompt` and `variant` are required, and
`version` or `digest`; the others may be absent or null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from evalgate.domain.rollout import MOST_FAULTS

LONGEST_LINE: Final = 1 << 20
"""Bytes of a line at most."""
CLOCK_TOLERANCE: Final = 120.0
"""Seconds by which the clock of an application may be ahead."""

EARLIEST: Final = -62_135_596_800.0
LATEST: Final = 253_402_300_800.0
"""The beginning of the year 1 and the end of the year 9999 in UTC, in seconds since 1970."""

_LARGEST_AMOUNT: Final = 1e15
_NUMBERS: Final = frozenset({int, float})
_NO_SCORES: Final[Mapping[str, float]] = {}
_decode_start = json.JSONDecoder().raw_decode

NOT_JSON: Final = "not_json"
WRONG_TYPE: Final = "wrong_type"
BAD_SCORE: Final = "bad_score"
INCOMPLETE: Final = "incomplete"
FUTURE: Final = "future"
DOUBLED: Final = "doubled"
UNKNOWN_VERSION: Final = "unknown_version"
MISMATCH: Final = "mismatch"
BEFORE: Final = "before"
NO_KEY: Final = "no_key"
SETTLING: Final = "settling"
OTHER_LABEL: Final = "other_label"

REASONS: Final = {
    NOT_JSON: "not an object of JSON",
    WRONG_TYPE: "a key is missing or has a wrong type",
    BAD_SCORE: "a score that is not a number from 0 to 1",
    INCOMPLETE: "an answer without its seconds or its cost, which are watched",
    FUTURE: "from the future",
    DOUBLED: "an id that another row has",
    UNKNOWN_VERSION: "a version that is not in the rollout",
    MISMATCH: "another variant than the one that the key is assigned",
    BEFORE: "from before the stage",
    NO_KEY: "without a key",
    SETTLING: "from the first minutes of the stage",
    OTHER_LABEL: "of another label",
}
"""Why rows are left out, with the words for it."""
FAULTS: Final = frozenset({NOT_JSON, WRONG_TYPE, BAD_SCORE, INCOMPLETE, FUTURE, DOUBLED, UNKNOWN_VERSION, MISMATCH})
"""The reasons that are faults of the rows. The others are rows that the stage does not compare."""


class Row(NamedTuple):
    """One answer. `at` is in seconds since 1970, `key` is None where there is none.

    `version` and `digest` are the texts in the row; at least one is not None. `scores` has numbers from 0 to 1; it is
    empty if the answer was not `sampled`: what users volunteer is not a sample of the answers. None: the row has no
    score, and does not say whether it was to have one.
    """

    id: str
    at: float
    version: str | None
    digest: str | None
    variant: str
    key: str | None
    failed: bool
    seconds: float | None
    cost_usd: float | None
    scores: Mapping[str, float]
    sampled: bool | None


def load_row(line: bytes | str) -> Mapping[str, Any] | str | None:
    """Return the object in a line of JSON, or the reason why there is none; None for an empty line."""
    if len(line) > LONGEST_LINE:
        return NOT_JSON
    try:
        text = line if isinstance(line, str) else line.decode()
        try:
            found, end = _decode_start(text)
        except ValueError:
            if not text.strip():
                return None
            found, end = json.loads(text.removeprefix("\ufeff")), len(text)
    except (ValueError, RecursionError):
        return NOT_JSON
    return found if type(found) is dict and (end == len(text) or text[end:].isspace()) else NOT_JSON


def read_row(
    given: Mapping[str, Any], name: str, watched: frozenset[str] = frozenset(), since: float = -math.inf
) -> Row | str | None:
    """Return the row of a prompt, or the reason why it is left out; None for the row of another prompt.

    Only the scores that are `watched` have to be numbers from 0 to 1. A score that is null is absent. A row from before
    `since` is left out for that, whatever else is wrong with it: a log keeps its old rows.
    """
    get = given.get
    prompt = get("prompt")
    if prompt != name:
        return None if isinstance(prompt, str) else WRONG_TYPE
    at = read_time(get("at"))
    if at is not None and at < since:
        return BEFORE
    id, version, digest, variant, key, error = (
        get("id"), get("version"), get("digest"), get("variant"), get("key"), get("error"),
    )  # fmt: skip
    seconds, cost, scores, sampled = get("seconds"), get("cost_usd"), get("scores"), get("sampled")
    if (
        at is None
        or not (type(id) is str and id)
        or type(variant) is not str
        or type(version if digest is None else digest) is not str
        or not (key is None or type(key) is str)
        or not (error is None or (type(error) is str and error))
        or not (seconds is None or (type(seconds) in _NUMBERS and 0 <= seconds <= _LARGEST_AMOUNT))
        or not (cost is None or (type(cost) in _NUMBERS and 0 <= cost <= _LARGEST_AMOUNT))
        or not (sampled is None or type(sampled) is bool)
        or not (scores is None or type(scores) is dict)
    ):
        return WRONG_TYPE
    kept: dict[str, float] = {}
    for one, score in scores.items() if scores else ():
        if one in watched and score is not None:
            if not (type(score) in _NUMBERS and 0 <= score <= 1):
                return BAD_SCORE
            kept[one] = score
    if sampled is None:
        sampled = True if scores else None
    return Row(
        id,
        at,
        version,
        digest,
        variant,
        key or None,
        error is not None,
        seconds,
        cost,
        kept if sampled else {},
        sampled,
    )


def has_lost(faults: int, rows: int, *, is_arm: bool = False) -> bool:
    """Return whether more rows are left out for a fault than may be.

    At a small share, the rows that a candidate loses are few of all rows, so those of each arm are counted too. One row
    of an arm may always be lost: a single fault would hold a stage of less than a hundred users for days.
    """
    return faults > max(1 if is_arm else 0, MOST_FAULTS * rows)


def read_time(given: object) -> float | None:
    """Return the seconds since 1970 of a time of ISO 8601 with its offset from UTC; None for any other value.

    So is a time that is in no year from 1 to 9999 in UTC: it could not be written.
    """
    if not isinstance(given, str):
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        return None
    if found.tzinfo is None:
        return None
    at = found.timestamp()
    return at if EARLIEST <= at < LATEST else None


class CompleteRows:
    """Rows of a source that has all of them since the beginning of a stage, though it gives none from before it."""

    def __init__(self, rows: Iterable[bytes]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)


def tell_first(rows: object, left_out: Mapping[str, int], oldest: float | None) -> str | None:
    """Return the time of the oldest row that counts; None if the rows are known to begin before it, or without one.

    `left_out` has the rows that do not count by their reason: some are older than all that do.
    """
    reaches_back = isinstance(rows, CompleteRows) or bool(left_out.get(BEFORE) or left_out.get(SETTLING))
    return None if oldest is None or reaches_back else format_instant(oldest)


def keep_until(lines: Iterable[bytes], now: str | datetime) -> Iterable[bytes]:
    """Return the rows that were there at a time, for a replay: those from after it had not been written.

    A line without a time that can be read stays, and is counted for what it is.
    """
    until = find_instant(now)
    kept = (line for line in lines if _was_there(line, until))
    return CompleteRows(kept) if isinstance(lines, CompleteRows) else kept


def _was_there(line: bytes, until: float) -> bool:
    found = load_row(line)
    at = read_time(found.get("at")) if isinstance(found, Mapping) else None
    return at is None or at <= until


def find_instant(now: str | datetime) -> float:
    """Return the seconds since 1970 of a time with its offset from UTC. Raises ValueError for any other."""
    if isinstance(now, datetime):
        if now.tzinfo is None:
            raise ValueError(f"{now} has no offset from UTC")
        return now.timestamp()
    found = read_time(now)
    if found is None:
        raise ValueError(f'"{now}" is not a time in UTC, such as 2026-01-31T12:00:00Z')
    return found


def format_instant(at: float) -> str:
    """Return a time in UTC to the millisecond, such as 2026-01-31T12:00:00.000Z; of those that can be written."""
    return (
        datetime.fromtimestamp(min(max(at, EARLIEST), LATEST - 0.001), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
