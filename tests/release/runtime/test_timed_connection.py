"""A deadline holds in each part of an answer, through redirects, and over the addresses of a host."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterable, Iterator
from time import monotonic

import pytest
from raw_server import RawServer, make_answer

from evalgate.release.runtime.http_source import Headers
from evalgate.release.runtime.prompt_error import SourceError
from evalgate.release.runtime.sources import open_source

HEAD = b"HTTP/1.1 200 OK\r\n"
DRIPS = {
    "status": (b"HTTP/1.1 200 O", b"K"),
    "headers": (HEAD, b"X: y\r\n"),
    "one header": (HEAD + b"X: ", b"y"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim headers": (b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
    "body": (HEAD + b"Content-Length: 9999\r\n\r\n", b"x"),
    "body without a length": (HEAD + b"\r\n", b"x"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunk extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "body of an error": (b"HTTP/1.1 500 X\r\nContent-Length: 9999\r\n\r\n", b"x"),
    "headers of a redirect": (b"HTTP/1.1 302 X\r\nLocation: /x\r\n", b"X: y\r\n"),
}


def drip(first: bytes, piece: bytes) -> Iterator[bytes]:
    return itertools.chain([first] if first else [], itertools.repeat(piece))


@pytest.mark.parametrize("pieces", DRIPS.values(), ids=DRIPS)
def test_a_read_ends_in_time_in_whatever_part_of_the_answer(pieces: tuple[bytes, bytes]) -> None:
    with RawServer(lambda head: drip(*pieces), pause=0.03) as server:
        start = monotonic()
        with pytest.raises(SourceError):
            open_source(server.url, timeout=0.4).read("support")
        assert monotonic() - start < 1.5


def test_redirects_share_the_time() -> None:
    def answer(head: bytes) -> Iterable[bytes]:
        yield b""
        yield make_answer(b"", status="302 X", headers=[f"Location: /{len(server.requests)}.json"])

    with RawServer(answer, pause=0.25) as server:
        start = monotonic()
        with pytest.raises(SourceError, match="timed out"):
            open_source(server.url, timeout=0.6).read("support")
        assert monotonic() - start < 1.5
    assert 2 <= len(server.requests) <= 4


def test_the_body_of_a_redirect_is_not_read() -> None:
    def answer(head: bytes) -> Iterable[bytes]:
        if b"/there" in head:
            return [make_answer(b"found")]
        return drip(b"HTTP/1.1 302 X\r\nLocation: /there\r\nContent-Length: 99999\r\n\r\n", b"x")

    with RawServer(answer, pause=0.02) as server:
        assert open_source(server.url, timeout=2).read("support") == b"found"


class SilentSocket(socket.socket):
    """A socket to a host that does not answer."""

    def connect(self, address: object) -> None:
        time.sleep(self.gettimeout() or 10)
        raise TimeoutError("timed out")


def test_the_addresses_of_a_host_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in range(1, 5)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    monkeypatch.setattr(socket, "socket", SilentSocket)
    start = monotonic()
    with pytest.raises(SourceError, match="timed out"):
        open_source("http://127.0.0.1:1", timeout=0.3).read("support")
    assert monotonic() - start < 1


@pytest.mark.parametrize("answer", ["{}", "HTTP/1.1 {}", "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/{}\r\n"])
@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ({"Authorization": "Bearer tok-0123456789"}, "tok-0123456789"),
        ({"Authorization": "Basic cGstbGYtMTpzay1sZi0wMTIzNDU2Nzg5"}, "sk-lf-0123456789"),
        ({"X-Key": "tok-0123456789"}, "tok-0123456789"),
        (None, "tok-0123456789"),
    ],
)
def test_a_server_that_quotes_a_token_does_not_get_it_shown(answer: str, headers: Headers | None, secret: str) -> None:
    sent = answer.format(secret).encode() + b"\r\n\r\n"
    with RawServer(lambda head: [sent]) as server, pytest.raises(SourceError) as refused:
        open_source(f"{server.url}/r?token={secret}", headers=headers, timeout=2).read("support")
    assert secret not in str(refused.value)


def test_too_many_redirects_are_an_error_of_the_source() -> None:
    answer = make_answer(b"", status="302 X", headers=["Location: /x"])
    with RawServer(lambda head: [answer]) as server, pytest.raises(SourceError, match="answered 302"):
        open_source(server.url, timeout=5).read("support")
