"""Langfuse: the spans and the scores of experiments, as plain data. They are written, and counted back.

Every span and score has an id of its own, so that one that is sent twice is there once. A write whose answer is lost is
therefore sent again. The server answers before it has written: only what can be read back was written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from evalgate.services.langfuse import LARGEST_REQUEST, Langfuse
from evalgate.services.langfuse_errors import LangfuseError
from evalgate.services.langfuse_pages import repeat, stream_pages

ARRAYS_SINCE = (4, 59)
"""From this version on a server takes arrays of scores, and before single scores."""
MOST_SCORES_OF_ITEM = 50
"""Scores that the server shows beside an item at most."""

_SCORES_OF_REQUEST = 15
_LINES_AT_ONCE = 4
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadItem:
    """An item of an experiment as the server has it. `id` is that of its root span, `scores` are values by their ids.

    Of its scores at most `MOST_SCORES_OF_ITEM` are here.
    """

    id: str
    scores: Mapping[str, Any] = field(default_factory=dict)


class LangfuseExperiments:
    """Writes and reads the experiments of a project. Raises LangfuseError."""

    def __init__(self, langfuse: Langfuse) -> None:
        self._langfuse = langfuse

    @property
    def takes_arrays(self) -> bool:
        """True if the server takes scores in arrays, by its version."""
        return self._langfuse.version >= ARRAYS_SINCE

    def check_keys(self) -> None:
        """Ask for the project of the keys. Raises LangfuseError if the server refuses them, or cannot be reached."""
        self._read("the project", "/api/public/projects", {})

    def send_spans(self, spans: Sequence[Mapping[str, Any]], *, tool_version: str) -> None:
        """Send spans of OTLP/JSON, in requests that the server takes. Raises LangfuseLostError."""
        for some in _split(spans, LARGEST_REQUEST - 1_000):
            scope = {"name": "evalgate", "version": tool_version}
            resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "evalgate"}}]}
            body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": some}]}]}
            answer = self._write(
                f"{len(some)} spans", "/api/public/otel/v1/traces", body, {"x-langfuse-ingestion-version": "4"}
            )
            partly = answer.get("partialSuccess") if isinstance(answer, dict) else None
            if isinstance(partly, dict) and int(partly.get("rejectedSpans") or 0):
                raise LangfuseError(f"{self._langfuse.url}: Langfuse rejects {partly['rejectedSpans']} spans")

    def send_scores(self, scores: Sequence[Mapping[str, Any]]) -> None:
        """Send scores, in the form that the server takes: as one object each, or in arrays."""
        if self.takes_arrays:
            for some in _split(scores, LARGEST_REQUEST, most=_SCORES_OF_REQUEST):
                self._send_array(some)
            return
        _do_at_once(self._send_score, scores)

    def count_items(self, experiment: str, since: str) -> int:
        """Return the number of items of an experiment, as the server counts them; 0 if it has none yet."""
        asked = {"fromStartTime": since, "id": experiment}
        rows = self._read_all(f"experiment {experiment}", "/api/public/experiments", asked)
        return next((int(one["itemCount"]) for one in rows if one["id"] == experiment), 0)

    def read_items(self, experiment: str, since: str) -> dict[str, ReadItem]:
        """Return the items of an experiment that started at a time (ISO 8601) or later, by their ids."""
        asked = {"fromStartTime": since, "experimentId": experiment, "fields": "core,scores", "limit": str(_PAGE)}
        rows = self._read_all(f"items of experiment {experiment}", "/api/public/experiment-items", asked)
        return {one["id"]: ReadItem(id=one["id"], scores=_get_values(one.get("scores") or [])) for one in rows}

    def read_run_scores(self, experiment: str) -> dict[str, Any]:
        """Return the values of the scores of an experiment itself, by their ids."""
        asked = {"experimentId": experiment, "limit": str(_PAGE)}
        return _get_values(self._read_all(f"scores of experiment {experiment}", "/api/public/v3/scores", asked))

    def read_trace_scores(self, trace: str) -> dict[str, Any]:
        """Return the values of all scores of a trace, by their ids."""
        asked = {"traceId": trace, "limit": str(_PAGE)}
        return _get_values(self._read_all(f"scores of trace {trace}", "/api/public/v3/scores", asked))

    def _send_score(self, score: Mapping[str, Any]) -> None:
        body = {name: value for name, value in score.items() if name != "timestamp"}  # the array form alone has it
        self._write(f"the score {score['name']}", "/api/public/scores", body)

    def _send_array(self, scores: Sequence[Mapping[str, Any]]) -> None:
        answer = self._write(
            f"{len(scores)} score{'' if len(scores) == 1 else 's'}", "/api/public/scores", list(scores)
        )
        rejected = answer.get("rejected") if isinstance(answer, dict) else None
        if rejected:
            errors = [one.get("message") for one in answer.get("errors") or [] if isinstance(one, dict)]
            why = "".join(char if char.isprintable() else " " for char in str(errors[0])[:300]) if errors else ""
            raise LangfuseError(
                f"{self._langfuse.url}: Langfuse rejects {rejected} of {len(scores)} "
                f"score{'' if len(scores) == 1 else 's'}{why and ': '}{why}"
            )

    def _write(self, about: str, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        sent = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return repeat(lambda: self._langfuse.request(about, path, body=sent, headers=headers))

    def _read(self, about: str, path: str, asked: Mapping[str, str]) -> Any:
        return repeat(lambda: self._langfuse.request(about, path, query=asked))

    def _read_all(self, about: str, path: str, asked: Mapping[str, str]) -> list[Mapping[str, Any]]:
        return [row for page in stream_pages(self._langfuse, about, path, asked) for row in page]


def _do_at_once(write: Callable[[Mapping[str, Any]], None], bodies: Sequence[Mapping[str, Any]]) -> None:
    """Write all bodies, several at once, and raise the first error. After an error no other is begun."""
    pool = ThreadPoolExecutor(max_workers=_LINES_AT_ONCE)
    try:
        for done in [pool.submit(partial(write, body)) for body in bodies]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _split(
    bodies: Iterable[Mapping[str, Any]], largest: int, *, most: int = 100_000
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the bodies in lists whose JSON has at most `largest` bytes, and a body that is larger alone."""
    some: list[Mapping[str, Any]] = []
    size = 0
    for body in bodies:
        own = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()) + 1
        if some and (size + own > largest or len(some) >= most):
            yield some
            some, size = [], 0
        some.append(body)
        size += own
    if some:
        yield some


def _get_values(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(one["id"]): one.get("value") for one in rows}
