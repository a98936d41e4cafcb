"""The prompts of a fake Langfuse: versions and labels by the rules of the server 4.16, also those of its races."""

from __future__ import annotations

import random
import re
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
LONGEST_LABEL = 36
LONGEST_MESSAGE = 500
_LABEL = re.compile(r"[a-z0-9_\-.]+")
_REFERENCE = re.compile(r"@@@langfusePrompt:(.*?)@@@")
_NAME = re.compile(r"(?!/)(?!.*//)(?!.*/$)(?!.*<[^>]*>)(?!(new|metrics|prompt-detail)$)[^|]{1,255}", re.DOTALL)
_LATEST = "latest"
_LABEL_FORM = "Label must be lowercase alphanumeric with optional underscores, hyphens, or periods"


class AnswerError(Exception):
    """An answer that is an error, with its status and body."""

    def __init__(self, status: int, message: str, error: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Any = {"message": message} if error is None else {"message": message, "error": error}


class LangfusePrompts:
    """All prompts of one project. A write reads first and writes then, so that two at once race as the server's do.

    `between` is called between the two, with the method and the name: a test lets something happen there. `jitter` is
    the longest random pause there, in seconds. `stale_moves` is the number of label moves that leave the old version in
    the server's cache. `seconds` is the clock.
    """

    def __init__(self) -> None:
        self.jitter = 0.0
        self.between: Callable[[str, str], None] | None = None
        self.stale_moves = 0
        self.cached: dict[tuple[str, str], Json] = {}
        self._versions: dict[str, list[Json]] = {}
        self._lock = threading.RLock()
        self._random = random.Random(17)

    def seed(self, name: str, prompt: Any = "x", *, labels: list[str] | None = None, **facts: Any) -> Json:
        """Add a version as it is, in any state that the server could be in. `version` is the next one by default."""
        with self._lock:
            version = self._make(name, {"prompt": prompt, **facts}, facts.get("version") or self._next(name))
            version["labels"] = list(labels or [])
            version["tags"] = facts.get("tags") or self.tags(name)
            self._versions.setdefault(name, []).append(version)
            self._versions[name].sort(key=lambda one: one["version"])
            return version

    def find(self, name: str, version: int) -> Json | None:
        with self._lock:
            return next((one for one in self._versions.get(name, []) if one["version"] == version), None)

    def versions(self, name: str) -> list[Json]:
        with self._lock:
            return list(self._versions.get(name, []))

    def holders(self, name: str, label: str) -> list[int]:
        return [one["version"] for one in self.versions(name) if label in one["labels"]]

    def tags(self, name: str) -> list[str]:
        known = self._versions.get(name)
        return list(known[-1]["tags"]) if known else []

    def create(self, body: Json) -> Json:
        _check_create(body)
        name, labels = body["name"], [*dict.fromkeys([*(body.get("labels") or []), _LATEST])]
        with self._lock:
            known = self._versions.get(name, [])
            if known and known[0]["type"] != (body.get("type") or "text"):
                raise AnswerError(
                    400,
                    "Previous versions have different prompt type. Create a new prompt with a different name.",
                    "InvalidRequestError",
                )
            dependencies = self._find_dependencies(body["prompt"])
            number = self._next(name)
            before = self._without(name, labels)
            tags = body["tags"] if body.get("tags") is not None else self.tags(name)
        self._pause("POST", name)
        with self._lock:
            if self.find(name, number) is not None:
                raise AnswerError(
                    400,
                    f"Failed to create prompt '{name}' due to unique constraint failure. This is likely due to too "
                    "many concurrent prompt creations for this prompt name. Please add a delay.",
                    "InvalidRequestError",
                )
            made = self._make(name, body, number)
            made |= {"labels": labels, "_dependencies": dependencies}
            self._write_labels(name, before)
            self._versions.setdefault(name, []).append(made)
            for one in self._versions[name]:
                one["tags"] = list(tags)
            self.cached.clear()
            return _show(made)

    def move(self, name: str, number: int, labels: list[str]) -> Json:
        """Add labels to a version, and take them off the others that had them at the start."""
        if _LATEST in labels:
            error = {"code": "custom", "path": ["newLabels"]}
            error["message"] = "Label 'latest' is always assigned to the latest prompt version"
            raise AnswerError(400, "Invalid request data", [error])
        with self._lock:
            version = self.find(name, number)
            if version is None:
                said = f"Prompt '{name}' version {number} not found in project"
                raise AnswerError(404, said, "LangfuseNotFoundError")
            before = self._without(name, labels, but=number)
            own = [*dict.fromkeys([*labels, *version["labels"]])]
        self._pause("PATCH", name)
        with self._lock:
            self._write_labels(name, before)
            version["labels"] = own
            version["updatedAt"] = _now()
            if labels and self.stale_moves > 0:
                self.stale_moves -= 1
            else:
                self.cached.clear()
            return _show(version)

    def get(self, name: str, *, version: int | None, label: str | None, resolve: bool) -> Json:
        if version is not None and label is not None:
            raise AnswerError(400, "Cannot specify both version and label", "InvalidRequestError")
        wanted = str(version) if version is not None else label or "production"
        with self._lock:
            if resolve and (kept := self.cached.get((name, wanted))) is not None:
                return kept
            found = self.find(name, version) if version is not None else self._find_label(name, wanted)
            if found is None:
                how = f"version {version}" if version is not None else f"label '{wanted}'"
                raise AnswerError(404, f"Prompt not found: '{name}' with {how}", "LangfuseNotFoundError")
            shown = _show(found) | {"isActive": "production" in found["labels"], "resolutionGraph": None}
            if resolve:
                shown = self.cached[name, wanted] = self._resolve(found, shown)
            return shown

    def list(self, asked: dict[str, str]) -> Json:
        """List names with the versions that match; the numbers of a label are those of its holders."""
        label, since = asked.get("label"), asked.get("fromUpdatedAt")
        rows = []
        with self._lock:
            for name, known in sorted(self._versions.items()):
                shown = [
                    one
                    for one in known
                    if (label is None or label in one["labels"])
                    and (since is None or datetime.fromisoformat(one["updatedAt"]) >= datetime.fromisoformat(since))
                ]
                if shown and asked.get("name", name) == name and asked.get("tag") in (None, *shown[-1]["tags"]):
                    rows.append(_summarise(name, shown))
        page, limit = int(asked.get("page", 1)), int(asked.get("limit", 10))
        if not 1 <= limit <= 100:
            raise AnswerError(400, "Invalid request data", [{"code": "too_big", "maximum": 100, "path": ["limit"]}])
        meta = {"page": page, "limit": limit, "totalPages": -(-len(rows) // limit), "totalItems": len(rows)}
        return {"data": rows[(page - 1) * limit : page * limit], "meta": meta, "pagination": meta}

    def delete(self, name: str, *, version: int | None, label: str | None) -> None:
        with self._lock:
            known = self._versions.get(name, [])
            gone = [
                one for one in known if version in (None, one["version"]) and (label is None or label in one["labels"])
            ]
            if not gone:
                raise AnswerError(404, "Prompt not found", "LangfuseNotFoundError")
            for one in gone:
                self._refuse_used(one)
            self._versions[name] = kept = [one for one in known if one not in gone]
            if any(_LATEST in one["labels"] for one in gone) and kept:
                kept[-1]["labels"].append(_LATEST)
            if not kept:
                del self._versions[name]
            self.cached.clear()

    def _pause(self, method: str, name: str) -> None:
        if self.between is not None:
            self.between(method, name)
        if self.jitter:
            time.sleep(self._random.uniform(0, self.jitter))

    def _next(self, name: str) -> int:
        return max((one["version"] for one in self._versions.get(name, [])), default=0) + 1

    def _without(self, name: str, labels: list[str], but: int | None = None) -> dict[str, list[str]]:
        """Return the labels, by id, that the versions with some labels will have without them."""
        return {
            one["id"]: [label for label in one["labels"] if label not in labels]
            for one in self._versions.get(name, [])
            if one["version"] != but and set(labels) & set(one["labels"])
        }

    def _write_labels(self, name: str, before: dict[str, list[str]]) -> None:
        for one in self._versions.get(name, []):
            if one["id"] in before:
                one["labels"], one["updatedAt"] = before[one["id"]], _now()

    def _find_label(self, name: str, label: str) -> Json | None:
        return next((one for one in self._versions.get(name, []) if label in one["labels"]), None)

    def _find_reference(self, reference: str) -> tuple[Json | None, str]:
        facts = dict(part.partition("=")[::2] for part in reference.split("|"))
        name, label = facts.get("name", ""), facts.get("label")
        if label is not None:
            return self._find_label(name, label), f"{name} - label {label}"
        number = facts.get("version", "")
        return self.find(name, int(number) if number.isdigit() else 0), f"{name} - version {number}"

    def _find_dependencies(self, prompt: Any) -> list[str]:
        """Return the names that a text refers to. A text is bound to them: they cannot be deleted."""
        names = []
        for reference in _REFERENCE.findall(str(prompt)):
            found, what = self._find_reference(reference)
            if found is None:
                raise AnswerError(400, f"Prompt dependency not found: {what}", "InvalidRequestError")
            names.append(found["name"])
        return names

    def _resolve(self, version: Json, shown: Json) -> Json:
        if not isinstance(shown["prompt"], str) or not _REFERENCE.search(shown["prompt"]):
            return shown
        used: list[Json] = []

        def fill(hit: re.Match[str]) -> str:
            found, what = self._find_reference(hit[1])
            if found is None:
                raise AnswerError(400, f"Prompt dependency not found: {what}", "InvalidRequestError")
            used.append({key: found[key] for key in ("id", "name", "version")})
            return str(found["prompt"])

        text = _REFERENCE.sub(fill, shown["prompt"])
        root = {key: version[key] for key in ("name", "version", "id")}
        return shown | {"prompt": text, "resolutionGraph": {"root": root, "dependencies": {version["id"]: used}}}

    def _refuse_used(self, version: Json) -> None:
        for name, known in self._versions.items():
            if any(version["name"] in one.get("_dependencies", ()) for one in known):
                raise AnswerError(400, f"Other prompts depend on it: {name}", "InvalidRequestError")

    def _make(self, name: str, body: Json, number: int) -> Json:
        at = _now()
        return {
            "id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "createdAt": at,
            "updatedAt": at,
            "projectId": "proj1",
            "createdBy": "API",
            "prompt": body["prompt"],
            "name": name,
            "version": number,
            "type": body.get("type") or "text",
            "isActive": None,
            "config": body.get("config") or {},
            "tags": [],
            "labels": [],
            "commitMessage": body.get("commitMessage"),
        }


def _check_create(body: Json) -> None:
    """Refuse what the server refuses: wrong types and lengths by 400, text that its database cannot keep by 500."""
    prompt, errors = body.get("prompt"), []
    if not isinstance(prompt, list if body.get("type") == "chat" else str):
        said = f"Invalid input: expected string, received {'null' if prompt is None else type(prompt).__name__}"
        errors.append({"code": "invalid_union", "errors": [], "path": [], "message": said})
    for position, label in enumerate(body.get("labels") or []):
        at = ["labels", position]
        if not _LABEL.fullmatch(label):
            errors.append({"code": "invalid_format", "format": "regex", "path": at, "message": _LABEL_FORM})
        if len(label) > LONGEST_LABEL:
            errors.append({"code": "too_big", "maximum": LONGEST_LABEL, "path": at})
    if len(body.get("commitMessage") or "") > LONGEST_MESSAGE:
        errors.append({"code": "too_big", "maximum": LONGEST_MESSAGE, "path": ["commitMessage"]})
    if not _NAME.fullmatch(body.get("name") or ""):
        errors.append({"code": "custom", "path": ["name"], "message": "Invalid name"})
    if errors:
        raise AnswerError(400, "Invalid request data", errors)
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in str(prompt)):
        raise AnswerError(500, "Internal Server Error", "An unknown error occurred")


def _summarise(name: str, shown: list[Json]) -> Json:
    return {
        "name": name,
        "tags": list(shown[-1]["tags"]),
        "lastUpdatedAt": max(one["updatedAt"] for one in shown),
        "versions": [one["version"] for one in shown],
        "labels": sorted({label for one in shown for label in one["labels"]}),
        "type": shown[-1]["type"],
        "lastConfig": shown[-1]["config"],
    }


def _show(version: Json) -> Json:
    shown = {key: value for key, value in version.items() if not key.startswith("_")}
    return shown | {"tags": list(version["tags"]), "labels": list(version["labels"])}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
