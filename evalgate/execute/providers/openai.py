"""An OpenAI-compatible chat endpoint as a provider."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from evalgate.domain import Failure, Outcome, Prices, Request, Target
from evalgate.errors import InputError, MissingSecretError
from evalgate.execute.providers import chat_completions, refusals
from evalgate.execute.providers.completion_stream import USAGE_OPTION, CompletionStream, StreamError
from evalgate.execute.providers.endpoint import CHAT, Endpoint, make_endpoint
from evalgate.execute.providers.http import HttpClient, HttpError, HttpResponse
from evalgate.execute.providers.protocol import Headroom, Memory, ProviderError
from evalgate.mask import Mask, find_url_secrets

if TYPE_CHECKING:
    import ssl

_PROBE_SECONDS = 4.0


class OpenAIProvider:
    """An OpenAI-compatible chat endpoint, or an Azure endpoint.

    The module `endpoint` makes its URLs and headers; `chat_completions` writes requests and reads replies.

    `timeout` is the seconds for one whole answer, unless the target has its own. `headers` are the values of the
    target's headers, by name. `base_url` replaces the target's (for the embedded model's server), and `served_by`
    replaces the model name that the endpoint reports. No environment variable is read, except for a proxy. The
    connections belong to the event loop of the first call. Raise MissingSecretError when the target names an
    environment variable and `api_key` is empty, or a header has no value in `headers`; InputError when one of them has
    invalid characters.
    """

    def __init__(
        self,
        target: Target,
        api_key: str | None,
        timeout: float,
        *,
        headers: Mapping[str, str] | None = None,
        base_url: str | None = None,
        served_by: str | None = None,
        concurrency: int | None = None,
        mask: Mask | None = None,
    ) -> None:
        self._target = target
        self._key = _require_valid_key(target, api_key)
        self._own_headers = {name: _require_valid_value(target, name, headers or {}) for name in target.headers}
        # texts are cut here, and a part of a secret can no longer be found: the mask has all secrets of a run
        self._mask = mask or Mask([self._key, *self._own_headers.values(), *find_url_secrets(target.location)])
        self._timeout = timeout if target.timeout is None else target.timeout
        self._usage_in_stream = True
        self._url = base_url or target.location
        self._served_by = served_by
        self._prices = target.prices or (Prices(input=0.0, output=0.0) if target.kind == "local" else None)
        self._endpoints: dict[str, Endpoint] = {}
        self._preparing = asyncio.Lock()
        self._http: HttpClient | None = None
        self.memory: Final[Memory] = "cache"
        self.concurrency: Final = concurrency
        self._on_headroom: Callable[[Headroom], None] = lambda headroom: None
        self._path = CHAT
        self._streams = target.stream

    async def answer(self, request: Request) -> Outcome:
        """Make one call. Raise ProviderError, which never contains the key."""
        model = request.model or self._target.model
        if not model:
            hint = "give the target, the prompt or the judge a `model`"
            raise ProviderError(f"{self._describe()}: no model is named for {request.about}", fatal=True, hint=hint)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                endpoint = self._endpoints.get(model) or await self._find_endpoint(model)
                client = self._http or self._open()
                reply = CompletionStream() if self._streams else None
                answered = await self._send(client, endpoint, request, model, reply)
                if reply is not None and self._learn_from(answered):
                    answered = await self._send(client, endpoint, request, model, reply)
        except StreamError as error:
            raise ProviderError(f"{self._describe()} sent a malformed reply: {error}", retryable=True) from error
        except TimeoutError as error:
            setting = "run.timeout" if self._target.timeout is None else "timeout"
            message = f"{self._describe()} is slow: it did not answer within {self._timeout:g} s (`{setting}`)"
            hint = f"raise `{setting}`, or lower `run.concurrency`"
            raise ProviderError(message, retryable=True, slow=True, hint=hint) from error
        except HttpError as error:
            raise self._explain_http_error(error) from error
        headroom = chat_completions.read_headroom(answered.headers)
        if headroom is not None:
            self._on_headroom(headroom)
        if answered.status != 200:
            return self._explain_refusal(answered.status, self._read_error(answered), answered.headers, request, model)
        try:
            if reply is not None and reply.is_stream:
                data = self._mask.value(reply.build_completion())
            else:
                data = self._read(answered.content)
        except (chat_completions.DeepReplyError, StreamError) as error:
            raise ProviderError(f"{self._describe()} sent a malformed reply: {error}", retryable=True) from error
        except ValueError as error:
            message = f"{self._describe()} sent a malformed reply, which is not JSON"
            said = self._clean(answered.text)[:80]
            raise ProviderError(message, said=f": {said}", retryable=True) from error
        status = chat_completions.read_error_status(data)
        if status is not None:
            return self._explain_refusal(status, data, answered.headers, request, model)
        return self._read_reply(data, request, time.perf_counter() - started)

    def _make_body(self, request: Request, model: str) -> dict[str, Any]:
        return chat_completions.make_body(request, model)

    def _read_reply(self, data: Any, request: Request, seconds: float) -> Outcome:
        return chat_completions.read_reply(
            data, seconds=seconds, scale=request.scale, prices=self._prices, served_by=self._served_by
        )

    async def _send(
        self, client: HttpClient, endpoint: Endpoint, request: Request, model: str, reply: CompletionStream | None
    ) -> HttpResponse:
        body = self._make_body(request, model)
        if reply is None:
            return await client.send("POST", endpoint.url, endpoint.headers, chat_completions.encode(body))
        body["stream"] = True
        if self._usage_in_stream:
            body["stream_options"] = USAGE_OPTION
        return await client.send("POST", endpoint.url, endpoint.headers, chat_completions.encode(body), reply.feed)

    def _learn_from(self, answered: HttpResponse) -> bool:
        """Return True if the endpoint refuses `stream_options`, which is not sent again."""
        refused = answered.status in (400, 422) and b"stream_options" in answered.content
        if refused and self._usage_in_stream:
            self._usage_in_stream = False
            return True
        return False

    def listen(self, told: Callable[[Headroom], None]) -> None:
        self._on_headroom = told

    async def is_there(self) -> bool:
        """Return True if the endpoint answers `GET /models` with any response.

        An endpoint with its own concurrency (the embedded model's server) may be busy: for it, return True without a
        ping.
        """
        if self._http is None or not self._endpoints or self.concurrency is not None:
            return True
        endpoint = next(iter(self._endpoints.values()))
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._http.send("GET", endpoint.models, endpoint.headers)
        except (TimeoutError, HttpError):
            return False
        return True

    async def aclose(self) -> None:
        client, self._http = self._http, None
        if client is not None:
            await client.aclose()

    def _open(self) -> HttpClient:
        outside = not is_loopback(self._url)
        self._http = HttpClient(
            self._url,
            proxied=outside,  # a proxy is for remote hosts, not for loopback
            tls=_make_tls_context() if urlsplit(self._url).scheme == "https" else None,
        )
        return self._http

    async def _find_endpoint(self, model: str) -> Endpoint:
        async with self._preparing:  # the first calls come at the same time
            if model not in self._endpoints:
                try:
                    self._endpoints[model] = await make_endpoint(
                        self._url,
                        self._key,
                        model,
                        headers=self._own_headers,
                        azure_version=self._target.azure_version,
                        path=self._path,
                    )
                except ValueError as error:
                    message = f"cannot connect to {self._describe()}: {self._clean(str(error))}"
                    raise ProviderError(message, fatal=True, hint="check `base_url`") from error
            return self._endpoints[model]

    def _read_error(self, answered: HttpResponse) -> Any:
        try:
            return self._read(answered.content)
        except ValueError:
            return self._mask.text(answered.text)

    def _explain_refusal(
        self, status: int, content: Any, headers: Mapping[str, str], request: Request, model: str
    ) -> Outcome:
        if refusals.is_filtered(status, content):
            return Failure(kind="unusable", message="the endpoint's content filter refused the request")
        raise self._explain_status(status, content, headers, model=model, request=request)

    def _explain_status(
        self, status: int, content: Any, headers: Mapping[str, str], *, model: str, request: Request | None
    ) -> ProviderError:
        """Return the error for a status; `content` is the body without the key."""
        variable = self._target.api_key_env
        explained = refusals.explain_status(
            status,
            content,
            headers,
            who=self._describe(),
            model=model,
            key=f"the key in {variable}" if variable else "a request without a key (the target has no api_key_env)",
            request=request,
            startup_timeout=self._target.startup_timeout,
        )
        explained.message = self._clean(explained.message, limit=600)
        explained.own = self._clean(explained.own, limit=600)
        return explained

    def _explain_http_error(self, error: HttpError) -> ProviderError:
        """Return the ProviderError for a failed exchange.

        It is `unreachable` only without a connection: a broken connection may concern this request alone.
        """
        reason = self._clean(error.reason)
        if error.refused:
            return ProviderError(f"{self._describe()}: {reason}")
        if error.connected:
            return ProviderError(f"the connection to {self._describe()} broke: {reason}", retryable=True)
        return ProviderError(
            f"cannot connect to {self._describe()}: {reason}",
            retryable=True,
            unreachable=True,
            hint="check `base_url`, and that the server runs",
        )

    def _describe(self) -> str:
        return f'target "{self._target.name}" ({_strip_secrets(self._url)})'

    def _read(self, content: str | bytes) -> Any:
        """Return the JSON of a reply without the key, which is masked before any text is cut. Raise ValueError."""
        return self._mask.value(chat_completions.decode(content.encode() if isinstance(content, str) else content))

    def _clean(self, text: str, limit: int = 300) -> str:
        return chat_completions.shorten(self._mask.text(text), limit)


def _make_tls_context() -> ssl.SSLContext:
    import httpx2  # it finds the certificates

    return httpx2.create_ssl_context()


def _require_valid_key(target: Target, api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    variable = target.api_key_env
    if variable and not key:
        raise MissingSecretError(
            f'target "{target.name}": the environment variable {variable} is not set',
            hint=f"set {variable} to the key, or remove `api_key_env` if the endpoint needs no key",
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f'target "{target.name}": {variable} contains characters that no key can have')
    return key or None


def _require_valid_value(target: Target, name: str, headers: Mapping[str, str]) -> str:
    variable, value = target.headers[name], headers.get(name, "").strip()
    if not value:
        raise MissingSecretError(
            f'target "{target.name}": the environment variable {variable} is not set',
            hint=f"set {variable} to the value of the header {name}, or remove the header",
        )
    if not (value.isascii() and value.isprintable()):
        raise InputError(f'target "{target.name}": {variable} contains characters that no header can have')
    return value


def is_loopback(url: str) -> bool:
    """Return True if a URL points to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _strip_secrets(url: str) -> str:
    """Return a URL without its parts that may be secret: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
