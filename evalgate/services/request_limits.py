"""What the requests of an httpx client may take: time in total, pauses that a server asks for, and bytes of an answer.

The timeouts of httpx count from byte to byte, so that an answer of one byte a second never ends. Here a timer closes
the connection, in whatever part of an answer it is.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

import httpx

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer at most. Answers are asked for uncompressed."""
LONGEST_PAUSE = 60.0
"""Seconds that a server may ask to wait before a request is repeated. With more, it is not repeated."""
WAITING_SECONDS = 120.0
"""Seconds of such pauses at most, of all requests of a client."""
TOTAL_SECONDS = 1800.0
"""Seconds that all requests of a client may take together, with their pauses."""

_REPEATED = (408, 409, 429)
_SHORT_PAUSE = 3.0
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_WAIT_HEADERS = ("retry-after", "retry-after-ms", "x-ratelimit-reset")


class RequestLimitError(Exception):
    """An answer, or all requests together, would take more than they may."""


class RequestLimits:
    """The limits of one client, whose requests follow one another. `seconds` is the most that one of them may take."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left = TOTAL_SECONDS
        self._waiting_left = WAITING_SECONDS
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._is_late = False
        self._sockets: list[socket.socket] = []

    def open_client(self) -> httpx.Client:
        """Return the client. It follows no redirect: a redirected POST would become a GET."""
        return httpx.Client(
            timeout=self._seconds,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
            event_hooks={"request": [self._begin], "response": [self._check]},
        )

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the limits of what is requested inside the block, which may be a request with its repetitions.

        Raises RequestLimitError, and httpx.ReadTimeout for a request that took all of its time.
        """
        start = monotonic()
        try:
            yield
        except httpx.HTTPError:
            if self._is_late:
                raise httpx.ReadTimeout("the time of the request is over") from None
            raise
        finally:
            self._end_timer()
            self._left -= monotonic() - start

    def _begin(self, request: httpx.Request) -> None:
        if self._left <= 0:
            raise RequestLimitError(f"all requests together took more than {TOTAL_SECONDS:,.0f} seconds")
        request.extensions = {**request.extensions, "trace": self._trace}
        self._end_timer()
        self._sockets = [one for one in self._sockets if one.fileno() != -1]
        timer = threading.Timer(min(self._seconds, self._left), self._stop)
        timer.daemon = True
        self._timer, self._is_late = timer, False
        timer.start()

    def _end_timer(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None

    def _stop(self) -> None:
        """End the request that is on its way: a read of a socket that is shut down returns at once."""
        with self._lock:
            if self._timer is not threading.current_thread():
                return  # the request ended at the same moment
            self._is_late = True
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _trace(self, event: str, about: Mapping[str, Any]) -> None:
        # a connection is told of when it is made, and again when TLS has been added
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream: Any = about["return_value"]
            opened = stream.get_extra_info("socket")
            if isinstance(opened, socket.socket):
                with self._lock:
                    self._sockets.append(opened)
        if self._is_late and event.endswith(".send_request_headers.started"):
            raise httpx.ReadTimeout("the time of the request is over")  # it ended while the connection was made

    def _check(self, response: httpx.Response) -> None:
        """Bound the pause before a repetition, and the body, which has not been read yet."""
        asked = response.headers.get("retry-after", "")
        for name in _WAIT_HEADERS:
            response.headers.pop(name, None)
        if response.status_code in _REPEATED or response.status_code >= 500:
            pause = float(asked) if _WHOLE_NUMBER.fullmatch(asked) else _SHORT_PAUSE
            if pause > LONGEST_PAUSE:
                raise RequestLimitError(f"the server answered {response.status_code}, and asks to wait {pause:,.0f} s")
            if pause > self._waiting_left:
                raise RequestLimitError(f"the server answered {response.status_code} again and again")
            self._waiting_left -= pause
            if _WHOLE_NUMBER.fullmatch(asked) and pause:
                response.headers["retry-after"] = f"{pause:.0f}"
        encoding = response.headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise RequestLimitError("the answer is compressed, which was not asked for")
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _BoundedStream(response.stream, self._finish)

    def _finish(self) -> None:
        """Note that an answer was read. One without a length seems to end where its connection was closed."""
        self._end_timer()
        if self._is_late:
            raise httpx.ReadTimeout("the time of the request is over")


class _BoundedStream(httpx.SyncByteStream):
    """The bytes of an answer, up to LARGEST_ANSWER."""

    def __init__(self, stream: httpx.SyncByteStream, finish: Callable[[], None]) -> None:
        self._stream = stream
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise RequestLimitError(f"the answer has more than {LARGEST_ANSWER:,} bytes")
            yield chunk
        self._finish()

    def close(self) -> None:
        self._stream.close()
