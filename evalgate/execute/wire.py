"""HTTP as a model call needs it: one POST, one whole answer, over connections that stay open. Owns aiohttp.

aiohttp, because a call over httpx2 costs this process five times the CPU, and with many calls at once that is time.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl


_CONNECT_SECONDS = 15.0
_IDLE_SECONDS = 30.0  # shorter than servers keep theirs: a connection that is closing is not taken for the next call


@dataclass(frozen=True, slots=True)
class Answered:
    """A complete HTTP response; header names in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class WireError(Exception):
    """No complete response came. `connected`: whether there was a connection at all that could break."""

    def __init__(self, reason: str, *, connected: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.connected = connected


class Wire:
    """Connections to one server, as many as there are calls at once; it lives in the loop that first sends.

    `proxied`: whether a proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY) is used.
    `tls` makes the TLS context, once, when the URL asks for one.
    """

    def __init__(self, url: str, *, proxied: bool, tls: ssl.SSLContext | None) -> None:
        import aiohttp

        self._proxy = _proxy(url) if proxied else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=tls or True, keepalive_timeout=_IDLE_SECONDS, ttl_dns_cache=60, enable_cleanup_closed=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            skip_auto_headers=("User-Agent",),
        )

    async def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Answered:
        """One exchange. Raises WireError; TimeoutErrors of the caller pass through."""
        import aiohttp
        import yarl

        try:
            # the URL is sent as it is given: what is quoted in it is quoted already
            to = yarl.URL(url, encoded=True)
            async with self._session.request(method, to, data=content, headers=headers, proxy=self._proxy) as response:
                return Answered(response.status, response.headers, await response.read())
        except aiohttp.ConnectionTimeoutError as error:
            raise WireError(f"no connection within {_CONNECT_SECONDS:g} s", connected=False) from error
        except aiohttp.ClientConnectorError as error:
            raise WireError(_reason(error.os_error), connected=False) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise WireError(_reason(error), connected=True) from error

    async def aclose(self) -> None:
        await self._session.close()


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL, as curl reads it; None: there is none."""
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return found if "://" in found else f"http://{found}"
