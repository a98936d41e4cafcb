"""The spans, scores and experiments of a fake Langfuse, by the rules of the server 4.16 in its mode `events_only`.

A write is answered at once and can be read later. `lag` is the number of reads before a write shows. `drop` is asked
for each span and score: True loses it after the answer, as a broken queue does.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langfuse_prompts import AnswerError, Json, LangfusePrompts

MOST_ROWS, MOST_SCORES, MOST_ITEMS, MOST_SCORES_OF_ITEM = 1_000, 100, 100, 50
LONGEST_TARGET = 16_000
LONGEST_METADATA = 200
_PRICES = {"gpt-4o-mini": (1.5e-7, 6e-7)}
_ALWAYS = ("latency", "timeToFirstToken", "modelId", "inputPrice", "outputPrice", "totalPrice")
_GROUPS = {
    "core": ("id", "traceId", "startTime", "endTime", "projectId", "parentObservationId", "type"),
    "basic": (
        "name", "level", "statusMessage", "version", "environment", "userId", "sessionId", "isRootObservation",
        "bookmarked", "public",
    ),
    "time": ("completionStartTime", "createdAt", "updatedAt"),
    "io": ("input", "output"),
    "metadata": ("metadata",),
    "model": ("model", "internalModelId", "modelParameters"),
    "usage": (
        "usageDetails", "inputUsage", "outputUsage", "totalUsage", "costDetails", "inputCost", "outputCost",
        "totalCost", "usagePricingTierId", "usagePricingTierName",
    ),
    "prompt": ("promptId", "promptName", "promptVersion"),
    "metrics": ("latency", "timeToFirstToken"),
    "trace_context": ("traceName", "release", "tags"),
}  # fmt: skip
_ITEM_GROUPS = {
    "core": (
        "id", "traceId", "startTime", "endTime", "level", "environment", "experimentId", "experimentName",
        "experimentItemId",
    ),
    "dataset": ("experimentDatasetId", "experimentItemVersion"),
    "io": ("input", "output", "expectedOutput"),
    "metadata": ("metadata",),
    "itemMetadata": ("experimentItemMetadata",),
    "experimentMetadata": ("experimentMetadata", "experimentDescription"),
    "scores": (),
}  # fmt: skip
_COLUMNS = {"promptName": "string", "promptVersion": "number", "startTime": "datetime", "type": "string"}
_LARGEST_OTEL_VERSION = 4


@dataclass
class Row:
    """A span as the server keeps it: what `v2/observations` shows, and its experiment. `at` counts the reads before."""

    shown: Json
    experiment: Json
    at: int
    nanoseconds: int = 0


@dataclass
class LangfuseRows:
    """All rows of one project. `arrays` is True for a server that takes arrays of scores."""

    prompts: LangfusePrompts
    arrays: bool = False
    lag: int = 0
    drop: Callable[[str, Json], bool] = lambda kind, body: False
    reject: Callable[[Json], bool] = lambda score: False
    rows: dict[str, Row] = field(default_factory=dict)
    scores: dict[str, tuple[Json, int]] = field(default_factory=dict)
    posted: list[Any] = field(default_factory=list)
    reads: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, method: str, path: str, asked: dict[str, str], body: bytes, headers: Json) -> tuple[int, Any]:
        """Return the status and the body of an answer below `/api/public/`."""
        with self._lock:
            if method == "POST":
                return self._answer_write(path, body, headers)
            self.reads += 1
            if path == "v2/observations":
                return 200, self._list_observations(asked)
            if path == "v3/scores":
                return 200, self._list_scores(asked)
            if path == "experiments":
                return 200, self._list_experiments(asked)
            return 200, self._list_items(asked)

    def seed_span(self, **facts: Any) -> None:
        """Add a span with these attributes.

        `trace`, `span`, `start` (ISO 8601), `seconds` and `parent` are not attributes.
        """
        start = round(datetime.fromisoformat(facts.pop("start")).timestamp() * 1_000) * 1_000_000
        span = {
            "traceId": facts.pop("trace", None) or uuid.uuid4().hex,
            "spanId": facts.pop("span", None) or uuid.uuid4().hex[:16],
            "parentSpanId": facts.pop("parent", ""),
            "name": "answer",
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + round(facts.pop("seconds", 0.5) * 1e9)),
            "attributes": [{"key": name, "value": _encode(value)} for name, value in facts.items()],
        }
        self._put_span(span, {})

    def seed_score(self, **body: Any) -> None:
        """Add a score; `timestamp` is its time, which a single score cannot give."""
        self._put_score({"id": str(uuid.uuid4()), **body})

    def _answer_write(self, path: str, body: bytes, headers: Json) -> tuple[int, Any]:
        if path == "otel/v1/traces":
            return self._take_spans(body, headers)
        given = json.loads(body)
        self.posted.append(given)
        if path == "scores":
            return self._take_scores(given)
        if path == "ingestion":
            for event in given["batch"]:
                if event["type"] == "score-create":
                    self._put_score(event["body"])
            return 207, {"successes": [{"id": one["id"], "status": 201} for one in given["batch"]], "errors": []}
        now = _now()  # dataset-run-items: answered, and nothing is written
        return 200, {
            "id": str(uuid.uuid4()), "datasetRunId": "556c9921db6679f7", "datasetRunName": given["runName"],
            "datasetItemId": given["datasetItemId"], "traceId": given["traceId"],
            "observationId": given.get("observationId"), "createdAt": now, "updatedAt": now,
        }  # fmt: skip

    def _take_spans(self, body: bytes, headers: Json) -> tuple[int, Any]:
        kind = headers.get("content-type", "")
        if not {"application/json", "application/x-protobuf"} & {kind.split(";")[0]}:
            return 400, {"error": "Invalid content type"}
        given = json.loads(body) if "json" in kind else decode_protobuf(body, headers)
        self.posted.append(given)
        if not given.get("resourceSpans"):
            return 200, {}
        version = headers.get("x-langfuse-ingestion-version", "1")
        if not version.isdigit() or int(version) > _LARGEST_OTEL_VERSION:
            return 400, {"error": f'Unsupported x-langfuse-ingestion-version: "{version}". Maximum supported: "4".'}
        scopes = [(one, scope) for one in given["resourceSpans"] for scope in one.get("scopeSpans", [])]
        spans = [(span, scope) for _, scope in scopes for span in scope["spans"]]
        if not all(_is_id(span.get("traceId"), 32) and _is_id(span.get("spanId"), 16) for span, _ in spans):
            return 400, {"error": "Invalid OTLP trace export: traceId and spanId are required on every span"}
        for span, scope in spans:
            self._put_span(span, scope.get("scope") or {})
        return 200, _make_job(headers, version)

    def _put_span(self, span: Json, scope: Json) -> None:
        if self.drop("span", span):
            return
        given = {one["key"]: _decode(one["value"]) for one in span["attributes"]}
        own = {name.removeprefix("langfuse.observation."): value for name, value in given.items()}
        start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        name, number = own.get("prompt.name", ""), own.get("prompt.version")
        prompt = self.prompts.find(name, number) if name and number is not None else None
        usage = json.loads(own.get("usage_details", "{}"))
        model = own.get("model.name", "")
        cost = json.loads(own.get("cost_details", "{}")) or _price(model, usage)
        now = _now()
        status = span.get("status") or {}
        is_root = not span.get("parentSpanId") or given.get("langfuse.internal.as_root") is True
        shown: Json = {
            "id": span["spanId"], "traceId": span["traceId"], "projectId": "proj1",
            "startTime": _show(start), "endTime": _show(end),
            "parentObservationId": span.get("parentSpanId") or None,
            "type": str(own.get("type", "span")).upper(), "name": span["name"],
            "level": own.get("level") or ("ERROR" if status.get("code") == 2 else "DEFAULT"),
            "statusMessage": own.get("status_message", status.get("message", "")),
            "version": given.get("langfuse.version", ""), "environment": given.get("langfuse.environment", "default"),
            "userId": given.get("user.id", ""), "sessionId": given.get("session.id", ""),
            "isRootObservation": is_root, "bookmarked": False, "public": False,
            "completionStartTime": None, "createdAt": now, "updatedAt": now,
            "input": own.get("input"), "output": own.get("output"),
            "metadata": {
                **{key.removeprefix("metadata."): value for key, value in own.items() if key.startswith("metadata.")},
                "scope.name": scope.get("name", ""),
            },
            "model": model, "internalModelId": "", "modelParameters": json.loads(own.get("model.parameters", "{}")),
            "usageDetails": usage and {**usage, "total": sum(usage.values())},
            "inputUsage": usage.get("input", 0), "outputUsage": usage.get("output", 0),
            "totalUsage": sum(usage.values()), "costDetails": cost, "inputCost": cost.get("input"),
            "outputCost": cost.get("output"), "totalCost": cost.get("total", 0), "usagePricingTierId": None,
            "usagePricingTierName": None, "promptId": prompt["id"] if prompt else "", "promptName": name,
            "promptVersion": number, "traceName": span["name"], "release": "", "tags": [],
            "latency": round((end - start) / 1e9, 3), "timeToFirstToken": None, "modelId": None, "inputPrice": None,
            "outputPrice": None, "totalPrice": None,
        }  # fmt: skip
        about = "langfuse.experiment."
        experiment = {key.removeprefix(about): value for key, value in given.items() if key.startswith(about)}
        self.rows[span["spanId"]] = Row(shown=shown, experiment=experiment, at=self.reads, nanoseconds=start)

    def _take_scores(self, given: Any) -> tuple[int, Any]:
        if not self.arrays:
            _check_score(given)
            score = {**given, "id": given.get("id") or str(uuid.uuid4())}
            score.pop("timestamp", None)
            self._put_score(score)
            return 200, {"id": score["id"]}
        if not isinstance(given, list):
            raise AnswerError(400, "Invalid request data", [_expect("array", given)])
        bad = [one for one in given if self.reject(one)]
        for one in given:
            if one not in bad:
                _check_score(one)
                self._put_score({"id": str(uuid.uuid4()), **one})
        if bad:
            errors = [{"message": f"the score {one['name']} is rejected"} for one in bad]
            return 207, {"accepted": len(given) - len(bad), "rejected": len(bad), "errors": errors}
        return 202, {"message": "Accepted"}

    def _put_score(self, body: Json) -> None:
        if self.drop("score", body):
            return
        now = _now()
        value = body["value"]
        kind = body.get("dataType") or ("CATEGORICAL" if isinstance(value, str) else "NUMERIC")
        shown = {
            "id": body["id"], "projectId": "proj1", "name": body["name"], "source": "API",
            "timestamp": body.get("timestamp") or now, "environment": body.get("environment") or "default",
            "createdAt": now, "updatedAt": now, "dataType": kind,
            "value": bool(value) if kind == "BOOLEAN" else value, "comment": body.get("comment"), "configId": None,
            "metadata": body.get("metadata") or {}, "subject": _find_subject(body),
        }  # fmt: skip
        self.scores[body["id"]] = (shown, self.reads)

    def _list_rows(self) -> list[Row]:
        found = [row for row in self.rows.values() if self.reads > row.at + self.lag]
        return sorted(found, key=lambda row: (row.nanoseconds, row.shown["id"]), reverse=True)

    def _find_scores(self) -> list[Json]:
        found = [score for score, at in self.scores.values() if self.reads > at + self.lag]
        return sorted(found, key=lambda one: (one["timestamp"], one["id"]), reverse=True)

    def _list_observations(self, asked: Json) -> Json:
        limit = _read_limit(asked, MOST_ROWS)
        groups = asked.get("fields", "core,basic").split(",")
        rows = [row for row in self._list_rows() if _matches(row.shown, asked)]
        for condition in _read_filter(asked.get("filter")):
            rows = [row for row in rows if _meets(row.shown, condition)]
        if "cursor" in asked:
            last = _read_cursor(asked["cursor"])
            after = (last["lastStartTimeTo"], last["lastId"])
            rows = [row for row in rows if (row.shown["startTime"], row.shown["id"]) < after]
        names = [name for group in ("core", *groups) for name in _GROUPS.get(group, ())]
        data = [{name: row.shown[name] for name in dict.fromkeys([*names, *_ALWAYS])} for row in rows[:limit]]
        for one in data:
            if "metadata" in one:
                one["metadata"] = _cut(one["metadata"], asked.get("expandMetadata", "").split(","))
        meta = {}
        if len(rows) > limit:
            one = data[-1]
            meta = {
                "cursor": _make_cursor(lastStartTimeTo=one["startTime"], lastTraceId=one["traceId"], lastId=one["id"])
            }
        return {"data": data, "meta": meta}

    def _list_scores(self, asked: Json) -> Json:
        limit = _read_limit(asked, MOST_SCORES)
        if "observationId" in asked and "traceId" not in asked:
            raise AnswerError(400, "observationId requires traceId", "InvalidRequestError")
        found = [one for one in self._find_scores() if _selects_score(one, asked)]
        if "cursor" in asked:
            last = _read_cursor(asked["cursor"])
            found = [one for one in found if (one["timestamp"], one["id"]) < (last["lastTimestamp"], last["lastId"])]
        groups = asked.get("fields", "core").split(",")
        meta: Json = {"limit": limit}
        if len(found) > limit:
            one = found[limit - 1]
            meta["cursor"] = _make_cursor(v=1, lastTimestamp=one["timestamp"], lastId=one["id"])
        return {"data": [_show_score(one, groups) for one in found[:limit]], "meta": meta}

    def _list_experiments(self, asked: Json) -> Json:
        limit, since = _read_limit(asked, MOST_ITEMS), _require_start(asked)
        groups: dict[str, list[Row]] = {}
        for row in self._list_rows():
            if row.experiment.get("id") and row.shown["startTime"] >= since:
                groups.setdefault(row.experiment["id"], []).append(row)
        ids = asked["id"].split(",") if "id" in asked else list(groups)
        data = [
            {
                "id": identity,
                "name": rows[0].experiment.get("name"),
                "description": next(
                    (row.experiment["description"] for row in rows if "description" in row.experiment), ""
                ),
                "startTime": min(row.shown["startTime"] for row in rows),
                "endTime": max(row.shown["endTime"] for row in rows),
                "itemCount": sum(_is_item(row) for row in rows),
                "datasetId": rows[0].experiment.get("dataset.id"),
            }
            for identity, rows in groups.items()
            if identity in ids
        ]
        return {"data": data[:limit], "meta": {}}

    def _list_items(self, asked: Json) -> Json:
        limit, since = _read_limit(asked, MOST_ITEMS), _require_start(asked)
        groups = asked.get("fields", "core,dataset").split(",")
        rows = [row for row in self._list_rows() if _is_item(row) and row.shown["startTime"] >= since]
        if "experimentId" in asked:
            rows = [row for row in rows if row.experiment["id"] in asked["experimentId"].split(",")]
        if "cursor" in asked:
            last = _read_cursor(asked["cursor"])
            rows = [row for row in rows if (row.nanoseconds, row.shown["id"]) < (last["lastTime"], last["lastId"])]
        names = [name for group in ("core", *groups) for name in _ITEM_GROUPS.get(group, ())]
        data = []
        for row in rows[:limit]:
            whole = _show_item(row)
            shown = {name: whole[name] for name in dict.fromkeys(names)}
            if "scores" in groups:
                own = [
                    one
                    for one in self._find_scores()
                    if one["subject"].get("traceId") == row.shown["traceId"] and one["subject"]["id"] == row.shown["id"]
                ]
                most = min(MOST_SCORES_OF_ITEM, int(asked.get("scoreLimit", MOST_SCORES_OF_ITEM)))
                shown["scores"] = [_show_score(one, ["core", "subject"]) for one in own[:most]]
            data.append(shown)
        meta = {}
        if len(rows) > limit:
            one = rows[limit - 1]
            meta = {"cursor": _make_cursor(v=1, lastTime=one.nanoseconds, lastId=one.shown["id"])}
        return {"data": data, "meta": meta}


def decode_protobuf(body: bytes, headers: Json) -> Any:
    """Return a request of OTLP in protobuf as OTLP/JSON, with ids in hexadecimal."""
    import gzip

    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    data = gzip.decompress(body) if "gzip" in headers.get("content-encoding", "") else body
    given = json_format.MessageToDict(ExportTraceServiceRequest.FromString(data), use_integers_for_enums=True)
    for one in given.get("resourceSpans", []):
        for scope in one.get("scopeSpans", []):
            for span in scope.get("spans", []):
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64decode(span[name]).hex()
    return given


def _check_score(given: Any) -> None:
    """Refuse what the server refuses."""
    if not isinstance(given, dict):
        first = {"code": "invalid_type", "expected": "object"}
        errors = [{**first, "path": [], "message": _expect("object", given)["message"]} for _ in range(2)]
        raise AnswerError(400, "Invalid request data", errors)
    value, kind = given.get("value"), given.get("dataType")
    if isinstance(value, bool) or (kind in ("NUMERIC", "BOOLEAN") and isinstance(value, str)):
        raise AnswerError(400, "Invalid request data", [{**_expect("number", value), "path": ["value"]}])
    if kind == "BOOLEAN" and value not in (0, 1):
        said = "Value must be a number equal to either 0 or 1 for data type BOOLEAN"
        raise AnswerError(400, "Invalid request data", [{"code": "custom", "path": ["value"], "message": said}])
    subjects = [name for name in ("traceId", "sessionId", "datasetRunId") if given.get(name)]
    if len(subjects) != 1 or (given.get("observationId") and subjects != ["traceId"]):
        said = (
            "Provide exactly one of the following: traceId (with optional observationId), sessionId or datasetRunId. "
            "ObservationId requires traceId."
        )
        path = ["traceId", "sessionId", "datasetRunId", "observationId"]
        raise AnswerError(400, "Invalid request data", [{"code": "custom", "path": path, "message": said}])


def _expect(kind: str, given: Any) -> Json:
    names = {list: "array", str: "string", bool: "boolean", dict: "object"}
    said = f"Invalid input: expected {kind}, received {names.get(type(given), 'number')}"
    return {"expected": kind, "code": "invalid_type", "path": [], "message": said}


def _find_subject(body: Json) -> Json:
    if body.get("datasetRunId"):
        return {"kind": "experiment", "id": body["datasetRunId"]}
    if body.get("sessionId"):
        return {"kind": "session", "id": body["sessionId"]}
    if body.get("observationId"):
        return {"kind": "observation", "id": body["observationId"], "traceId": body["traceId"]}
    return {"kind": "trace", "id": body["traceId"]}


def _show_score(score: Json, groups: Iterable[str]) -> Json:
    left_out = {
        *(() if "details" in groups else ("comment", "configId", "metadata")),
        *(() if "subject" in groups else ("subject",)),
    }
    return {name: value for name, value in score.items() if name not in left_out}


def _selects_score(score: Json, asked: Json) -> bool:
    subject = score["subject"]
    trace = subject["id"] if subject["kind"] == "trace" else subject.get("traceId")
    facts = {
        "id": score["id"],
        "name": score["name"],
        "traceId": trace,
        "observationId": subject["id"] if subject["kind"] == "observation" else None,
        "experimentId": subject["id"] if subject["kind"] == "experiment" else None,
    }
    if any(name in asked and value not in asked[name].split(",") for name, value in facts.items()):
        return False
    at = datetime.fromisoformat(score["timestamp"])
    return ("fromTimestamp" not in asked or at >= datetime.fromisoformat(asked["fromTimestamp"])) and (
        "toTimestamp" not in asked or at < datetime.fromisoformat(asked["toTimestamp"])
    )


def _cut(metadata: Json, whole: Iterable[str]) -> Json:
    """Return metadata with long values cut, but for those that are asked for as a whole."""
    return {
        key: value if key in whole or not isinstance(value, str) else value[:LONGEST_METADATA]
        for key, value in metadata.items()
    }


def _is_item(row: Row) -> bool:
    about = row.experiment
    return bool(about.get("id") and about.get("item.id")) and about.get("item.root_observation_id") == row.shown["id"]


def _show_item(row: Row) -> Json:
    about = row.experiment
    return {
        **row.shown,
        "experimentId": about["id"],
        "experimentName": about.get("name", ""),
        "experimentItemId": about["item.id"],
        "experimentDatasetId": about.get("dataset.id"),
        "experimentItemVersion": about.get("item.version"),
        "expectedOutput": about.get("item.expected_output"),
        "experimentItemMetadata": {},
        "experimentMetadata": json.loads(about.get("metadata", "{}")),
        "experimentDescription": about.get("description"),
    }


def _matches(shown: Json, asked: Json) -> bool:
    plain = all(shown[name] == asked[name] for name in ("name", "userId", "type", "traceId", "level") if name in asked)
    at = datetime.fromisoformat(shown["startTime"])
    return (
        plain
        and ("fromStartTime" not in asked or at >= datetime.fromisoformat(asked["fromStartTime"]))
        and ("toStartTime" not in asked or at < datetime.fromisoformat(asked["toStartTime"]))
    )


def _read_filter(text: str | None) -> list[Json]:
    conditions: list[Json] = json.loads(text) if text else []
    for position, one in enumerate(conditions):
        if one["type"] == "number" and not isinstance(one["value"], int | float):
            error = {**_expect("number", one["value"]), "path": ["filter", position, "value"]}
            raise AnswerError(400, "Invalid request data", [error])
        known = _COLUMNS.get(one["column"])
        if known is None:
            said = f"Column {one['column']} does not match a UI / CH table mapping."
            raise AnswerError(400, said, "InvalidRequestError")
        if known != one["type"]:
            said = f"Invalid filter type '{one['type']}' for column '{one['column']}'. Expected filter type '{known}'."
            raise AnswerError(400, said, "InvalidRequestError")
    return conditions


def _meets(shown: Json, condition: Json) -> bool:
    found, wanted = shown[condition["column"]], condition["value"]
    if condition["type"] == "datetime":
        found, wanted = datetime.fromisoformat(found), datetime.fromisoformat(wanted)
    return bool(
        {"=": lambda: found == wanted, ">=": lambda: found >= wanted, "<": lambda: found < wanted}[
            condition["operator"]
        ]()
    )


def _read_limit(asked: Json, most: int) -> int:
    limit = int(asked.get("limit", 50))
    if not 1 <= limit <= most:
        raise AnswerError(400, "Invalid request data", [{"code": "too_big", "maximum": most, "path": ["limit"]}])
    return limit


def _require_start(asked: Json) -> str:
    if "fromStartTime" not in asked:
        raise AnswerError(400, "Invalid request data", [{**_expect("string", None), "path": ["fromStartTime"]}])
    return _show(round(datetime.fromisoformat(asked["fromStartTime"]).timestamp() * 1_000) * 1_000_000)


def _make_cursor(**facts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(facts).encode()).decode().rstrip("=")


def _read_cursor(text: str) -> Json:
    try:
        found: Json = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        raise AnswerError(400, "Invalid cursor", "InvalidRequestError") from None
    return found


def _encode(value: Any) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _decode(value: Json) -> Any:
    kind, found = next(iter(value.items()))
    return int(found) if kind == "intValue" else found


def _is_id(text: Any, length: int) -> bool:
    return isinstance(text, str) and len(text) == length and all(char in "0123456789abcdef" for char in text)


def _price(model: str, usage: Json) -> Json:
    prices = _PRICES.get(model)
    if prices is None:
        return {}
    cost = {"input": prices[0] * usage.get("input", 0), "output": prices[1] * usage.get("output", 0)}
    return {**cost, "total": sum(cost.values())}


def _make_job(headers: Json, version: str) -> Json:
    """Return the job of the server's queue, which is its answer."""
    identity, now = str(uuid.uuid4()), _now()
    scope = {"projectId": "proj1", "accessLevel": "project", "orgId": "org1"}
    payload = {
        "data": {"fileKey": f"otel/proj1/{identity}.json", "publicKey": "pk-lf-test"},
        "authCheck": {"validKey": True, "scope": scope},
        "sdkName": headers.get("x-langfuse-sdk-name", "unknown"),
        "sdkVersion": headers.get("x-langfuse-sdk-version", "unknown"),
        "ingestionVersion": version,
    }
    name = "otel-ingestion-job"
    return {
        "name": name, "data": {"id": identity, "timestamp": now, "name": name, "payload": payload},
        "opts": {
            "attempts": 6, "removeOnComplete": True, "removeOnFail": 100_000,
            "backoff": {"type": "exponential", "delay": 5000}, "traceparent": "00", "baggage": "",
        },
        "id": "1", "progress": 0, "returnvalue": None, "stacktrace": None, "priority": 0, "attemptsStarted": 0,
        "attemptsMade": 0, "stalledCounter": 0, "timestamp": 0, "queueQualifiedName": "bull:otel-ingestion-queue",
    }  # fmt: skip


def _show(nanoseconds: int) -> str:
    at = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).replace(
        microsecond=nanoseconds % 1_000_000_000 // 1_000_000 * 1_000
    )
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
