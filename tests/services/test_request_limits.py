"""The limits of the requests of an httpx client, against a server that keeps to none."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from time import monotonic

import httpx
import pytest
from raw_server import RawServer, make_answer

from evalgate.services import request_limits
from evalgate.services.request_limits import RequestLimitError, RequestLimits

HEAD = b"HTTP/1.1 200 OK\r\n"


def drip(first: bytes, piece: bytes) -> Iterator[bytes]:
    return itertools.chain([first], itertools.repeat(piece))


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 O", b"K"),
        (HEAD, b"X: y\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"\r\n{", b" "),
        (HEAD + b"Content-Length: 9999\r\n\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
)
def test_a_request_ends_in_time_in_whatever_part_of_its_answer(pieces: tuple[bytes, bytes]) -> None:
    limits = RequestLimits(0.6)
    with RawServer(lambda head: drip(*pieces), pause=0.05) as server, limits.open_client() as client:
        start = monotonic()
        with pytest.raises(httpx.ReadTimeout), limits.hold():
            client.get(server.url)
        assert 0.5 < monotonic() - start < 3


def test_a_client_is_of_use_after_a_request_that_took_too_long() -> None:
    def answer(head: bytes) -> Iterable[bytes]:
        return drip(HEAD, b"X: y\r\n") if b"/slow" in head else [make_answer(b"{}")]

    limits = RequestLimits(0.4)
    with RawServer(answer, pause=0.05) as server, limits.open_client() as client:
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout), limits.hold():
                client.get(f"{server.url}/slow")
            with limits.hold():
                assert client.get(server.url).json() == {}


def test_all_requests_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "TOTAL_SECONDS", 0.5)
    limits = RequestLimits(10)
    with RawServer(lambda head: drip(HEAD, b"X: y\r\n"), pause=0.05) as server, limits.open_client() as client:
        start = monotonic()
        with pytest.raises(httpx.ReadTimeout), limits.hold():
            client.get(server.url)
        assert monotonic() - start < 3
        with pytest.raises(RequestLimitError, match="all requests together"), limits.hold():
            client.get(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize("asked", ["99999999", "61"])
def test_a_long_pause_is_not_waited_for(asked: str) -> None:
    limits = RequestLimits(5)
    answer = make_answer(b"{}", status="429 Too Many", headers=[f"Retry-After: {asked}"])
    told = pytest.raises(RequestLimitError, match="answered 429, and asks to wait")
    with RawServer(lambda head: [answer]) as server, limits.open_client() as client, told, limits.hold():
        client.get(server.url)


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        (["Retry-After: 7"], "7"),
        (["Retry-After: 0"], None),
        (["Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"], None),
        (["Retry-After: " + "9" * 400], None),
        (["Retry-After-Ms: 99999999"], None),
        (["X-RateLimit-Reset: 99999999999"], None),
    ],
)
def test_a_client_is_shown_a_short_pause_alone(headers: list[str], left: str | None) -> None:
    limits = RequestLimits(5)
    answer = make_answer(b"{}", status="503 X", headers=headers)
    with RawServer(lambda head: [answer]) as server, limits.open_client() as client, limits.hold():
        shown = client.get(server.url).headers
    assert shown.get("retry-after") == left
    assert "retry-after-ms" not in shown and "x-ratelimit-reset" not in shown


def test_all_pauses_together_have_a_limit() -> None:
    limits = RequestLimits(5)
    answer = make_answer(b"{}", status="503 X", headers=["Retry-After: 50"])
    with RawServer(lambda head: [answer]) as server, limits.open_client() as client:
        for _ in range(2):
            with limits.hold():
                assert client.get(server.url).status_code == 503
        with pytest.raises(RequestLimitError, match="again and again"), limits.hold():
            client.get(server.url)


def test_an_answer_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "LARGEST_ANSWER", 1000)
    for size in (1000, 1001):
        limits = RequestLimits(5)
        with RawServer(lambda head, size=size: [make_answer(b"x" * size)]) as server, limits.open_client() as client:
            if size == 1000:
                assert len(client.get(server.url).content) == size
            else:
                with pytest.raises(RequestLimitError, match="more than 1,000 bytes"), limits.hold():
                    client.get(server.url)


def test_a_compressed_answer_is_refused_unread() -> None:
    limits = RequestLimits(5)
    answer = make_answer(b"x", headers=["Content-Encoding: gzip"])
    told = pytest.raises(RequestLimitError, match="compressed")
    with RawServer(lambda head: [answer]) as server, limits.open_client() as client, told, limits.hold():
        client.get(server.url)
    assert b"accept-encoding: identity" in server.requests[0].lower()
