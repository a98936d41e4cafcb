"""A server of release documents on loopback: what it has, what it was asked, and how it fails."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class DocumentServer:
    """Serves `files` by path, with an ETag. `requests` has (path, headers) of each; `delay` is in seconds."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.statuses: list[int] = []
        self.status = 200
        self.delay = 0.0
        self.cut = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            request_queue_size = 300

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append((handler.path, dict(handler.headers.items())))
        time.sleep(self.delay)
        data = self.files.get(handler.path)
        tag = f'"{hashlib.sha256(data or b"").hexdigest()}"'
        status = self.status if self.status != 200 or data is not None else 404
        if handler.path in self.redirects:
            status = 302
        elif status == 200 and handler.headers.get("If-None-Match") == tag:
            status = 304
        self.statuses.append(status)
        handler.send_response(status)
        if status == 302:
            handler.send_header("Location", self.redirects[handler.path])
        body = data if status == 200 and data is not None else b""
        handler.send_header("ETag", tag)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) - self.cut])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serve_documents() -> Iterator[DocumentServer]:
    server = DocumentServer()
    try:
        yield server
    finally:
        server.close()
