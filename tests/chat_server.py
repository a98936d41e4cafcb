"""A chat completions endpoint on loopback with scripted answers and faults."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass
class Reply:
    """A reply. A dict `body` is sent as JSON, bytes unchanged. `fault`: "reset" sends nothing, "truncate" half of it."""

    body: dict[str, Any] | bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: Literal["reset", "truncate"] | None = None


@dataclass
class Received:
    """A received request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def completion(text: str | None = "fine", *, finish_reason: str = "stop", **more: Any) -> dict[str, Any]:
    """Make the JSON of a normal reply; `message`, `logprobs` and `choice` extend it, other arguments are top-level."""
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason, "logprobs": more.pop("logprobs", None)}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return {"id": "x", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage, **more}


def error(status: int, message: str, *, code: str | None = None, **headers: str) -> Reply:
    return Reply(body={"error": {"message": message, "code": code}}, status=status, headers=headers)


class ChatServer:
    """A server that answers with `script(received, n)`, n counting requests from 0.

    A list is answered in order, and its last reply repeats.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.script: Callable[[Received, int], Reply] | list[Reply] = [Reply(body=completion())]
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def answer(self, received: Received) -> Reply:
        with self._lock:
            number = len(self.received)
            self.received.append(received)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            if callable(self.script):
                reply = self.script(received, number)
            else:
                reply = self.script[min(number, len(self.script) - 1)]
            time.sleep(reply.delay)
            return reply
        finally:
            with self._lock:
                self._now -= 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: ChatServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # tests also disconnect clients


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner = self.server.owner  # type: ignore[attr-defined]
        reply = owner.answer(Received(path=self.path, headers=headers, body=json.loads(content)))
        if reply.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if reply.fault == "truncate":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
