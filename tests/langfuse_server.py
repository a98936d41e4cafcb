"""A fake Langfuse on loopback: one project with prompts, datasets, spans, scores and experiments, which its keys open.

If Langfuse's API description exists beside the repository (`../shared/langfuse/openapi.yml`, or in the folder that
EVALGATE_SHARED names), every answer below 300 is validated by it, and errors are added to `violations`.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from langfuse_datasets import LangfuseDatasets
from langfuse_prompts import AnswerError, Json, LangfusePrompts
from langfuse_rows import LONGEST_TARGET, LangfuseRows

HOST = "http://langfuse.test"
PUBLIC, SECRET = "pk-lf-test", "sk-lf-test"
LARGEST_BODY = 1024 * 1024
_PROMPTS = "/api/public/v2/prompts"
_DATASETS, _ITEMS = "/api/public/v2/datasets", "/api/public/dataset-items"
_ROWS = re.compile(
    "/api/public/(otel/v1/traces|scores|v3/scores|v2/observations|experiments|experiment-items|dataset-run-items|ingestion)"
)
_USED = re.compile(
    r"/api/public/(v2/prompts|v2/datasets|dataset-items|health|projects|scores|v3/scores|v2/observations|experiments"
    r"|experiment-items)(/|$)"
)
_PROJECT = {"id": "proj1", "name": "proj1", "organization": {"id": "org1", "name": "org1"}, "metadata": {}}


def find_contract() -> Path:
    """Return the folder with Langfuse's API description and the recorded exchanges, which may not exist."""
    shared = os.environ.get("EVALGATE_SHARED") or Path(__file__).resolve().parents[2] / "shared"
    return Path(shared) / "langfuse"


@functools.cache
def load_description(path: Path) -> Any:
    """Load what the fake serves of the API description; None if it does not exist."""
    if not path.is_file():
        return None
    import yaml
    from openapi_core import OpenAPI

    document = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    document["servers"] = [{"url": HOST}]
    document["paths"] = {name: found for name, found in document["paths"].items() if _USED.match(name)}
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {name: schemas[name] for name in _find_used(document["paths"], schemas)}
    created = document["paths"][_PROMPTS]["post"]["responses"]
    created["201"] = created["200"]  # the recorded answer; the description says 200
    return OpenAPI.from_dict(document)


def _find_used(described: Any, schemas: Json) -> set[str]:
    """Return the names of the schemas that a part of the description needs: others have errors, by OpenAPI 3.0."""
    used: set[str] = set()
    waiting = [described]
    while waiting:
        found = set(re.findall(r"#/components/schemas/([^']+)", str(waiting.pop()))) - used
        used |= found
        waiting += [schemas[name] for name in found]
    return used


@dataclass
class Fault:
    """What happens to the next requests of a method: a status, a pause in seconds, or an answer that is lost.

    `lost` is "before" the request is handled or "after" it. `path` is what the path of the requests contains.
    """

    method: str
    status: int | None = None
    lost: str | None = None
    pause: float = 0.0
    count: int = 1
    body: str = "upstream error"
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class LangfuseServer:
    """The server. `requests` has method, path with query, and status of each request in order."""

    def __init__(self, *, version: str = "4.16.0", checked: bool = True) -> None:
        self.version = version
        self.prompts = LangfusePrompts()
        numbers = re.match(r"v?(\d+)\.(\d+)", version)
        arrays = numbers is not None and (int(numbers[1]), int(numbers[2])) >= (4, 59)
        self.rows = LangfuseRows(self.prompts, arrays=arrays)
        self.datasets = LangfuseDatasets()
        self.requests: list[tuple[str, str, int]] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self._description = load_description(find_contract() / "openapi.yml") if checked else None
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"langfuse": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def describes(self) -> bool:
        """True if answers are validated by Langfuse's API description."""
        return self._description is not None

    def count(self, method: str) -> int:
        return sum(one[0] == method for one in self.requests)

    def fail(self, method: str, **facts: Any) -> None:
        self.faults.append(Fault(method, **facts))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take_fault(self, method: str, target: str) -> Fault | None:
        with self._lock:
            for one in self.faults:
                if one.method in (method, "*") and one.path in target and one.count > 0:
                    one.count -= 1
                    return one
        return None

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        authorization = headers.get("authorization")
        parts = urlsplit(target)
        path, asked = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            if path == "/api/public/health" and method == "GET":
                return 200, {"status": "OK", "version": self.version}
            if authorization != make_authorization(PUBLIC, SECRET):
                said = "Invalid credentials. Confirm that you've configured the correct host."
                raise AnswerError(401, said, None if path == "/api/public/projects" else "UnauthorizedError")
            if path == "/api/public/projects" and method == "GET":
                return 200, {"data": [_PROJECT]}
            rows = _ROWS.fullmatch(path)
            if rows and method in ("GET", "POST"):
                if len(target) > LONGEST_TARGET:
                    raise AnswerError(431, "Request Header Fields Too Large")
                if len(body) > LARGEST_BODY:
                    raise AnswerError(413, "Body exceeded 1mb limit")
                return self.rows.answer(method, rows[1], asked, body, headers)
            if path.startswith((_DATASETS, _ITEMS)):
                return self._answer_datasets(method, path, asked, body)
            return self._answer_prompts(method, path, asked, body)
        except AnswerError as error:
            return error.status, error.body

    def _answer_datasets(self, method: str, path: str, asked: dict[str, str], body: bytes) -> tuple[int, Any]:
        named = re.fullmatch(f"{_DATASETS}/([^/]+)", path)
        if named and method == "GET":
            return 200, self.datasets.get(unquote(named[1]))
        if path == _DATASETS and method == "POST":
            return 200, self.datasets.create(json.loads(body))
        if path == _ITEMS and method == "POST":
            return 200, self.datasets.put(json.loads(body))
        if path == _ITEMS and method == "GET":
            return 200, self.datasets.list_items(asked)
        return 404, "<!DOCTYPE html><html><body>This page could not be found.</body></html>"

    def _answer_prompts(self, method: str, path: str, asked: dict[str, str], body: bytes) -> tuple[int, Any]:
        if path == _PROMPTS:
            return self._answer_all(method, asked, body)
        version = int(asked["version"]) if "version" in asked else None
        moved = re.fullmatch(f"{_PROMPTS}/([^/]+)/versions/([0-9]+)", path)
        named = re.fullmatch(f"{_PROMPTS}/([^/]+)", path)
        if moved and method == "PATCH":
            return 200, self.prompts.move(unquote(moved[1]), int(moved[2]), json.loads(body)["newLabels"])
        if named and method == "GET":
            resolve = asked.get("resolve") != "false"
            return 200, self.prompts.get(unquote(named[1]), version=version, label=asked.get("label"), resolve=resolve)
        if named and method == "DELETE":
            self.prompts.delete(unquote(named[1]), version=version, label=asked.get("label"))
            return 204, None
        return 404, "<!DOCTYPE html><html><body>This page could not be found.</body></html>"

    def _answer_all(self, method: str, asked: dict[str, str], body: bytes) -> tuple[int, Any]:
        if method == "GET":
            return 200, self.prompts.list(asked)
        if len(body) > LARGEST_BODY:
            return 413, "Body exceeded 1mb limit"
        return 201, self.prompts.create(json.loads(body))

    def note(
        self, method: str, target: str, status: int, headers: dict[str, str], data: bytes, *, is_checked: bool
    ) -> None:
        """Remember a request, and validate its answer by the API description."""
        with self._lock:
            self.requests.append((method, target, status))
        if self._description is None or not is_checked or not 200 <= status < 300:
            return
        if not _USED.match(urlsplit(target).path) or (status, method) in ((202, "POST"), (207, "POST")):
            return  # not in the description, or what a later server answers
        from openapi_core.exceptions import OpenAPIError
        from openapi_core.testing import MockRequest, MockResponse

        parts = urlsplit(target)
        request = MockRequest(HOST, method.lower(), parts.path, args=dict(parse_qsl(parts.query)))
        try:
            self._description.validate_response(request, MockResponse(data, status, headers))
        except OpenAPIError as error:
            reason = error
            while reason.__cause__ is not None:
                reason = reason.__cause__  # type: ignore[assignment]
            faults = [one.message for one in getattr(reason, "schema_errors", ())]
            self.violations.append(f"{method} {target}: {'; '.join(faults) or reason}")


def make_authorization(public: str, secret: str) -> str:
    return f"Basic {base64.b64encode(f'{public}:{secret}'.encode()).decode()}"


class _Handler(BaseHTTPRequestHandler):
    langfuse: LangfuseServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        server = self.langfuse
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = server.take_fault(self.command, self.path)
        if fault is not None:
            time.sleep(fault.pause)
        if fault is not None and fault.lost == "before":
            self._drop("before")
            return
        if fault is not None and fault.status is not None:
            status, answer = fault.status, fault.body
        else:
            status, answer = server.answer(
                self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body
            )
        if fault is not None and fault.lost == "after":
            self._drop("after")
            return
        is_scripted = fault is not None and fault.status is not None
        self._send(status, answer, is_scripted=is_scripted, more=fault.headers if fault is not None else {})

    def _send(self, status: int, answer: Any, *, is_scripted: bool, more: dict[str, str]) -> None:
        is_text = isinstance(answer, str)
        data = b"" if answer is None else answer.encode() if is_text else json.dumps(answer).encode()
        headers = (
            {}
            if answer is None
            else {"content-type": "text/html" if is_text and answer[:1] not in ("{", "[") else "application/json"}
        )
        headers |= more
        if answer is not None:
            headers["etag"] = f'"{hashlib.sha256(data).hexdigest()[:12]}"'
        if status == 200 and self.command == "GET" and self.headers.get("if-none-match") == headers.get("etag"):
            status, data = 304, b""
        self.langfuse.note(self.command, self.path, status, headers, data, is_checked=not is_scripted)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("content-length", str(len(data)))
        if status == 413:
            self.close_connection = True
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _drop(self, when: str) -> None:
        """Close the connection without an answer."""
        self.langfuse.note(self.command, self.path, 0, {}, when.encode(), is_checked=False)
        self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass
