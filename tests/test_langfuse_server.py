"""The fake Langfuse answers as a real server did: each recorded exchange, and its rules one by one."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer, find_contract

RECORDS = ("exchanges-server-4.16.0.jsonl", "exchanges-server-4.16.0-release.jsonl")
COVERED = (
    "/api/public/health",
    "/api/public/projects",
    "/api/public/v2/prompts",
    "/api/public/v2/datasets",
    "/api/public/dataset-items",
)
ROWS = (
    "/api/public/otel/v1/traces",
    "/api/public/scores",
    "/api/public/v3/scores",
    "/api/public/v2/observations",
    "/api/public/experiments",
    "/api/public/experiment-items",
    "/api/public/dataset-run-items",
    "/api/public/ingestion",
)
# The recorded steps that the fake does not serve, by the beginning of the path, and why.
LEFT = {
    "/receiver": "a delivery of the server, which tests of the receiver replay",
    "/repos/o/r/dispatches": "a delivery of the server, which tests of the workflow replay",
}
BIG = "<1,100,000 x>"
SEEDED = ("x",)  # the texts of versions whose making is not recorded


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


def ask(
    server: LangfuseServer,
    method: str,
    path: str,
    body: Any = None,
    *,
    keys: str = f"{PUBLIC}:{SECRET}",
    **headers: str,
) -> tuple[int, Any, dict[str, str]]:
    """Send a request and return the status, the body as JSON or text, and the headers."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    sent = {"authorization": f"Basic {base64.b64encode(keys.encode()).decode()}", **headers}
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        data, got = answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()
    if got.get("content-type", "").startswith("application/json") and data:
        return answer.status, json.loads(data), got
    return answer.status, data.decode() or None, got


PROMPTS = "/api/public/v2/prompts"


def create(server: LangfuseServer, name: str = "a", prompt: Any = "x", **more: Any) -> tuple[int, Any]:
    return ask(server, "POST", PROMPTS, {"name": name, "prompt": prompt, **more})[:2]


def get(server: LangfuseServer, name: str = "a", **query: Any) -> tuple[int, Any]:
    return ask(server, "GET", f"{PROMPTS}/{quote(name, safe='')}?{urlencode(query)}")[:2]


def move(server: LangfuseServer, name: str, version: int, *labels: str) -> tuple[int, Any]:
    return ask(server, "PATCH", f"{PROMPTS}/{quote(name, safe='')}/versions/{version}", {"newLabels": labels})[:2]


def read_records() -> list[tuple[str, int, dict[str, Any]]]:
    folder = find_contract()
    found = []
    for file in RECORDS:
        if (folder / file).is_file():
            lines = (folder / file).read_text(encoding="utf-8").splitlines()
            found += [(file, number, json.loads(line)) for number, line in enumerate(lines)]
    return found


def has_path(path: str, beginnings: Any) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in beginnings)


def prepare(server: LangfuseServer, step: str, request: dict[str, Any]) -> None:
    """Bring the fake into the state that the server was in before a recorded request whose past is not recorded."""
    seed = server.prompts.seed
    child = "child-1795926413"
    if "@@@" in step and server.prompts.versions(child) == []:
        seed(child, "CHILD", labels=["production", "latest"])
    known: dict[str, list[tuple[str, list[str]]]] = {
        "void release document": [("evalgate/freeze-1795926465", []), ("evalgate/freeze-1795926465", ["latest"])],
        "two racing creates of the same name: a winner": [("evalgate/lose-1795928006", ["latest"])],
        "update_prompt repairs duplicate": [("race-1795362602862", labels) for labels in ([], ["production"], ["production", "latest"])],
        "production has NO holder": [("promo-1795926722", labels) for labels in ([], [], ["latest"])],
        "no holder of latest": [("evalgate/ui2-1795927688", labels) for labels in (["production"], [], [])],
        "latest moved back": [("evalgate/ui3-1795927897", labels) for labels in (["latest", "checked"], [])],
        "conditional GET": [("evalgate/hist-1795926465", ["latest"] if number == 40 else []) for number in range(1, 41)],
    }  # fmt: skip
    for beginning, versions in known.items():
        if step.startswith(beginning) and not server.prompts.versions(versions[0][0]):
            for name, labels in versions:
                seed(name, labels=labels)
    if step == "delete the highest release document":
        for number in (1, 2, 3):
            labels = ["latest"] if number == 3 else []
            seed("evalgate/del-1795926465", labels=labels, tags=["evalgate-rev:3"])
    if step.startswith("STALE server cache"):
        seed("appTrue-1795926722", "1", labels=["production"])
        get(server, "appTrue-1795926722")
        seed("appTrue-1795926722", "2", labels=["latest"])
        server.prompts.stale_moves = 1
        move(server, "appTrue-1795926722", 2, "production")
    if "fromUpdatedAt" in request["query"]:
        for one in server.prompts.versions("evalgate/hist-1795926465"):
            one["updatedAt"] = "2026-11-29T04:29:24.084Z" if one["version"] >= 39 else "2026-11-29T04:29:24.000Z"
    if step.startswith("list_prompts label filter: TWO"):
        for one in server.prompts.versions("race-1795362602862"):
            one["labels"] = {1: [], 2: ["production"], 3: ["production", "latest"]}[one["version"]]


def prepare_items(server: LangfuseServer, step: str) -> None:
    name = "ds-1795927311"
    if step == "dataset items now":
        server.datasets.time = datetime.fromisoformat("2026-11-29T04:41:57.328Z")
        server.datasets.put({"datasetName": name, "id": f"{name}-5", "status": "ARCHIVED"})
    for number in range(6) if step == "dataset item: update makes a new version" else ():
        server.datasets.time = datetime.fromisoformat(f"2026-11-29T04:41:54.{number}00Z")
        body = {"input": {"q": f"question {number}"}, "expectedOutput": f"a{number}"}
        facts = {"metadata": {"evalgate_id": f"case-{number}"}}
        server.datasets.put({"datasetName": name, "id": f"{name}-{number}", **body, **facts})


@pytest.mark.parametrize("file", RECORDS)
def test_each_recorded_exchange_replays(server: LangfuseServer, file: str) -> None:
    records = [record for name, _, record in read_records() if name == file]
    if not records:
        pytest.skip(f"{find_contract() / file} is not here")
    replayed = 0
    for record in records:
        request, expected = record["request"], record["response"]
        if not has_path(request["path"], COVERED):
            continue
        prepare(server, record["step"], request)
        prepare_items(server, record["step"])
        if (body := expected["body"]) and "dataset" in request["path"] and "updatedAt" in body:
            server.datasets.time = datetime.fromisoformat(body["updatedAt"])
        status, body, _ = replay(server, record)
        assert status == expected["status"], f"{record['step']}: {body}"
        assert list_keys(body) == list_keys(expected["body"]), record["step"]
        known = list_facts(body)
        assert known == {key: list_facts(expected["body"])[key] for key in known or ()} or known is None
        if has_path(request["path"], ["/api/public/dataset-items"]) and status == 200:
            assert list_items(body) == list_items(expected["body"])
        replayed += 1
    assert replayed == {RECORDS[0]: 59, RECORDS[1]: 45}[file]
    assert server.describes


def prepare_rows(server: LangfuseServer, step: str) -> None:
    """Bring the fake into the state before a recorded request about spans and scores whose past is not recorded."""
    rows = server.rows
    if step == "rows: observations of one prompt version since a time":
        for number in range(9):
            rows.seed_span(
                start=f"2026-11-29T04:40:{4 + 2 * number:02}.254Z",
                **{
                    "langfuse.observation.type": "generation",
                    "langfuse.observation.prompt.name": "rows-1795927244",
                    "langfuse.observation.prompt.version": 2,
                    "langfuse.observation.model.name": "gpt-4o-mini",
                    "langfuse.observation.usage_details": '{"input": 136, "output": 20}',
                },
            )
    if step == "rows: scores v3 by name and time":
        for number in range(3):
            seeded = {"name": "quality", "value": 0.5, "traceId": f"{number:032x}", "observationId": f"{number:016x}"}
            rows.seed_score(timestamp=f"2026-11-29T04:40:5{number}.504Z", **seeded)
    if step == "plain experiment: items with scores":
        item = {"traceId": "eabe866ad420e330fbdd440742268ba6", "observationId": "e8a88f09468a599f"}
        rows.seed_score(id="eace6fc721decfd2-1-quality", name="quality", value=0.6, **item)


def encode_spans(given: dict[str, Any], *, is_zipped: bool) -> bytes:
    """Return the request of a recorded export in protobuf, as the SDK sends it."""
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    data: bytes = json_format.ParseDict(given, ExportTraceServiceRequest()).SerializeToString()
    return gzip.compress(data) if is_zipped else data


@pytest.mark.parametrize("file", RECORDS)
def test_each_recorded_exchange_about_spans_scores_and_experiments_replays(server: LangfuseServer, file: str) -> None:
    records = [record for name, _, record in read_records() if name == file]
    if not records:
        pytest.skip(f"{find_contract() / file} is not here")
    replayed = 0
    for record in records:
        request, expected = record["request"], record["response"]
        if not has_path(request["path"], ROWS):
            continue
        prepare_rows(server, record["step"])
        headers = {
            name: value for name, value in request["headers"].items() if name.startswith(("content-", "x-langfuse"))
        }
        body = request["body"]
        if isinstance(body, dict) and "__otlp_protobuf_decoded__" in body:
            is_zipped = "content-encoding" in headers
            body = encode_spans(body["__otlp_protobuf_decoded__"], is_zipped=is_zipped)
        query = f"?{request['query']}" if request["query"] else ""
        status, found, _ = ask(server, request["method"], request["path"] + query, body, **headers)
        assert status == expected["status"], f"{record['step']}: {found}"
        assert list_keys(found) == list_keys(expected["body"]), record["step"]
        if status == 400:
            assert found["message"] == expected["body"]["message"], record["step"]
        replayed += 1
    assert replayed == {RECORDS[0]: 20, RECORDS[1]: 27}[file]
    assert server.describes


def replay(server: LangfuseServer, record: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    request = record["request"]
    query = f"?{urlencode(parse_qsl(request['query']))}" if request["query"] else ""
    path, body = request["path"] + query, request["body"]
    if record["step"].startswith("two racing creates of the same name: the loser"):
        # the winner is already there: the version is taken between the read and the write
        def take(_: str, name: str) -> None:
            server.prompts.between = None
            server.prompts.seed(name)

        server.prompts.between = take
    if isinstance(body, dict) and body.get("prompt") == BIG:
        body = {**body, "prompt": "x" * 1_100_000}
    headers = {}
    if "if-none-match" in request["headers"]:
        headers = {"if-none-match": ask(server, "GET", path)[2]["etag"]}
    is_bad = record["response"]["status"] == 401
    return ask(server, request["method"], path, body, keys="bad:bad" if is_bad else f"{PUBLIC}:{SECRET}", **headers)


def list_keys(body: Any) -> Any:
    """Return the keys of a body: of each object by its own keys, of each list by that of its first item."""
    if isinstance(body, dict):
        inner = {"config", "lastConfig", "dependencies", "error", "metadata"}
        return {key: None if key in inner else list_keys(value) for key, value in body.items()}
    return [list_keys(body[0])] if isinstance(body, list) and body else type(body).__name__ * isinstance(body, list)


def list_items(body: Any) -> Any:
    """Return the items of a page in order, or one item, as they are; of their times nothing."""
    kept = ("id", "status", "input", "expectedOutput", "metadata", "datasetName", "mediaReferences")
    return [{key: one[key] for key in kept} for one in body.get("data", [body])]


def list_facts(body: Any) -> Any:
    """Return the facts of a body that depend on the requests before it alone: no ids, no times."""
    kept = ("name", "version", "versions", "prompt", "type", "isActive", "config", "labels", "tags", "commitMessage")
    facts = body["data"][0] if isinstance(body, dict) and "data" in body else body
    if not isinstance(facts, dict):
        return None
    return {key: facts[key] for key in kept if key in facts and facts[key] not in SEEDED}


def test_the_recorded_steps_that_are_left_are_known() -> None:
    records = read_records()
    if not records:
        pytest.skip(f"{find_contract()} is not here")
    served = (*COVERED, *ROWS)
    left = {record["request"]["path"] for _, _, record in records if not has_path(record["request"]["path"], served)}
    assert all(has_path(path, LEFT) for path in left)
    assert all(any(has_path(path, [one]) for path in left) for one in LEFT)


def test_a_deleted_number_is_given_again_and_the_tags_survive(server: LangfuseServer) -> None:
    create(server, tags=["evalgate-rev:1"])
    first = create(server, tags=["evalgate-rev:2"])[1]
    assert ask(server, "DELETE", f"{PROMPTS}/a?version=2")[0] == 204
    assert get(server, version=1)[1]["labels"] == ["latest"] and get(server, version=1)[1]["tags"] == ["evalgate-rev:2"]
    again = create(server)[1]
    assert again["version"] == 2 and again["id"] != first["id"] and again["tags"] == ["evalgate-rev:2"]


def test_a_racing_create_loses_by_400_or_gets_the_next_number(server: LangfuseServer) -> None:
    def race(_: str, name: str) -> None:
        server.prompts.between = None
        create(server, name, "winner")

    create(server)
    server.prompts.between = race
    status, body = create(server, prompt="loser")
    assert status == 400 and "unique constraint failure" in body["message"]
    assert create(server, prompt="void")[1]["version"] == 3
    assert [one["prompt"] for one in server.prompts.versions("a")] == ["x", "winner", "void"]


def test_a_label_is_moved_and_never_removed(server: LangfuseServer) -> None:
    create(server, labels=["production"])
    create(server, labels=["staging"])
    assert move(server, "a", 2, "production")[1]["labels"] == ["production", "staging", "latest"]
    assert move(server, "a", 2)[1]["labels"] == ["production", "staging", "latest"]
    assert server.prompts.holders("a", "production") == [2]
    assert move(server, "a", 1, "latest")[0] == 400 and move(server, "a", 9, "x")[0] == 404
    assert move(server, "a", 1, "Not A Label")[0] == 200


def test_two_moves_at_once_leave_two_holders_and_one_more_repairs_it(server: LangfuseServer) -> None:
    for _ in range(3):
        create(server)

    def race(_: str, name: str) -> None:
        server.prompts.between = None
        move(server, name, 3, "production")

    server.prompts.between = race
    move(server, "a", 2, "production")
    assert server.prompts.holders("a", "production") == [2, 3]
    assert ask(server, "GET", f"{PROMPTS}?name=a&label=production")[1]["data"][0]["versions"] == [2, 3]
    move(server, "a", 2, "production")
    assert server.prompts.holders("a", "production") == [2]


def test_a_move_beside_a_save_loses_the_label(server: LangfuseServer) -> None:
    create(server, labels=["production"])
    create(server)

    def race(method: str, name: str) -> None:
        server.prompts.between = None
        assert "production" in move(server, name, 2, "production")[1]["labels"]

    server.prompts.between = race
    create(server)
    assert server.prompts.holders("a", "production") == [] and get(server)[0] == 404
    move(server, "a", 2, "production")
    assert server.prompts.holders("a", "production") == [2]


def test_the_cache_may_serve_the_old_version_until_the_next_write(server: LangfuseServer) -> None:
    create(server, prompt="1", labels=["production"])
    create(server, prompt="2")
    assert get(server)[1]["prompt"] == "1"
    server.prompts.stale_moves = 1
    move(server, "a", 2, "production")
    assert get(server)[1]["prompt"] == "1"
    assert get(server, label="production", resolve="false")[1]["prompt"] == "2"
    move(server, "a", 2)
    assert get(server)[1]["prompt"] == "2"


def test_references_are_looked_up_at_create_and_filled_in_at_get(server: LangfuseServer) -> None:
    text = "see @@@langfusePrompt:name=child|label=production@@@"
    assert create(server, prompt=text)[0] == 400
    create(server, "child", "CHILD", labels=["production"])
    create(server, prompt=text, labels=["production"])
    assert get(server)[1]["prompt"] == "see CHILD" and get(server, resolve="false")[1]["prompt"] == text
    assert ask(server, "DELETE", f"{PROMPTS}/child")[0] == 400
    create(server, "child", "NEW", labels=["production"])
    assert get(server)[1]["prompt"] == "see NEW"


@pytest.mark.parametrize("prompt", ["a\0b", "a\ud800b"])
def test_a_nul_or_a_lone_surrogate_is_an_error_of_the_server(server: LangfuseServer, prompt: str) -> None:
    assert create(server, prompt=prompt)[0] == 500
    assert server.prompts.versions("a") == []


def test_the_limit_of_a_body_counts_its_bytes(server: LangfuseServer) -> None:
    assert create(server, prompt='"' * 300_000)[0] == 201
    assert create(server, prompt="é" * 180_000)[0] == 413
    assert [one["version"] for one in server.prompts.versions("a")] == [1]


def test_an_answer_is_lost_before_or_after_the_write(server: LangfuseServer) -> None:
    for lost, kept in (("before", 0), ("after", 1)):
        server.fail("POST", lost=lost)
        with pytest.raises((http.client.BadStatusLine, ConnectionError)):
            create(server)
        assert len(server.prompts.versions("a")) == kept


def test_names_with_blanks_and_slashes_are_quoted_once(server: LangfuseServer) -> None:
    for name in ("a b", "team/ü?#", "x%2Fy"):
        assert create(server, name, labels=["production"])[0] == 201
        assert get(server, name)[1]["name"] == name
    assert ask(server, "GET", f"{PROMPTS}/team/x")[0] == 404
    for name in ("a|b", "/a", "a//b", "a/", "<b>x</b>", "new", ""):
        assert create(server, name)[0] == 400, name


def test_real_races_never_give_a_number_twice(server: LangfuseServer) -> None:
    server.prompts.jitter = 0.01
    results: list[tuple[int, Any]] = []
    threads = [threading.Thread(target=lambda: results.append(create(server))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    numbers = sorted(body["version"] for status, body in results if status == 201)
    assert numbers == list(range(1, len(numbers) + 1)) and {status for status, _ in results} <= {201, 400}


def test_the_description_is_found_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVALGATE_SHARED", str(tmp_path))
    assert find_contract() == tmp_path / "langfuse"
    with LangfuseServer() as made:
        assert not made.describes and create(made)[0] == 201


ROW = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.prompt.name": "support",
    "langfuse.observation.prompt.version": 1,
}


def read_rows(server: LangfuseServer, path: str = "v2/observations", **query: Any) -> tuple[int, Any]:
    return ask(server, "GET", f"/api/public/{path}?{urlencode(query)}")[:2]


def filter_rows(*conditions: tuple[str, str, str, Any]) -> str:
    names = ("type", "column", "operator", "value")
    return json.dumps([dict(zip(names, one, strict=True)) for one in conditions])


def test_rows_come_newest_first_in_pages_of_at_most_1000(server: LangfuseServer) -> None:
    for number in range(25):
        server.rows.seed_span(start=f"2026-11-29T04:40:{number:02}.254Z", **{**ROW, "user.id": f"u{number}"})
    server.rows.seed_span(start="2026-11-29T04:41:00Z", **{**ROW, "langfuse.observation.prompt.version": 2})
    version = (("string", "promptName", "=", "support"), ("number", "promptVersion", "=", 1))
    since = ("datetime", "startTime", ">=", "2026-11-29T04:40:05.254Z")
    asked = {"filter": filter_rows(*version, since), "fields": "core,basic,prompt", "limit": 8}
    users: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        status, body = read_rows(server, **asked, **cursor)
        assert status == 200
        users += [one["userId"] for one in body["data"]]
        cursor = {"cursor": body["meta"].get("cursor")}
    assert users == [f"u{number}" for number in range(24, 4, -1)] and cursor == {"cursor": None}
    narrowed = read_rows(server, **asked, fromStartTime="2026-11-29T04:40:20.254Z")[1]  # the two add up
    assert [one["userId"] for one in narrowed["data"]] == ["u24", "u23", "u22", "u21", "u20"]
    assert read_rows(server, limit=1001)[0] == 400 and read_rows(server, limit=1000)[0] == 200


def test_scores_come_newest_first_in_pages_of_at_most_100(server: LangfuseServer) -> None:
    for number in range(5):
        subject = {"traceId": f"{number:032x}", "observationId": f"{number:016x}"}
        server.rows.seed_score(
            id=f"s{number}", name="quality", value=number / 10, timestamp=f"2026-11-29T04:40:5{number}.000Z", **subject
        )
    server.rows.seed_score(name="other", value=1, traceId="a" * 32)
    first = read_rows(server, "v3/scores", name="quality", limit=2, fields="core,subject")[1]
    assert [one["id"] for one in first["data"]] == ["s4", "s3"]
    assert first["data"][0]["subject"] == {"kind": "observation", "id": f"{4:016x}", "traceId": f"{4:032x}"}
    rest = read_rows(server, "v3/scores", name="quality", cursor=first["meta"]["cursor"])[1]
    assert [one["id"] for one in rest["data"]] == ["s2", "s1", "s0"] and rest["meta"] == {"limit": 50}
    assert "subject" not in rest["data"][0]
    later = read_rows(server, "v3/scores", name="quality", fromTimestamp="2026-11-29T04:40:53Z")[1]
    assert [one["id"] for one in later["data"]] == ["s4", "s3"]
    assert read_rows(server, "v3/scores", limit=101)[0] == 400
    assert read_rows(server, "v3/scores", observationId="0" * 16)[0] == 400
    many = {"observationId": ",".join(f"{number:016x}" for number in range(400)), "traceId": ",".join(["0" * 32] * 300)}
    assert read_rows(server, "v3/scores", **many)[0] == 431


def test_writes_show_after_some_reads_and_twice_sent_is_once_there(server: LangfuseServer) -> None:
    server.rows.lag = 2
    for name in ("first", "second"):
        server.rows.seed_span(start="2026-11-29T04:40:00Z", span="1" * 16, trace="1" * 32, **{**ROW, "user.id": name})
    counts = [len(read_rows(server)[1]["data"]) for _ in range(4)]
    assert counts == [0, 0, 1, 1] and read_rows(server)[1]["data"][0]["userId"] == "second"


def test_a_price_is_its_own_or_that_of_the_list(server: LangfuseServer) -> None:
    usage = {"langfuse.observation.usage_details": json.dumps({"input": 100, "output": 20})}
    model = {"langfuse.observation.model.name": "gpt-4o-mini"}
    own = {"langfuse.observation.cost_details": json.dumps({"total": 0.5})}
    for number, facts in enumerate(({}, {**usage, **model}, {**usage, **model, **own})):
        server.rows.seed_span(start=f"2026-11-29T04:40:0{number}Z", **{**ROW, **facts})
    found = [one["totalCost"] for one in read_rows(server, fields="core,usage")[1]["data"]]
    assert found == [0.5, pytest.approx(100 * 1.5e-7 + 20 * 6e-7), 0]
    version = [one["promptId"] for one in read_rows(server, fields="core,prompt")[1]["data"]]
    assert version == ["", "", ""]  # a version that does not exist is kept


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [(7, "NUMERIC", 7), ("NaN", "CATEGORICAL", "NaN"), ("good", "CATEGORICAL", "good")],
)
def test_the_kind_of_a_score_follows_its_value(server: LangfuseServer, value: Any, kind: str, shown: Any) -> None:
    body = {"id": "s", "traceId": "9" * 32, "name": "edge", "value": value}
    assert ask(server, "POST", "/api/public/scores", body)[0] == 200
    (found,) = read_rows(server, "v3/scores", traceId="9" * 32)[1]["data"]
    assert (found["dataType"], found["value"]) == (kind, shown)
    boolean = {**body, "value": 0, "dataType": "BOOLEAN"}
    assert ask(server, "POST", "/api/public/scores", boolean)[0] == 200  # the same id replaces
    (found,) = read_rows(server, "v3/scores", traceId="9" * 32)[1]["data"]
    assert found["value"] is False


def test_dataset_run_items_are_answered_and_write_nothing(server: LangfuseServer) -> None:
    body = {"runName": "old", "datasetItemId": "a", "traceId": "1" * 32}
    assert ask(server, "POST", "/api/public/dataset-run-items", body)[0] == 200
    since = {"fromStartTime": "2020-01-01T00:00:00Z"}
    assert read_rows(server, "experiments", **since)[1] == {"data": [], "meta": {}}
    assert read_rows(server, "experiment-items", **since)[1] == {"data": [], "meta": {}}
    assert read_rows(server, "experiments")[0] == 400
