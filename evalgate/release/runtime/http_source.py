"""Release documents over HTTP: raw files of a git host, a static server, or an endpoint of your own."""

from __future__ import annotations

import contextlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from time import monotonic
from typing import IO, Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from evalgate.release.checked_value import LARGEST
from evalgate.release.runtime.file_names import make_file_name
from evalgate.release.runtime.prompt_error import PromptError, SourceError, hide_secrets, make_printable
from evalgate.release.runtime.timed_connection import TimedHttpHandler, TimedHttpsHandler, TimedRequest

_CHUNK = 64 * 1024

Headers: TypeAlias = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""Headers of requests, or a function that returns them for each request, such as one that renews a token."""


class HttpSource:
    """Documents at a base URL, as `BASE/NAME.json`, or at a URL that has `{name}` in it.

    A document that has not changed is not sent again (ETag). A request ends after `timeout` seconds, also if the server
    sends slowly or redirects. Nothing is sent to another origin than that of the URL, if there are headers.
    """

    def __init__(self, url: str, *, headers: Headers | None, timeout: float) -> None:
        self._url = url
        self._known: dict[str, tuple[str, bytes]] = {}
        self._fetcher = Fetcher(url, headers=headers, timeout=timeout)

    def read(self, name: str) -> bytes:
        known = self._known.get(name)
        found = self._fetcher.fetch(_fill(self._url, name), tag=None if known is None else known[0])
        if found is None:
            assert known is not None
            return known[1]
        data, tag = found
        if tag:
            self._known[name] = (tag, data)
        return data

    def list_names(self) -> list[str]:
        raise SourceError(f"{_name_place(self._url)}: prompts cannot be listed by HTTP", hint="give their names")


class NotThereError(SourceError):
    """A server says that it has nothing at an address."""


class Fetcher:
    """Fetches addresses of one origin with the same headers."""

    def __init__(self, url: str, *, headers: Headers | None, timeout: float) -> None:
        """`url` is any address of the origin. Raises PromptError for one with a user or a fragment."""
        try:
            parts = urlsplit(url)
        except ValueError:  # a bracket without its other one, for example
            raise PromptError("the URL of the registry is not one", hint="write https://HOST/PATH") from None
        if not parts.hostname or parts.username is not None or parts.fragment:
            raise PromptError(
                f"{_name_place(url)}: a registry's URL has a host, and neither a user nor a fragment",
                hint="hand a token in with headers={...}",
            )
        self._headers = headers
        self._timeout = timeout
        self._opener = urllib.request.build_opener(
            _SameOrigin(strict=headers is not None), TimedHttpHandler, TimedHttpsHandler
        )

    def fetch(self, url: str, *, tag: str | None = None) -> tuple[bytes, str | None] | None:
        """Return the body and its ETag; None if the body with the ETag `tag` has not changed. Raises SourceError."""
        given = self._headers() if callable(self._headers) else self._headers or {}
        headers = {"User-Agent": "evalgate", "Accept": "application/json, */*;q=0.1", **given}
        if tag is not None:
            headers["If-None-Match"] = tag
        try:
            request = TimedRequest(url, headers=headers)
            request.deadline = deadline = monotonic() + self._timeout
            with self._opener.open(request, timeout=self._timeout) as response:
                if response.status != 200:
                    raise SourceError(f"{_name_place(url)} answered {response.status}")
                return _read_all(response, url, deadline), response.headers.get("ETag")
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):  # that of too many redirects is closed already
                if error.code == 304 and tag is not None:
                    return None
                kind = NotThereError if error.code == 404 else SourceError
                raise kind(f"{_name_place(url)} answered {error.code}", hint=_advise(error.code)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # what the server sends may be quoted
            described = hide_secrets(str(_describe(error)), [*given.values(), *_list_values(url)])
            raise SourceError(f"{_name_place(url)} cannot be reached: {make_printable(described)}") from None


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follow redirects within the origin; to another one only without headers, and never from https to http."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def _hide(self, request: urllib.request.Request, address: str) -> str:
        return hide_secrets(_name_place(address), [*request.headers.values(), *_list_values(request.full_url)])

    def redirect_request(  # noqa: PLR0917 (the signature of the standard library)
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        fp.close()  # else the caller reads all of the body, however long it is
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        moved = (before.scheme, before.netloc) != (after.scheme, after.netloc)
        lowered = before.scheme == "https" and after.scheme != "https"
        if lowered or (moved and self._strict) or after.scheme not in ("http", "https"):
            raise SourceError(
                f"{_name_place(req.full_url)} redirects to {self._hide(req, newurl)}, which is not asked",
                hint="name the final address, if it is the right one",
            )
        made = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if made is None or not isinstance(req, TimedRequest):
            return made
        again = TimedRequest(made.full_url, headers=made.headers, unverifiable=True)
        again.deadline = req.deadline
        return again


def _fill(url: str, name: str) -> str:
    file_name = make_file_name(name)
    if "{name}" in url:
        return url.replace("{name}", file_name.removesuffix(".json"))
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{file_name}"))


def _read_all(response: Any, url: str, deadline: float) -> bytes:
    """Return the body. Raises SourceError for one that is too large, cut short or slow."""
    chunks: list[bytes] = []
    size = 0
    # read1 returns what there is, so that a server that sends a byte a second does not hold the loop in one read
    while chunk := response.read1(_CHUNK):
        size += len(chunk)
        chunks.append(chunk)
        if size > LARGEST:
            raise SourceError(f"{_name_place(url)} sends more than a document may have ({LARGEST:,} bytes)")
        if monotonic() > deadline:
            raise SourceError(f"{_name_place(url)} sends too slowly")
    if response.length:
        raise SourceError(f"{_name_place(url)} ended after {size:,} bytes, before the end of the document")
    return b"".join(chunks)


def _name_place(url: str) -> str:
    """Return a URL without what may be a secret: its user and its query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return make_printable(urlunsplit((parts.scheme, host, parts.path, "", "")))


def _list_values(url: str) -> list[str]:
    return [value for _, value in parse_qsl(urlsplit(url).query)]


def _describe(error: Exception) -> object:
    """Return why a request failed, without the address and the headers, which may have tokens."""
    if isinstance(error, http.client.InvalidURL):
        return "the URL has characters that must be encoded"
    if isinstance(error, OSError | http.client.HTTPException):
        # URLError is an OSError, and so is a time-out
        return getattr(error, "reason", None) or str(error) or type(error).__name__
    return "a header has characters that cannot be sent"


def _advise(code: int) -> str:
    if code in (401, 403):
        return "hand a token in with headers={...}"
    return "check the URL, and whether the prompt was published" if code in (404, 410) else ""
