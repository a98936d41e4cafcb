"""An HTTP client for model calls: one request, one complete response, over persistent connections.

It uses aiohttp, and no other module does: a call with httpx2 takes five times the CPU time, which limits many
concurrent calls.
"""

from __future__ import annotations

import asyncio
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

    import aiohttp
    import yarl

LARGEST_REPLY = 16 * 1024 * 1024
"""The largest reply in bytes, decompressed; reading stops there."""

NO_PROXY_URL = "the proxy in the environment is not an http:// or https:// URL"
"""The message for a proxy that cannot be used. It does not quote the URL, which may hold a password."""

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 10
_ACCEPTED_ENCODINGS = "gzip, deflate"
_UNSUPPORTED_ENCODINGS = ("br", "zstd", "compress", "x-compress", "dcb", "dcz")
_GZIP = b"\x1f\x8b"
_CONNECT_SECONDS = 15.0
_END_SECONDS = 0.1  # for the end of a body that is complete already
_END_BYTES, _END_READS = 1024, 4
_IDLE_SECONDS = 30.0  # shorter than the timeout of servers: no call uses a connection that the server is closing


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete HTTP response; header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class HttpError(Exception):
    """Raised when there is no complete response.

    `connected`: a connection existed, and broke. `refused`: this client rejected the response, and would reject it
    again.
    """

    def __init__(self, reason: str, *, connected: bool, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.connected = connected
        self.refused = refused


class HttpClient:
    """The connections to one server, one for each concurrent call; it belongs to the event loop of its creation.

    `proxied`: use the proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY). `tls` is the TLS context
    for an https URL.
    """

    def __init__(self, url: str, *, proxied: bool, tls: ssl.SSLContext | None) -> None:
        import aiohttp

        self._proxy = _find_proxy(url) if proxied else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=tls or True, keepalive_timeout=_IDLE_SECONDS, ttl_dns_cache=60, enable_cleanup_closed=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            skip_auto_headers=("User-Agent",),
            auto_decompress=False,  # it would decompress a whole chunk at once, without a limit on the result
        )

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None = None,
        take: Callable[[bytes], bool] | None = None,
    ) -> HttpResponse:
        """Send one request and return the response. Raise HttpError; a TimeoutError of the caller passes through.

        `take` gets each part of a body with status 200 as it arrives, decompressed. If it returns True, the response is
        complete: what the server may still send is not waited for. What it raises passes through.
        """
        import aiohttp
        import yarl

        if self._proxy is not None and not _is_proxy(self._proxy):
            raise HttpError(NO_PROXY_URL, connected=False)
        try:
            # the URL is sent unchanged: it is percent-encoded already
            to = yarl.URL(url, encoded=True)
            sent = {"Accept-Encoding": _ACCEPTED_ENCODINGS, **headers}
            for _ in range(_MAX_REDIRECTS + 1):
                async with self._session.request(
                    method, to, data=content, headers=sent, proxy=self._proxy, allow_redirects=False
                ) as response:
                    if response.status not in _REDIRECTS or "Location" not in response.headers:
                        body = await _read_body(response, take if response.status == 200 else None)
                        return HttpResponse(response.status, response.headers, body)
                    to = _follow(to, response.headers["Location"])
            raise HttpError("too many redirects", connected=True)
        except aiohttp.ConnectionTimeoutError as error:
            raise HttpError(f"no connection within {_CONNECT_SECONDS:g} s", connected=False) from error
        except aiohttp.ClientConnectorError as error:
            raise HttpError(_describe_error(error.os_error), connected=False) from error
        except aiohttp.ClientHttpProxyError as error:  # its text has the URL of the proxy, with the password
            raise HttpError(f"the proxy answered {error.status} {error.message}".strip(), connected=True) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise HttpError(_describe_error(error), connected=True) from error

    async def aclose(self) -> None:
        await self._session.close()


def _follow(origin: yarl.URL, location: str) -> yarl.URL:
    """Return the URL of a redirect. Raise HttpError for another origin: the headers of a request may hold secrets."""
    try:
        to = origin.join(type(origin)(location))
        is_same = to.origin() == origin.origin()
    except ValueError as error:
        raise HttpError("it redirects to something that is not a URL", connected=True, refused=True) from error
    if not is_same:
        where = f"{to.scheme}://{to.host}"
        raise HttpError(f"it redirects to another origin ({where}): check `base_url`", connected=True, refused=True)
    return to


async def _read_body(response: aiohttp.ClientResponse, take: Callable[[bytes], bool] | None) -> bytes:
    """Return the body, decompressed chunk by chunk. Raise HttpError if it is too large or has another encoding."""
    decompressor = _Decompressor(response.headers.get("Content-Encoding", ""))
    parts, size = [], 0
    async for chunk in response.content.iter_any():
        part = decompressor.part(chunk, LARGEST_REPLY - size + 1)
        parts.append(part)
        size += len(part)
        if size > LARGEST_REPLY:
            response.close()
            message = f"the reply is larger than the limit of {LARGEST_REPLY // (1024 * 1024)} MiB"
            raise HttpError(message, connected=True, refused=True)
        if take is not None and take(part):
            await _release(response)
            return b"".join(parts)
    if not decompressor.ended:
        raise HttpError("the reply ended in the middle of its compressed data", connected=True)
    return b"".join(parts)


async def _release(response: aiohttp.ClientResponse) -> None:
    """Read the end of a body that is complete, so that its connection can be used again; else close the connection."""
    import aiohttp

    try:
        async with asyncio.timeout(_END_SECONDS):
            for _ in range(_END_READS):
                if not await response.content.read(_END_BYTES):
                    return
    except (TimeoutError, aiohttp.ClientError, ConnectionError):
        pass
    response.close()


class _Decompressor:
    """A decoder for one content encoding that returns at most the requested number of bytes."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name in _UNSUPPORTED_ENCODINGS or "," in name:
            message = f"the reply has the content encoding {name[:40]}, which was not requested"
            raise HttpError(message, connected=True, refused=True)
        self._plain = name not in ("gzip", "x-gzip", "deflate")  # servers send many names for "not compressed"
        self._gzip = "gzip" in name
        self._stream: zlib._Decompress | None = None

    @property
    def ended(self) -> bool:
        """True if the compressed data is complete."""
        return self._stream is None or self._stream.eof

    def part(self, chunk: bytes, most: int) -> bytes:
        """Decompress a chunk; return at most `most` bytes of it."""
        if self._plain:
            return chunk
        found, size = [], 0
        try:
            while chunk and size < most:
                if self._stream is None:
                    self._stream = zlib.decompressobj(self._find_window_bits(chunk))
                elif self._stream.eof:
                    if not (self._gzip and chunk.startswith(_GZIP[: len(chunk)])):
                        break  # padding
                    # gzip allows several members in a row
                    self._stream = zlib.decompressobj(self._find_window_bits(chunk))
                part = self._stream.decompress(chunk, most - size)
                found.append(part)
                size += len(part)
                chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        except zlib.error as error:
            raise HttpError(f"the reply does not match its content encoding: {error}", connected=True) from error
        return b"".join(found)

    def _find_window_bits(self, chunk: bytes) -> int:
        """Return zlib's `wbits` for the format; some servers send "deflate" without its zlib header."""
        if self._gzip:
            return zlib.MAX_WBITS | 16
        has_header = chunk[0] & 0x0F == zlib.DEFLATED and (len(chunk) < 2 or int.from_bytes(chunk[:2]) % 31 == 0)
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def _describe_error(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _is_proxy(url: str) -> bool:
    """Return whether a URL is that of a proxy that can be used."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _find_proxy(url: str) -> str | None:
    """Return the proxy for a URL from the environment, read as curl does; None if there is none."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return found if "://" in found else f"http://{found}"
