"""HTTP as a model call needs it: one POST, one whole answer, over connections that stay open. Owns aiohttp.

aiohttp, because a call over httpx2 costs this process five times the CPU, and with many calls at once that is time.
"""

from __future__ import annotations

import urllib.request
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

    import aiohttp

LARGEST_REPLY = 16 * 1024 * 1024
"""Bytes of one reply, unpacked: of a larger one no more is read."""

NO_PROXY_URL = "the proxy that the environment names is no http:// or https:// URL"
"""What is wrong with a proxy; not more of it, since it may hold a password."""

_PACKED = "gzip, deflate"
_OTHER_PACKINGS = ("br", "zstd", "compress", "x-compress", "dcb", "dcz")
_GZIP = b"\x1f\x8b"
_CONNECT_SECONDS = 15.0
_IDLE_SECONDS = 30.0  # shorter than servers keep theirs: a connection that is closing is not taken for the next call


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete HTTP response; header names in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class HttpError(Exception):
    """No complete response came. `connected`: whether there was a connection at all that could break.

    `refused`: a response came and is not taken, so that another one would not be either.
    """

    def __init__(self, reason: str, *, connected: bool, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.connected = connected
        self.refused = refused


class HttpClient:
    """Connections to one server, as many as there are calls at once; it lives in the loop that first sends.

    `proxied`: whether a proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY) is used.
    `tls` makes the TLS context, once, when the URL asks for one.
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
            auto_decompress=False,  # it would unpack a whole piece at a time, however large that becomes
        )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> HttpResponse:
        """One exchange. Raises WireError; TimeoutErrors of the caller pass through."""
        import aiohttp
        import yarl

        if self._proxy is not None and not _is_proxy(self._proxy):
            raise HttpError(NO_PROXY_URL, connected=False)
        try:
            # the URL is sent as it is given: what is quoted in it is quoted already
            to = yarl.URL(url, encoded=True)
            sent = {"Accept-Encoding": _PACKED, **headers}
            async with self._session.request(method, to, data=content, headers=sent, proxy=self._proxy) as response:
                return HttpResponse(response.status, response.headers, await _read_body(response))
        except aiohttp.ConnectionTimeoutError as error:
            raise HttpError(f"no connection within {_CONNECT_SECONDS:g} s", connected=False) from error
        except aiohttp.TooManyRedirects as error:  # its own words show the whole URL, and nothing else
            raise HttpError("it redirects without end", connected=True) from error
        except aiohttp.ClientConnectorError as error:
            raise HttpError(_describe_error(error.os_error), connected=False) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise HttpError(_describe_error(error), connected=True) from error

    async def aclose(self) -> None:
        await self._session.close()


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked piece by piece. Raises WireError when it is too large, or packed as was not asked for."""
    unpack = _Decompressor(response.headers.get("Content-Encoding", ""))
    parts, size = [], 0
    async for piece in response.content.iter_any():
        part = unpack.part(piece, LARGEST_REPLY - size + 1)
        parts.append(part)
        size += len(part)
        if size > LARGEST_REPLY:
            response.close()
            said = f"the reply is larger than {LARGEST_REPLY // (1024 * 1024)} MiB, and no more of it is read"
            raise HttpError(said, connected=True, refused=True)
    if not unpack.ended:
        raise HttpError("the reply ended in the middle of its packed bytes", connected=True)
    return b"".join(parts)


class _Decompressor:
    """Undoes one content encoding, never more at a time than it is asked for."""

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name in _OTHER_PACKINGS or "," in name:
            said = f"the reply is packed as {name[:40]}, which was not asked for"
            raise HttpError(said, connected=True, refused=True)
        self._plain = name not in ("gzip", "x-gzip", "deflate")  # servers write all sorts of things for "not packed"
        self._gzip = "gzip" in name
        self._stream: zlib._Decompress | None = None

    @property
    def ended(self) -> bool:
        """Whether what came is complete."""
        return self._stream is None or self._stream.eof

    def part(self, piece: bytes, most: int) -> bytes:
        """The next bytes unpacked: all there are, or `most` where there are more."""
        if self._plain:
            return piece
        found, size = [], 0
        try:
            while piece and size < most:
                if self._stream is None:
                    self._stream = zlib.decompressobj(self._window(piece))
                elif self._stream.eof:
                    if not (self._gzip and piece.startswith(_GZIP[: len(piece)])):
                        break  # padding
                    self._stream = zlib.decompressobj(self._window(piece))  # gzip allows several in a row
                part = self._stream.decompress(piece, most - size)
                found.append(part)
                size += len(part)
                piece = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        except zlib.error as error:
            raise HttpError(f"the reply is not packed as it says: {error}", connected=True) from error
        return b"".join(found)

    def _window(self, piece: bytes) -> int:
        """What tells zlib the format; "deflate" has a header, which some servers leave out."""
        if self._gzip:
            return zlib.MAX_WBITS | 16
        has_header = piece[0] & 0x0F == zlib.DEFLATED and (len(piece) < 2 or int.from_bytes(piece[:2]) % 31 == 0)
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def _describe_error(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _is_proxy(url: str) -> bool:
    """Whether a URL is that of a proxy that can be used."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _find_proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL, as curl reads it; None: there is none."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return found if "://" in found else f"http://{found}"
