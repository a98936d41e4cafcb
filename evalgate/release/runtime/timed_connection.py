"""HTTP connections of which no part takes longer than a deadline: the head, the body, and what is between them.

A timeout of the standard library counts from byte to byte, so that a server that sends one at a time never meets it.
Names are looked up by the system, which has a timeout of its own.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import urllib.request
from functools import partial
from time import monotonic
from typing import Any

_LATE = "timed out: the server is silent, or sends too slowly"


class TimedRequest(urllib.request.Request):
    """A request that is answered before `deadline` on the monotonic clock, with all redirects."""

    deadline: float = math.inf


class TimedHttpHandler(urllib.request.HTTPHandler):
    """Opens http addresses with a deadline."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_plain(req), req)


class TimedHttpsHandler(urllib.request.HTTPSHandler):
    """Opens https addresses with a deadline."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        # the context that the handler has made, if this version of Python makes one
        return self.do_open(_encrypted(req), req, context=getattr(self, "_context", None))


def _plain(request: urllib.request.Request) -> Any:
    return partial(_make_connection, http.client.HTTPConnection, _find_deadline(request))


def _encrypted(request: urllib.request.Request) -> Any:
    return partial(_make_connection, http.client.HTTPSConnection, _find_deadline(request))


def _find_deadline(request: urllib.request.Request) -> float:
    return request.deadline if isinstance(request, TimedRequest) else math.inf


def _make_connection(kind: Any, deadline: float, host: str, **settings: Any) -> Any:
    made = kind(host, **settings)
    made._create_connection = partial(_connect, deadline)
    made.response_class = partial(_make_response, deadline)
    return made


def _connect(deadline: float, address: tuple[str, int], timeout: object, source: Any = None) -> socket.socket:
    """Connect to the first address of a host that answers. The standard library gives each of them the whole time."""
    host, port = address
    failure: OSError | None = None
    for family, kind, protocol, _, found in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(_find_left(deadline))
            if source:
                made.bind(source)
            made.connect(found)
            made.settimeout(_find_left(deadline))  # of the encryption's handshake
        except OSError as error:
            made.close()
            failure = error
            continue
        return made
    raise failure or OSError("the host has no address")


def _make_response(deadline: float, connected: socket.socket, *given: Any, **named: Any) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connected, *given, **named)
    response.fp = io.BufferedReader(_TimedReader(response.fp.detach(), connected, deadline))
    return response


class _TimedReader(io.RawIOBase):
    """The bytes of a socket until a deadline. Then a read raises TimeoutError."""

    def __init__(self, raw: Any, connected: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._connected = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connected.settimeout(_find_left(self._deadline))
        try:
            found: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            raise TimeoutError(_LATE) from None
        return found

    def close(self) -> None:
        self._raw.close()
        super().close()


def _find_left(deadline: float) -> float | None:
    """Return the seconds that are left; None without a deadline. Raises TimeoutError if there are none."""
    if deadline == math.inf:
        return None
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError(_LATE)
    return left
