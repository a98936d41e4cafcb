"""The rows of served answers from Langfuse: the observations of a prompt with their scores, as lines of JSON.

They go through the same checks as the lines of a file, so a value of a wrong type becomes a row with a fault here, and
no row less. What was read before is in a copy, so that the next reading asks for what is new.
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from evalgate.domain.rollout import LangfuseRowFilter
from evalgate.errors import ServiceError
from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.langfuse_link import LinkedVersions, list_prompts
from evalgate.release.rollout.row_window import RowWindow
from evalgate.release.rollout.traffic_rows import CLOCK_TOLERANCE, LONGEST_LINE, find_instant
from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_observations import LangfuseObservation, LangfuseObservations, LangfuseScore
from evalgate.store.row_cache import CachedAnswer, CachedScore, Coverage, Kind, RowCache, remove_unused
from evalgate.store.store import Store

MOST_ANSWERS: Final = 500_000
MOST_SCORES: Final = 500_000
"""Answers and scores of one reading. With more, nothing is decided."""
LAG_SECONDS: Final = 60.0
"""The newest answers are not read for so long: a write is seen after up to 12 seconds, and not in order."""
FINAL_SECONDS: Final = 3_600.0
"""Answers and scores older than this, by the newest one, are not asked for again while their copy is used."""
COPY_SECONDS: Final = 86_400.0
"""How long a copy is used. After that all is read again, so that what was changed or deleted later is seen."""

_SLICE_SECONDS: Final = 86_400.0
_FIELDS: Final = "fields"
_EXPERIMENT: Final = "sdk-experiment"
_OWN: Final = "langfuse"
"""The environment of experiments, and the beginning of those of Langfuse itself, such as its judges."""


class LangfuseTraffic:
    """The answers of one prompt in a project of Langfuse. Raises ServiceError."""

    def __init__(
        self,
        langfuse: Langfuse,
        name: str,
        document: ReleaseDocument | None,
        *,
        chosen: LangfuseRowFilter,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Without a `document` no version is identified: the rows say which one it is in Langfuse alone."""
        self._langfuse = langfuse
        self._name = name
        self._versions = None if document is None else LinkedVersions(langfuse, document)
        self._prompts = list_prompts(name, document)
        self._chosen = chosen
        self._store = store
        self._clock = clock

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._langfuse.url

    def stream(self, window: RowWindow, now: str) -> Iterator[bytes]:
        """Yield the rows of a window as lines of JSON, in the order of their times.

        Raises ServiceError if Langfuse cannot be read, if it has more than is read, and if it does not have the prompt.
        """
        self._store.prepare()
        path = self._store.find_rows(self._make_key(window))
        remove_unused(path.parent, self._clock() - COPY_SECONDS)
        since = math.floor(window.since)
        with RowCache(path) as cache:
            service = LangfuseObservations(self._langfuse)

            def read_answers(since: float, until: float | None) -> Iterator[list[CachedAnswer]]:
                for prompt in self._prompts:
                    for page in service.stream_observations(
                        prompt, since, until, fields=_FIELDS if window.texts else None
                    ):
                        yield [_pack_answer(prompt, one, window.texts) for one in page if self._is_chosen(one)]

            def read_scores(since: float, until: float | None) -> Iterator[list[CachedScore]]:
                for page in service.stream_scores(window.scores, since, until):
                    yield [_pack_score(one) for one in page]

            self._fill(cache, "answers", since, read_answers, MOST_ANSWERS)
            if window.scores:
                # the clock of what scores may be behind that of what answers
                self._fill(cache, "scores", since - CLOCK_TOLERANCE, read_scores, MOST_SCORES)
            yield from self._make_rows(cache, since, find_instant(now))

    def _make_key(self, window: RowWindow) -> str:
        """Return what a copy is found by: all that decides which rows are in it."""
        facts = [
            self.url,
            self._langfuse.public_key,
            self._prompts,
            sorted(window.scores),
            window.texts,
            sorted(self._chosen.environments),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _is_chosen(self, one: LangfuseObservation) -> bool:
        if self._chosen.environments:
            return one.environment in self._chosen.environments
        return one.environment != _EXPERIMENT and not one.environment.startswith(_OWN)

    def _fill(
        self,
        cache: RowCache,
        kind: Kind,
        since: float,
        read: Callable[[float, float | None], Iterable[Iterable[CachedAnswer | CachedScore]]],
        most: int,
    ) -> None:
        """Bring a copy up to date: all rows of a kind since a time are in it then.

        It is read by the day, the oldest day first, so that a reading that breaks off is continued by the next one.
        """
        wall = self._clock()
        known = cache.find_coverage(kind)
        is_kept = known is not None and 0 <= wall - known.begun < COPY_SECONDS and known.until <= wall
        if known is None or not is_kept or not known.since <= since <= known.until:
            cache.forget(kind)
            known = Coverage(since=since, until=since, begun=wall)
        start, end = known.until, 0.0
        while end < math.inf:
            is_last = start + _SLICE_SECONDS >= wall  # it has no end: a clock that is ahead is a fault of the rows
            end = math.inf if is_last else start + _SLICE_SECONDS
            room = most - cache.count(kind, since, start)
            pages = read(start, None if is_last else end)
            cache.replace(kind, start, end, self._limit(pages, kind, room, most))
            newest = cache.find_newest(kind, min(end, wall))
            if newest is not None and newest - FINAL_SECONDS > known.until:
                known = known._replace(until=math.floor(newest - FINAL_SECONDS))
                cache.cover(kind, known)
            start = end

    def _limit(
        self, pages: Iterable[Iterable[CachedAnswer | CachedScore]], kind: Kind, room: int, most: int
    ) -> Iterator[Sequence[CachedAnswer | CachedScore]]:
        for page in pages:
            rows = list(page)
            room -= len(rows)
            if room < 0:
                raise ServiceError(
                    f"{self.url}: {self._name} has more than {most:,} {kind} since the stage began or in the "
                    "last 7 days: not all are read, so nothing is decided",
                    hint="export the rows to files, and name the files or a command in `rows` of release.rollout",
                )
            yield rows

    def _make_rows(self, cache: RowCache, since: float, now: float) -> Iterator[bytes]:
        is_empty = True
        for answer, scores in cache.stream_answers(since):
            is_empty = False
            if now - LAG_SECONDS < answer.at <= now + CLOCK_TOLERANCE:
                continue
            yield self._make_line(answer, scores)
        if is_empty and not any(self._langfuse.find_prompt(one) for one in self._prompts):
            name = shlex.quote(self._name)
            raise ServiceError(
                f"{self.url}: there is no prompt {self._prompts[0]}, so no answer is linked to its versions",
                hint=f"write the versions of the releases to Langfuse: evalgate release project {name}",
            )

    def _make_line(self, answer: CachedAnswer, scores: Iterable[CachedScore]) -> bytes:
        kept: dict[str, Any] = json.loads(answer.data)
        prompt, identity, number = kept["link"]
        version: PublishedVersion | None = None
        if self._versions is not None:
            version = self._versions.find(prompt, identity, number)
        row = {
            "id": f"{answer.trace}:{answer.id}",
            "at": kept["at"],
            "prompt": self._name,
            "version": f"langfuse:{prompt}@{number}" if version is None else version.version,
            "digest": None if version is None else version.digest,
            **kept["row"],
            "scores": _choose_scores(answer, scores),
        }
        line = json.dumps({**row, **kept["texts"]}).encode()
        return line if len(line) <= LONGEST_LINE else json.dumps(row).encode()


def _choose_scores(answer: CachedAnswer, scores: Iterable[CachedScore]) -> dict[str, Any]:
    """Return the score that counts for each name: one on the answer itself before one on its trace, then the latest."""
    chosen: dict[str, Any] = {}
    for one in sorted(scores, key=lambda one: (one.answer == answer.id, one.at, one.id)):
        name, value = json.loads(one.data)
        chosen[name] = value
    return chosen


def _pack_answer(prompt: str, one: LangfuseObservation, has_texts: bool) -> CachedAnswer:
    """Return what the rows need of an observation, with the values as they are."""
    metadata = {name: _decode(one.metadata.get(name)) for name in ("variant", "sampled", _FIELDS)}
    variant, sampled = metadata["variant"], metadata["sampled"]
    row = {
        # an answer without a key is one of production: so the readers serve it
        "variant": "production" if variant is None and not one.user else variant,
        "key": one.user or None,
        "error": "ERROR" if one.is_error else None,
        "seconds": one.seconds,
        "cost_usd": one.cost_usd,
        "sampled": sampled,
    }
    texts: dict[str, Any] = {}
    if has_texts and isinstance(metadata[_FIELDS], dict):
        texts[_FIELDS] = metadata[_FIELDS]
    if has_texts and one.output is not None:
        texts["output"] = one.output if isinstance(one.output, str) else json.dumps(one.output)
    data = {"at": one.at, "link": [prompt, one.prompt_id, one.prompt_version], "row": row, "texts": texts}
    return CachedAnswer(one.trace, one.id, one.instant, json.dumps(data))


def _pack_score(one: LangfuseScore) -> CachedScore:
    value = float(one.value) if isinstance(one.value, bool) else one.value
    return CachedScore(one.id, one.trace, one.observation, one.instant, json.dumps([one.name, value]))


def _decode(value: Any) -> Any:
    """Return a value of the metadata. Langfuse's SDK writes each as JSON, which older servers show as it is."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, str | bool | dict) else value
