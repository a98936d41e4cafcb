"""A scripted server of OpenAI's files and batches endpoints on loopback, with their response formats and faults."""

from __future__ import annotations

import email
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chat_server import Received, Reply, completion

ENDPOINT = "/v1/chat/completions"


class BatchServer:
    """A server that answers each line with `script(received, n)` once a batch was polled `polls` times.

    n counts lines from 0. A Reply with `fault` "reset" is a line without an answer: if `ends` gives "completed" it is in
    no file, if "expired" it is in the error file. `ends(batch, n)` gives the final status of the n-th batch; a dict is
    merged into the batch. `faults` are replies sent instead of the real ones, by "METHOD /path" prefix, in order.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.received: list[Received] = []
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.script: Callable[[Received, int], Reply] = lambda received, n: Reply(body=completion("fine"))
        self.ends: Callable[[dict[str, Any], int], str | dict[str, Any]] = lambda batch, n: "completed"
        self.faults: dict[str, list[Reply]] = {}
        self.polls = 1
        self.held = False
        self.after_create: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def count(self, prefix: str) -> int:
        """Count the requests with this prefix, such as "POST /v1/batches"."""
        return sum(asked.startswith(prefix) for asked in self.asked)

    def lines(self, number: int) -> list[dict[str, Any]]:
        """Return the lines of the n-th batch."""
        batch = list(self.batches.values())[number]
        return [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        url = urlsplit(target)
        with self._lock:
            self.asked.append(f"{method} {url.path}")
            self.keys.add(headers.get("authorization", ""))
            for prefix, replies in self.faults.items():
                if f"{method} {url.path}".startswith(prefix) and replies:
                    return replies.pop(0)
            match method, url.path:
                case "POST", "/v1/files":
                    return self._upload(headers, body)
                case "POST", "/v1/batches":
                    return self._create(json.loads(body))
                case "GET", "/v1/batches":
                    return self._list(parse_qs(url.query))
            return self._by_name(url.path)

    def _by_name(self, path: str) -> Reply:
        if found := re.fullmatch(r"/v1/batches/(\w+)", path):
            return self._poll(found[1])
        found = re.fullmatch(r"/v1/files/([\w-]+)/content", path)
        if found and found[1] in self.files:
            return Reply(body=self.files[found[1]])
        return _error(404, f"Invalid URL, or no such object: {path}")

    def _upload(self, headers: dict[str, str], body: bytes) -> Reply:
        form = email.message_from_bytes(b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
        parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
        content = parts["file"].get_payload(decode=True)
        purpose = parts["purpose"].get_payload(decode=True).decode()
        assert purpose == "batch"
        name = f"file-{len(self.files)}"
        self.files[name] = content
        made = {
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "status": "processed",
        }
        return Reply(body=made | {"filename": parts["file"].get_filename(), "purpose": purpose})

    def _create(self, wanted: dict[str, Any]) -> Reply:
        assert wanted["endpoint"] == ENDPOINT
        assert wanted["completion_window"] == "24h"
        now = int(time.time())
        batch = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "errors": None,
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": now,
            "expires_at": now + 86400,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            **wanted,
            "_polls": 0,
            "_number": len(self.batches),
        }
        self.batches[batch["id"]] = batch
        self.after_create()
        return Reply(body=_shown(batch))

    def _list(self, query: dict[str, list[str]]) -> Reply:
        newest = list(reversed(self.batches.values()))
        if "after" in query:
            ids = [batch["id"] for batch in newest]
            newest = newest[ids.index(query["after"][0]) + 1 :]
        limit = int(query.get("limit", ["20"])[0])
        page = [_shown(batch) for batch in newest[:limit]]
        ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
        return Reply(body={"object": "list", "data": page, "has_more": len(newest) > limit, **ends})

    def _poll(self, name: str) -> Reply:
        if name not in self.batches:
            return _error(404, f"No batch found with id '{name}'.")
        batch = self.batches[name]
        if batch["status"] in ("validating", "in_progress"):
            batch["_polls"] += 1
            batch["status"] = "in_progress"
            if batch["_polls"] > self.polls and not self.held:
                self._end(batch)
        return Reply(body=_shown(batch))

    def _end(self, batch: dict[str, Any]) -> None:
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        fault = _refusal(lines)
        end = self.ends(batch, batch["_number"])
        if fault is not None:
            end = {"status": "failed", "errors": {"object": "list", "data": [fault]}}
        if isinstance(end, dict):
            batch |= end
            return
        good, bad = [], []
        for number, line in enumerate(lines):
            reply = self._answer_line(line)
            if reply.fault == "reset":
                if end == "expired":
                    error = {
                        "code": "batch_expired",
                        "message": "This request could not be executed before the completion window expired.",
                    }
                    bad.append(
                        {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "response": None, "error": error}
                    )
                continue
            response = {"status_code": reply.status, "request_id": f"req_{number}", "body": reply.body}
            found = {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "response": response, "error": None}
            (good if reply.status == 200 else bad).append(found)
        for kind, found_lines in (("output", good), ("error", bad)):
            if found_lines:
                name = f"file-{len(self.files)}"
                # not in the order of the requests, as the API documents
                self.files[name] = (
                    "\n".join(json.dumps(line, ensure_ascii=False) for line in reversed(found_lines)).encode() + b"\n"
                )
                batch[f"{kind}_file_id"] = name
        batch["status"] = end
        batch["request_counts"] = {"total": len(lines), "completed": len(good), "failed": len(bad)}

    def _answer_line(self, line: dict[str, Any]) -> Reply:
        received = Received(path=line["url"], headers={}, body=line["body"])
        self.received.append(received)
        return self.script(received, len(self.received) - 1)


def _refusal(lines: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the reason for which the API would refuse a file."""
    if len({line["custom_id"] for line in lines}) < len(lines):
        return {
            "code": "duplicate_custom_id",
            "line": 2,
            "message": "The custom_id is not unique.",
            "param": "custom_id",
        }
    if len({line["body"]["model"] for line in lines}) > 1:
        return {
            "code": "mismatched_model",
            "line": 2,
            "message": "All requests must use the same model.",
            "param": "body.model",
        }
    if any(line["url"] != ENDPOINT or line["method"] != "POST" for line in lines):
        return {"code": "invalid_url", "line": 1, "message": "The URL must be the batch's endpoint.", "param": "url"}
    return None


def _shown(batch: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in batch.items() if not name.startswith("_")}


def _error(status: int, message: str) -> Reply:
    return Reply(
        body={"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}},
        status=status,
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: BatchServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # tests also disconnect clients


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = self._chunks()
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.owner.answer(self.command, self.path, headers, content)  # type: ignore[attr-defined]
        if reply.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        kind = "application/json" if isinstance(reply.body, dict) else "application/octet-stream"
        for name, value in {"Content-Type": kind, **reply.headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.fault == "truncate":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass
