"""A reply is unpacked as far as its limit, and no further, however it is packed and cut into pieces."""

from __future__ import annotations

import asyncio
import gzip
import traceback
import tracemalloc
import zlib

import pytest
from chat_server import ChatServer, Reply
from hypothesis import example, given
from hypothesis import strategies as st
from raw_server import RawServer, make_answer

from evalgate.execute.providers.http import LARGEST_REPLY, HttpClient, HttpError, _Decompressor


def raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS = {
    ("gzip", "one"): gzip.compress,
    ("GZIP", "two"): lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    ("x-gzip", "padded"): lambda data: gzip.compress(data) + b"\0" * 7,
    ("deflate", "zlib"): zlib.compress,
    ("deflate", "raw"): raw,
    ("", "plain"): bytes,
    ("identity", "plain"): bytes,
    ("utf-8", "plain"): bytes,
}


def unpacked(encoding: str, packed: bytes, size: int, most: int = LARGEST_REPLY) -> tuple[bytes, bool]:
    unpacking = _Decompressor(encoding)
    found = b""
    for at in range(0, len(packed), size):
        found += unpacking.part(packed[at : at + size], most - len(found) + 1)
        if len(found) > most:
            break
    return found, unpacking.ended


@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from(sorted(PACKERS)))
@example(b"", 1, ("gzip", "one"))
def test_what_was_packed_comes_back(data: bytes, size: int, how: tuple[str, str]) -> None:
    packed = PACKERS[how](data)
    if how == ("deflate", "raw") and packed[0] & 0x0F == 8 and (size == 1 or int.from_bytes(packed[:2]) % 31 == 0):
        return  # a header by chance: the test cannot tell
    assert unpacked(how[0], packed, size) == (data, True)


@given(st.binary(min_size=1, max_size=300), st.sampled_from([("gzip", "one"), ("deflate", "zlib")]), st.data())
def test_a_reply_that_breaks_off_is_not_complete(data: bytes, how: tuple[str, str], rest: st.DataObject) -> None:
    packed = PACKERS[how](data)
    cut = packed[: rest.draw(st.integers(1, len(packed) - 1))]
    assert not unpacked(how[0], cut, 1000)[1]


@pytest.mark.parametrize("how", [how for how in sorted(PACKERS) if how[1] != "plain"])
def test_no_more_is_unpacked_than_the_limit(how: tuple[str, str]) -> None:
    packed = PACKERS[how](b"a" * 200_000_000)
    tracemalloc.start()
    found, _ = unpacked(how[0], packed, 65_536, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 1_000_001
    assert peak < 8_000_000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate,gzip"])
def test_other_packings_are_refused(encoding: str) -> None:
    with pytest.raises(HttpError, match="not requested") as caught:
        _Decompressor(encoding)
    assert caught.value.refused


def test_what_is_not_packed_as_it_says_is_said() -> None:
    with pytest.raises(HttpError, match="does not match its content encoding"):
        _Decompressor("gzip").part(b"hello, this is no gzip", 1000)


@pytest.mark.parametrize(
    "proxy", ["http://user:hidden@127.0.0.1:port", "foo://user:hidden@x", "socks5://user:hidden@x:1"]
)
def test_a_proxy_that_is_none_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)

    async def send() -> None:
        client = HttpClient("http://example.invalid/v1", proxied=True, tls=None)
        try:
            await client.send("GET", "http://example.invalid/v1", {})
        finally:
            await client.aclose()

    with pytest.raises(HttpError, match="the proxy in the environment is not an http") as told:
        asyncio.run(send())
    assert "hidden" not in str(told.value) and not told.value.connected


@pytest.mark.parametrize("status", [200, 403, 407, 502])
def test_a_proxy_that_opens_no_tunnel_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    async def send() -> None:
        client = HttpClient("https://example.invalid/v1", proxied=True, tls=None)
        try:
            await client.send("GET", "https://example.invalid/v1", {})
        finally:
            await client.aclose()

    monkeypatch.delenv("no_proxy", raising=False)
    with RawServer(lambda head: [make_answer(b"no", status=f"{status} No")]) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:pw-long-or-not@"))
        with pytest.raises(HttpError) as told:
            asyncio.run(send())
    shown = "".join(traceback.format_exception(told.value))
    assert "pw-long-or-not" not in shown
    assert status == 200 or told.value.reason == f"the proxy answered {status} No"


async def post(url: str, **headers: str) -> int:
    client = HttpClient(url, proxied=False, tls=None)
    try:
        return (await client.send("POST", url, headers, b"{}")).status
    finally:
        await client.aclose()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_on_the_same_server_is_followed_with_the_whole_request(chat_server: ChatServer, status: int) -> None:
    chat_server.script = [Reply(status=status, headers={"Location": "completions/"}), Reply(body=b"{}")]
    assert asyncio.run(post(f"{chat_server.url}/chat/completions", Gateway="secret")) == 200
    assert [each.headers["gateway"] for each in chat_server.received] == ["secret", "secret"]
    assert chat_server.received[-1].path.endswith("/chat/completions/")


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/v1", "https://127.0.0.1/", "//127.0.0.2/v1", "http://[::1"])
def test_no_header_follows_a_redirect_to_another_origin(chat_server: ChatServer, location: str) -> None:
    chat_server.script = [Reply(status=307, headers={"Location": location})]
    with pytest.raises(HttpError, match="it redirects to") as caught:
        asyncio.run(post(f"{chat_server.url}/chat/completions", Gateway="secret"))
    assert caught.value.refused
    assert len(chat_server.received) == 1
