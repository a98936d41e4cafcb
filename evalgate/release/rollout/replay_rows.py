"""The rows of production that a replay answers again: one of each key, in an order that depends on nothing else.

The rows are read as a stream, and only the chosen ones are kept.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from evalgate.release.rollout import traffic_rows
from evalgate.release.rollout.plain_values import is_plain
from evalgate.release.rollout.row_texts import RowTexts, read_texts
from evalgate.release.rollout.traffic_rows import FAULTS, REASONS, Row, load_row, read_row

OLDER: Final = "older than the hours that are replayed"
OTHER_VERSION: Final = "of another version than the one in production"
FAILED: Final = "failed"
WITHOUT_TEXTS: Final = "without `fields` or `output`"
REPEATED: Final = "of a key that has another row"
NOT_CHOSEN: Final = "of keys beyond the number that is replayed"
_WORDS: Final = {**REASONS, traffic_rows.BEFORE: OLDER}
_ANSWERS: Final = (FAILED, WITHOUT_TEXTS)
"""Why an answer of production is not a row to replay, although it has no fault."""

_Rank: TypeAlias = tuple[float, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """An answer of production with its texts. `has_key` says whether it is known whose it is."""

    id: str
    has_key: bool
    texts: RowTexts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenRows:
    """The chosen rows. `answers` counts the answers of the version in production in the window of time, failed or not.

    `faults` counts the rows that are left out for a fault, and `others` those that are left out for another reason,
    each by the reason in words.
    """

    rows: tuple[ReplayRow, ...]
    answers: int
    faults: Mapping[str, int]
    others: Mapping[str, int]


def choose_replay_rows(
    rows: Iterable[bytes | str | Mapping[str, Any]],
    *,
    name: str,
    digest: str,
    version: str,
    since: float,
    until: float,
    first: int,
) -> ChosenRows:
    """Return at most `first` rows that the version in production answered between two times, in seconds since 1970.

    The version is known by its `digest`; `version` is its number, by which rows without a digest are known. Keys are
    taken in the order of a hash, and of each key its first row by (at, id) that has texts: the answers to one user are
    alike. A row without a key counts as a key of its own. The result does not depend on the order of the rows.
    """
    sample, left_out, ids = _Sample(name, first), Counter[str](), set[int]()
    for given in rows:
        found = load_row(given) if isinstance(given, bytes | str) else given
        row = found if found is None or isinstance(found, str) else read_row(found, name, since=since)
        if row is None:
            continue
        if isinstance(row, str):
            left_out[row] += 1
            continue
        assert isinstance(found, Mapping)
        texts = _find_reason(row, digest, version, until) or _read(row, found)
        if isinstance(texts, RowTexts) or texts in _ANSWERS:
            mark = hash(row.id)  # of 64 bits: among a million ids, two are taken for one with a chance of 3e-8
            left_out[traffic_rows.DOUBLED] += mark in ids
            ids.add(mark)
        if isinstance(texts, RowTexts):
            sample.add(row, texts)
        else:
            left_out[texts] += 1
    chosen = sample.list_rows()
    left_out[REPEATED], left_out[NOT_CHOSEN] = sample.repeated, sample.not_chosen
    counted = {reason: count for reason, count in sorted(left_out.items()) if count}
    return ChosenRows(
        rows=chosen,
        answers=len(ids),
        faults={_WORDS[reason]: count for reason, count in counted.items() if reason in FAULTS},
        others={_WORDS.get(reason, reason): count for reason, count in counted.items() if reason not in FAULTS},
    )


def _find_reason(row: Row, digest: str, version: str, until: float) -> str | None:
    if row.at > until + traffic_rows.CLOCK_TOLERANCE:
        return traffic_rows.FUTURE
    if row.variant != "production":
        return traffic_rows.OTHER_LABEL
    is_other = row.digest != digest if row.digest is not None else row.version != version
    return OTHER_VERSION if is_other else None


def _read(row: Row, given: Mapping[str, Any]) -> RowTexts | str:
    """Return the texts of an answer of production, or why they are not replayed."""
    if row.failed:
        return FAILED
    texts = read_texts(given)
    if texts is None:
        lacks_one = given.get("fields") is None or given.get("output") is None
        return WITHOUT_TEXTS if lacks_one else traffic_rows.WRONG_TYPE
    return texts if is_plain([texts.fields, texts.output]) else traffic_rows.WRONG_TYPE


class _Sample:
    """The rows of the keys with the lowest hashes: one row of each of them, so that memory is bounded.

    A key that is beyond the number stays so, because the highest hash that is kept only falls.
    """

    def __init__(self, name: str, first: int) -> None:
        self.repeated = 0
        self.not_chosen = 0
        self._name = name
        self._first = first
        self._kept: dict[int, tuple[_Rank, ReplayRow, int]] = {}
        self._highest: list[int] = []

    def add(self, row: Row, texts: RowTexts) -> None:
        place = self._find_place(row)
        before = self._kept.get(place)
        if before is None and len(self._kept) >= self._first:
            if place > -self._highest[0]:
                self.not_chosen += 1
                return
            *_, count = self._kept.pop(-heapq.heapreplace(self._highest, -place))
            self.not_chosen += count
        elif before is None:
            heapq.heappush(self._highest, -place)
        rank = (row.at, row.id, json.dumps([texts.fields, texts.output], sort_keys=True))
        own = (rank, ReplayRow(id=row.id, has_key=row.key is not None, texts=texts))
        best = own if before is None or rank < before[0] else before[:2]
        self._kept[place] = (*best, 1 if before is None else before[2] + 1)

    def list_rows(self) -> tuple[ReplayRow, ...]:
        """Return the rows in the order of the hashes; of two rows with one id, which is a fault, the first by rank."""
        ids: set[str] = set()
        best: set[int] = set()
        for place, (_, row, _) in sorted(self._kept.items(), key=lambda item: (item[1][0], item[0])):
            if row.id not in ids:
                ids.add(row.id)
                best.add(place)
        self.repeated = sum(count for *_, count in self._kept.values()) - len(self._kept)
        return tuple(self._kept[place][1] for place in sorted(best))

    def _find_place(self, row: Row) -> int:
        whose = ["key", row.key] if row.key is not None else ["id", row.id]
        content = json.dumps([self._name, *whose])
        return int.from_bytes(hashlib.sha256(content.encode()).digest()[:16])
