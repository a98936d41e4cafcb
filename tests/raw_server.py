"""A server on loopback that sends bytes as they are: answers that are slow, endless or no HTTP."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Self

Chunks = Callable[[bytes], Iterable[bytes]]
"""A function from the head of a request to what is sent, a piece at a time."""


class RawServer:
    """Sends the pieces of an answer with a pause after each, for at most `seconds`, and closes the connection."""

    def __init__(self, chunks: Chunks, *, pause: float = 0.0, seconds: float = 20.0) -> None:
        self._chunks = chunks
        self._pause = pause
        self._seconds = seconds
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._start(lambda one=connection: self._answer(one))  # type: ignore[misc]

    def _answer(self, connection: socket.socket) -> None:
        end = monotonic() + self._seconds
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            self.requests.append(head)
            for chunk in self._chunks(head):
                if self._over.is_set() or monotonic() > end:
                    return
                connection.sendall(chunk)
                if self._pause:
                    self._over.wait(self._pause)


def make_answer(body: bytes, *, status: str = "200 OK", headers: Iterable[str] = ()) -> bytes:
    """Return an answer with a length, and with more lines of its head."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", *headers, "", ""]).encode("latin-1") + body
