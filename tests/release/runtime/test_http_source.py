from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from email.message import Message
from io import BytesIO
from urllib.request import Request

import pytest
from release.document_server import DocumentServer, serve_documents
from release.redis_server import find_port

from evalgate.release.runtime import http_source
from evalgate.release.runtime.http_source import Headers
from evalgate.release.runtime.prompt_error import PromptError, SourceError
from evalgate.release.runtime.sources import open_source


@pytest.fixture
def server() -> Iterator[DocumentServer]:
    with serve_documents() as made:
        yield made


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/releases/", "/releases/a%2Fb.json"),
        ("/releases", "/releases/a%2Fb.json"),
        ("/releases?ref=x", "/releases/a%2Fb.json?ref=x"),
        ("/raw/{name}.json?ref=x", "/raw/a%2Fb.json?ref=x"),
    ],
)
def test_the_name_goes_into_the_url(base: str, path: str, server: DocumentServer) -> None:
    server.files[path] = b"one"
    assert open_source(server.url + base).read("a/b") == b"one"


def test_a_document_that_has_not_changed_is_not_sent_again(server: DocumentServer) -> None:
    server.files["/support.json"] = b"one"
    source = open_source(server.url)
    assert [source.read("support"), source.read("support")] == [b"one", b"one"]
    server.files["/support.json"] = b"two"
    assert [source.read("support"), source.read("support")] == [b"two", b"two"]
    assert server.statuses == [200, 304, 200, 304]


def test_headers_are_sent_and_may_change(server: DocumentServer) -> None:
    server.files["/support.json"] = b"one"
    tokens = iter(("a", "b"))
    source = open_source(server.url, headers=lambda: {"Authorization": f"Bearer {next(tokens)}"})
    source.read("support")
    source.read("support")
    open_source(server.url, headers={"Accept": "application/vnd.github.raw+json"}).read("support")
    assert [headers.get("Authorization") for _, headers in server.requests] == ["Bearer a", "Bearer b", None]
    assert server.requests[2][1]["Accept"] == "application/vnd.github.raw+json"


@pytest.mark.parametrize(
    ("status", "problem"),
    [(404, "answered 404; check the URL"), (401, r"answered 401; hand a token in"), (500, "answered 500$")],
)
def test_a_failure_is_told_without_secrets(status: int, problem: str, server: DocumentServer) -> None:
    server.status = status
    with pytest.raises(SourceError, match=problem) as caught:
        open_source(f"{server.url}/x?token=secret", headers={"Authorization": "secret"}).read("support")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("headers", [None, {"Authorization": "secret"}])
def test_headers_never_follow_a_redirect_to_another_origin(headers: Headers | None, server: DocumentServer) -> None:
    with serve_documents() as other:
        other.files["/there.json"] = b"there"
        server.files["/here.json"] = b"here"
        server.redirects = {"/a.json": f"{other.url}/there.json", "/b.json": "/here.json", "/c.json": "file:///etc/x"}
        source = open_source(server.url, headers=headers)
        assert source.read("b") == b"here"
        if headers is None:
            assert source.read("a") == b"there"
        else:
            with pytest.raises(SourceError, match=r"redirects to .*, which is not asked; name the final address"):
                source.read("a")
            assert other.requests == []
        with pytest.raises(SourceError):
            source.read("c")


@pytest.mark.parametrize(
    ("before", "after", "follows"),
    [
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://b.example/x", True),
        ("http://a.example/x", "https://a.example/x", True),
        ("http://a.example/x", "ftp://a.example/x", False),
    ],
)
def test_a_redirect_never_leaves_encryption_or_http(before: str, after: str, follows: bool) -> None:
    handler = http_source._SameOrigin(strict=False)
    arguments = (Request(before), BytesIO(), 302, "Found", Message(), after)
    if follows:
        found = handler.redirect_request(*arguments)
        assert found is not None and found.full_url == after
    else:
        with pytest.raises(SourceError, match="which is not asked"):
            handler.redirect_request(*arguments)


def test_a_body_that_is_too_large_or_cut_short_is_refused(
    server: DocumentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/support.json"] = b"x" * 1000
    server.cut = 1
    with pytest.raises(SourceError, match=r"before the end|IncompleteRead"):
        open_source(server.url).read("support")
    server.cut = 0
    monkeypatch.setattr(http_source, "LARGEST", 999)
    with pytest.raises(SourceError, match="more than a document may have"):
        open_source(server.url).read("support")


def test_a_server_that_is_silent_or_slow_is_left(server: DocumentServer) -> None:
    server.files["/support.json"] = b"x"
    server.delay = 1.0
    began = time.monotonic()
    with pytest.raises(SourceError, match=r"cannot be reached: .*timed out"):
        open_source(server.url, timeout=0.1).read("support")
    with socket.socket() as slow:
        slow.bind(("127.0.0.1", 0))
        slow.listen()

        def drip() -> None:
            connection, _ = slow.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                try:
                    for _ in range(100):
                        connection.sendall(b"x")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(SourceError, match="too slowly"):
            open_source(f"http://127.0.0.1:{slow.getsockname()[1]}", timeout=0.3).read("support")
        thread.join()
    assert time.monotonic() - began < 3


def test_a_port_without_a_server_and_a_wrong_header_are_named() -> None:
    with pytest.raises(SourceError, match=r"cannot be reached: .*refused"):
        open_source(f"http://127.0.0.1:{find_port()}").read("support")
    with pytest.raises(SourceError, match="cannot be reached: a header has characters that cannot be sent"):
        open_source("http://127.0.0.1:9", headers={"A": "b\r\nc"}).read("support")


@pytest.mark.parametrize("url", ["https://user:pass@example.com/x", "https://", "https://a/b#c"])
def test_a_url_with_a_password_or_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(PromptError, match="hand a token in with headers=") as caught:
        open_source(url)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://[bad/x?token=s3cret", "https://a]/x?token=s3cret", "https://a\uff0f/s3cret"])
def test_a_url_that_is_none_is_an_error_of_the_runtime(url: str) -> None:
    with pytest.raises(PromptError, match="the URL of the registry is not one") as refused:
        open_source(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(("url", "headers"), [
    ("http://127.0.0.1:1/r?token=s3cret", None),
    ("http://127.0.0.1:1/r a?token=s3cret", None),
    ("http://127.0.0.1:1/r", {"Authorization": "s3cret\n"}),
])  # fmt: skip
def test_no_error_has_a_token(url: str, headers: dict[str, str] | None) -> None:
    with pytest.raises(SourceError, match="cannot be reached: ") as refused:
        open_source(url, headers=headers, timeout=1).read("support")
    assert "s3cret" not in str(refused.value)
