"""The datasets of a fake Langfuse: items with their history, by the rules of the server 4.16."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from langfuse_prompts import AnswerError, Json

_START = datetime(2026, 11, 30, 12, tzinfo=UTC)


class LangfuseDatasets:
    """All datasets of one project. Each write is a second after the one before: `now` is the time of the last one.

    `time` is that of the next writes, if it is set.
    `between` is called before a page of items is made, with its number: a test lets something happen there.
    """

    def __init__(self) -> None:
        self.between: Callable[[int], None] | None = None
        self.time: datetime | None = None
        self._datasets: dict[str, Json] = {}
        self._states: dict[str, list[tuple[datetime, Json]]] = {}
        self._lock = threading.RLock()
        self._writes = 0

    @property
    def now(self) -> datetime:
        return self.time or _START + timedelta(seconds=self._writes)

    def create(self, body: Json) -> Json:
        with self._lock:
            self._writes += 1
            known = self._datasets.get(body["name"], {})
            made = {
                "id": known.get("id") or _make_id(),
                "projectId": "proj1",
                "name": body["name"],
                "description": body.get("description"),
                "metadata": body.get("metadata"),
                "inputSchema": body.get("inputSchema"),
                "expectedOutputSchema": body.get("expectedOutputSchema"),
                "createdAt": known.get("createdAt") or _write(self.now),
                "updatedAt": _write(self.now),
            }
            self._datasets[body["name"]] = made
            return made

    def get(self, name: str) -> Json:
        if name not in self._datasets:
            raise AnswerError(404, "Dataset not found", "LangfuseNotFoundError")
        return self._datasets[name]

    def put(self, body: Json) -> Json:
        """Add an item, or write a new state of the one with its id. What is absent or null stays as it is."""
        name = body["datasetName"]
        if name not in self._datasets:
            raise AnswerError(404, f"Dataset {name} not found for project proj1", "LangfuseNotFoundError")
        with self._lock:
            self._writes += 1
            item = body.get("id") or str(uuid.uuid4())
            states = self._states.setdefault(item, [])
            before = states[-1][1] if states else {}
            now = _write(self.now)
            kept = {key: _parse(body.get(key)) for key in ("input", "expectedOutput")}
            kept = {key: before.get(key) if value is None else value for key, value in kept.items()}
            metadata = body.get("metadata") if body.get("metadata") is not None else before.get("metadata")
            made = {
                "id": item,
                "datasetId": self._datasets[name]["id"],
                "status": body.get("status") or before.get("status") or "ACTIVE",
                "sourceTraceId": body.get("sourceTraceId"),
                "sourceObservationId": body.get("sourceObservationId"),
                "createdAt": now,
                "updatedAt": now,
                **kept,
                "metadata": metadata,
                "datasetName": name,
                "mediaReferences": [],
            }
            states.append((self.now, made))
            return made

    def list_items(self, asked: dict[str, str]) -> Json:
        """Return a page of the ACTIVE items, newest first, as they are or as they were at the time `version`."""
        name, page, limit = asked["datasetName"], int(asked.get("page", 1)), int(asked.get("limit", 50))
        if self.between is not None:
            self.between(page)
        if name not in self._datasets:
            raise AnswerError(404, "Dataset not found", "LangfuseNotFoundError")
        at = datetime.fromisoformat(asked["version"]) if "version" in asked else None
        with self._lock:
            found = []
            for states in self._states.values():
                past = [(time, one) for time, one in states if at is None or time <= at]
                if past and past[-1][1]["datasetName"] == name and past[-1][1]["status"] == "ACTIVE":
                    found.append(past[-1])
        found.sort(key=lambda one: one[0], reverse=True)
        items = [one for _, one in found]
        pages = -(-len(items) // limit)
        meta = {"page": page, "limit": limit, "totalItems": len(items), "totalPages": pages}
        return {"data": items[(page - 1) * limit : page * limit], "meta": meta}


def _parse(value: Any) -> Any:
    """Return a text that is JSON as this JSON, as the server keeps it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _make_id() -> str:
    return f"cm{uuid.uuid4().hex[:23]}"


def _write(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
