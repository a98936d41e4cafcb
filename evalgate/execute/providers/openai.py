"""An OpenAI-compatible chat endpoint as a provider."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from evalgate.domain import Failure, Outcome, Prices, Request, Target
from evalgate.domain.masking import Mask
from evalgate.errors import InputError, MissingSecretError
from evalgate.execute.providers import chat_completions
from evalgate.execute.providers.endpoint import Endpoint, make_endpoint
from evalgate.execute.providers.http import HttpClient, HttpError, HttpResponse
from evalgate.execute.providers.protocol import Headroom, Memory, ProviderError

if TYPE_CHECKING:
    import ssl

_PROBE_SECONDS = 4.0


class OpenAIProvider:
    """An OpenAI-compatible chat endpoint, or Azure's.

    `endpoint` says where and how to call it, `chat_completions` what is sent and read.

    `timeout` is seconds for one whole answer. `base_url` stands in for the target's (the embedded model's server), and
    `served_by` for what the endpoint would say of itself. Nothing but the arguments steers it, no environment variable.
    The connections belong to the loop that first asks. Raises InputError when the target names an
    environment variable that held no usable key (`api_key`).
    """

    def __init__(
        self,
        target: Target,
        api_key: str | None,
        timeout: float,
        *,
        base_url: str | None = None,
        served_by: str | None = None,
        concurrency: int | None = None,
    ) -> None:
        self._target = target
        self._key = _require_valid_key(target, api_key)
        self._mask = Mask([self._key])
        self._timeout = timeout
        self._url = base_url or target.location
        self._served_by = served_by
        self._prices = target.prices or (Prices(input=0.0, output=0.0) if target.kind == "local" else None)
        self._endpoints: dict[str, Endpoint] = {}
        self._preparing = asyncio.Lock()
        self._http: HttpClient | None = None
        self.memory: Final[Memory] = "cache"
        self.concurrency: Final = concurrency
        self._told: Callable[[Headroom], None] = lambda headroom: None

    async def answer(self, request: Request) -> Outcome:
        """One call. Raises ProviderError, which never holds the key."""
        model = request.model or self._target.model
        if not model:
            hint = "give the target, the prompt or the judge a `model`"
            raise ProviderError(f"{self._who()}: no model is named for {request.about}", fatal=True, hint=hint)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                endpoint = self._endpoints.get(model) or await self._find_endpoint(model)
                client = self._http or self._open()
                content = chat_completions.encode(chat_completions.make_body(request, model))
                answered = await client.send("POST", endpoint.url, endpoint.headers, content)
        except TimeoutError as error:
            raise ProviderError(f"{self._who()} did not answer within {self._timeout:g} s", retryable=True) from error
        except HttpError as error:
            raise self._explain_no_answer(error) from error
        headroom = chat_completions.read_headroom(answered.headers)
        if headroom is not None:
            self._told(headroom)
        if answered.status != 200:
            return self._explain_refusal(answered, request, model)
        try:
            data = self._read(answered.content)
        except chat_completions.DeepReplyError as error:
            raise ProviderError(f"{self._who()} sent a malformed reply: {error}", retryable=True) from error
        except ValueError as error:
            message, said = f"{self._who()} sent a malformed reply, which is no JSON", self._clean(answered.text)[:80]
            raise ProviderError(message, said=f": {said}", retryable=True) from error
        return chat_completions.read_reply(
            data,
            seconds=time.perf_counter() - started,
            scale=request.scale,
            prices=self._prices,
            served_by=self._served_by,
        )

    def listen(self, told: Callable[[Headroom], None]) -> None:
        self._told = told

    async def is_there(self) -> bool:
        """Whether the endpoint answers `GET /models` with anything at all.

        Where one thing is asked at a time (the embedded model's server, in this process), it may be busy with it.
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
            proxied=outside,  # a proxy of the environment leads out to the world, never back to this machine
            tls=_make_tls_context() if urlsplit(self._url).scheme == "https" else None,
        )
        return self._http

    async def _find_endpoint(self, model: str) -> Endpoint:
        async with self._preparing:  # the first calls come all at once
            if model not in self._endpoints:
                try:
                    self._endpoints[model] = await make_endpoint(self._url, self._key, model)
                except ValueError as error:
                    message = f"cannot connect to {self._who()}: {self._clean(str(error))}"
                    raise ProviderError(message, fatal=True, hint="check `base_url`") from error
            return self._endpoints[model]

    def _explain_refusal(self, answered: HttpResponse, request: Request, model: str) -> Outcome:
        try:
            content = self._read(answered.content)
        except ValueError:
            content = self._mask.text(answered.text)
        if chat_completions.is_filtered(answered.status, content):
            return Failure(kind="unusable", message="the endpoint's content filter refused the request")
        variable = self._target.api_key_env
        explained = chat_completions.explain_status(
            answered.status,
            content,
            answered.headers,
            who=self._who(),
            model=model,
            key=f"the key in {variable}" if variable else "a request without a key (the target has no api_key_env)",
            scored=request.scale is not None,
        )
        explained.message = self._clean(explained.message, limit=600)
        explained.own = self._clean(explained.own, limit=600)
        raise explained

    def _explain_no_answer(self, error: HttpError) -> ProviderError:
        """`unreachable` only where no connection came about; one that broke may have been this request's bad luck."""
        reason = self._clean(error.reason)
        if error.refused:
            return ProviderError(f"{self._who()}: {reason}")
        if error.connected:
            return ProviderError(f"the connection to {self._who()} broke: {reason}", retryable=True)
        return ProviderError(
            f"cannot connect to {self._who()}: {reason}",
            retryable=True,
            unreachable=True,
            hint="check `base_url`, and that the server runs",
        )

    def _who(self) -> str:
        return f'target "{self._target.name}" ({_strip_secrets(self._url)})'

    def _read(self, content: str | bytes) -> Any:
        """What the endpoint said as JSON, without the key: masked before any text of it is cut. Raises ValueError."""
        return self._mask.value(chat_completions.decode(content.encode() if isinstance(content, str) else content))

    def _clean(self, text: str, limit: int = 300) -> str:
        return chat_completions.shorten(self._mask.text(text), limit)


def _make_tls_context() -> ssl.SSLContext:
    import httpx2  # knows where the certificates are

    return httpx2.create_ssl_context()


def _require_valid_key(target: Target, api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    variable = target.api_key_env
    if variable and not key:
        raise MissingSecretError(
            f'target "{target.name}": the environment variable {variable} is not set',
            hint=f"set {variable} to the key; an endpoint that needs none has no api_key_env",
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f'target "{target.name}": {variable} holds characters that no key has')
    return key or None


def is_loopback(url: str) -> bool:
    """Whether a URL leads back to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _strip_secrets(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
