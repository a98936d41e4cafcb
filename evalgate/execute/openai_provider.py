"""An OpenAI-compatible chat endpoint as a provider."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from evalgate.domain import Failure, Outcome, Prices, Request, Target
from evalgate.errors import InputError
from evalgate.execute import chat
from evalgate.execute.protocol import Memory, ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CONNECT_SECONDS = 15.0


class OpenAIProvider:
    """An OpenAI-compatible chat endpoint, through the `openai` package.

    `timeout` is seconds for one whole answer. `base_url` stands in for the target's (the embedded model's server), and
    `served_by` for what the endpoint would say of itself. Nothing but the arguments steers it, no environment variable.
    The client is made at the first request, in the loop that asks. Raises InputError when the target names an
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
        self._key = _checked_key(target, api_key)
        self._timeout = timeout
        self._url = base_url or target.location
        self._served_by = served_by
        self._prices = target.prices or (Prices(input=0.0, output=0.0) if target.kind == "local" else None)
        self._client: AsyncOpenAI | None = None
        self.memory: Final[Memory] = "cache"
        self.concurrency: Final = concurrency

    async def answer(self, request: Request) -> Outcome:
        """One call. Raises ProviderError, which never holds the key."""
        import httpx2
        import openai

        model = request.model or self._target.model
        if not model:
            hint = "give the target, the prompt or the judge a `model`"
            raise ProviderError(f"{self._who()}: no model is named for {request.about}", fatal=True, hint=hint)
        client = self._client or self._open()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                # the package's way to its transport, authentication and errors without its response models,
                # which cost more CPU than all the rest of a call
                response = await client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    body=chat.body(request, model),
                    options={} if self._key else {"headers": {"Authorization": openai.Omit()}},
                )
        except (TimeoutError, openai.APITimeoutError) as error:
            message = f"{self._who()} did not answer within {self._timeout:g} s"
            unreachable = isinstance(error.__cause__, httpx2.ConnectTimeout)
            raise ProviderError(message, retryable=True, unreachable=unreachable) from error
        except openai.APIConnectionError as error:
            raise self._unreachable(error) from error
        except openai.APIStatusError as error:
            return self._refused(error, request, model)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderError(f"{self._who()}: {self._clean(str(error))}", retryable=True) from error
        try:
            data = json.loads(response.content)
        except ValueError as error:
            message = f"{self._who()} sent a malformed reply, which is no JSON: {self._clean(response.text)[:80]}"
            raise ProviderError(message, retryable=True) from error
        return chat.read_reply(
            data,
            seconds=time.perf_counter() - started,
            scale=request.scale,
            prices=self._prices,
            served_by=self._served_by,
        )

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _open(self) -> AsyncOpenAI:
        import httpx2
        import openai

        seconds = httpx2.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_SECONDS))
        client = openai.AsyncOpenAI(
            api_key=self._key or "",
            admin_api_key="",  # given, so that neither key is looked up in the environment
            organization="",
            project="",
            webhook_secret="",
            base_url=self._url,
            timeout=seconds,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=seconds,
                # a proxy of the environment leads out to the world, never back to this machine
                trust_env=not _is_loopback(self._url),
            ),
        )
        client.organization = client.project = None
        # OPENAI_CUSTOM_HEADERS has been taken in by now, and there is no argument against it
        client._custom_headers = {}
        self._client = client
        return client

    def _refused(self, error: Any, request: Request, model: str) -> Outcome:
        content = error.body
        if isinstance(content, dict) and "error" not in content:
            content = {"error": content}  # the package has taken the envelope off
        if chat.filtered(error.status_code, content):
            return Failure(kind="unusable", message="the endpoint's content filter refused the request")
        variable = self._target.api_key_env
        explained = chat.explain_status(
            error.status_code,
            content,
            error.response.headers,
            who=self._who(),
            model=model,
            key=f"the key in {variable}" if variable else "a request without a key (the target has no api_key_env)",
            scored=request.scale is not None,
        )
        explained.message = self._clean(explained.message, limit=600)
        raise explained from error

    def _unreachable(self, error: Exception) -> ProviderError:
        """`unreachable` only where no connection came about; one that broke may have been this request's bad luck."""
        import httpx2

        cause: BaseException = error.__cause__ or error
        reason = self._clean(str(cause)) or type(cause).__name__
        if isinstance(cause, httpx2.ConnectError | httpx2.UnsupportedProtocol):
            return ProviderError(
                f"cannot connect to {self._who()}: {reason}",
                retryable=isinstance(cause, httpx2.ConnectError),
                fatal=not isinstance(cause, httpx2.ConnectError),
                unreachable=True,
                hint="check `base_url`, and that the server runs",
            )
        return ProviderError(f"the connection to {self._who()} broke: {reason}", retryable=True)

    def _who(self) -> str:
        return f'target "{self._target.name}" ({_shown(self._url)})'

    def _clean(self, text: str, limit: int = 300) -> str:
        return chat.shorten(text.replace(self._key, "[the key]") if self._key else text, limit)


def _checked_key(target: Target, api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    variable = target.api_key_env
    if variable and not key:
        raise InputError(
            f'target "{target.name}": the environment variable {variable} is not set',
            hint=f"set {variable} to the key; an endpoint that needs none has no api_key_env",
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(f'target "{target.name}": {variable} holds characters that no key has')
    return key or None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(url: str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
