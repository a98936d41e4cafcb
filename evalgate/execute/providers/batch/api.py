"""The verbs of OpenAI's Batch API: upload, create, look up, download; lines of JSON in, plain data out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from evalgate.domain import Prices
from evalgate.execute.providers import chat_completions
from evalgate.execute.providers.http import LARGEST_REPLY, NO_PROXY_URL
from evalgate.execute.providers.openai import OpenAIProvider, is_loopback
from evalgate.execute.providers.protocol import ProviderError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, Omit
    from openai.types import Batch

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
"""The limits of one batch: requests in its file, and the bytes of that file."""

WINDOW_SECONDS = 24 * 3600.0
"""The completion window, the only one the API offers; what is not answered by then is handed back as expired."""

DISCOUNT = 0.5

ENDPOINT: Final = "/v1/chat/completions"
"""Where each line of a batch is answered, whatever the path of `base_url`."""

_TRANSFER_SECONDS = 600.0
_CONNECT_SECONDS = 15.0
_TAG = "evalgate"
_PAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """How a batch is; `status` is the API's word for it, `done` and `total` count requests (None: it does not say).

    `files` hold what became of the requests, failed ones first. `faults` are why the whole batch was refused, as the
    endpoint's code and a sentence each.
    """

    id: str
    status: str
    done: int | None = None
    total: int | None = None
    files: tuple[str, ...] = ()
    faults: tuple[tuple[str | None, str], ...] = ()

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed", "expired", "cancelled")


def discount(full: Prices | None) -> Prices | None:
    """Dollars per million tokens in a batch: half of what they are otherwise."""
    return None if full is None else Prices(input=full.input * DISCOUNT, output=full.output * DISCOUNT)


class BatchEndpoint(OpenAIProvider):
    """An OpenAI endpoint that is asked by file. All methods raise ProviderError; `gone` is such an error's 404."""

    _client: AsyncOpenAI | None = None

    @property
    def prices(self) -> Prices | None:
        """Dollars per million tokens in a batch."""
        return discount(self._prices)

    @property
    def who(self) -> str:
        """The target and its address, for messages."""
        return self._who()

    def clean(self, text: str) -> str:
        """A text of the endpoint's as one line, without the key."""
        return self._clean(text)

    def read(self, content: bytes) -> Any:
        """JSON of the endpoint's, without the key. Raises ValueError."""
        return self._read(content)

    def explained(
        self, status: int, content: Any, headers: Mapping[str, str], *, model: str, scored: bool = False
    ) -> ProviderError:
        """What an error status means, be it of a call or of one request in a batch."""
        variable = self._target.api_key_env
        explained = chat_completions.explain_status(
            status,
            self._mask.value(content),
            headers,
            who=self.who,
            model=model,
            key=f"the key in {variable}" if variable else "a request without a key (the target has no api_key_env)",
            scored=scored,
        )
        explained.message = self._clean(explained.message, limit=600)
        explained.own = self._clean(explained.own, limit=600)
        return explained

    async def upload(self, content: bytes, name: str) -> str:
        """Uploads a JSONL file; its id."""
        async with self._errors("take the file of requests"):
            file = await self._client_now().files.create(
                file=(name, content, "application/jsonl"),
                purpose="batch",
                timeout=_TRANSFER_SECONDS,
                extra_headers=self._headers(),
            )
            return str(file.id)

    async def create(self, file_id: str, token: str) -> str:
        """Begins a batch that `find` finds by its token; its id."""
        async with self._errors("begin a batch"):
            batch = await self._client_now().batches.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={_TAG: token},
                extra_headers=self._headers(),
            )
            return str(batch.id)

    async def find(self, token: str) -> str | None:
        """The id of the batch with this token, among the newest 300; None when there is none."""
        async with self._errors("list its batches"):
            page = await self._client_now().batches.list(limit=100, extra_headers=self._headers())
            for _ in range(_PAGES):
                for batch in page.data:
                    if (batch.metadata or {}).get(_TAG) == token:
                        return batch.id
                if not page.has_next_page():
                    break
                page = await page.get_next_page()
        return None

    async def retrieve(self, batch_id: str) -> BatchState:
        """How a batch is now."""
        async with self._errors(f"say how batch {batch_id} is"):
            return _state(await self._client_now().batches.retrieve(batch_id, extra_headers=self._headers()))

    async def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """The lines of an output or error file, as they come over the wire, empty ones left out."""
        async with self._errors(f"give the file {file_id}"):
            streamed = self._client_now().files.with_streaming_response.content(
                file_id, timeout=_TRANSFER_SECONDS, extra_headers=self._headers()
            )
            async with streamed as response:
                rest: list[bytes] = []
                size = 0
                # not `iter_lines`, which also breaks at U+2028 and other signs that may stand in a JSON string
                async for chunk in response.iter_bytes():
                    *whole, last = chunk.split(b"\n")
                    for end in whole:
                        line = b"".join([*rest, end])
                        rest, size = [], 0
                        if line.strip():
                            yield line
                    rest.append(last)
                    size += len(last)
                    if size > LARGEST_REPLY:
                        most = f"{LARGEST_REPLY // (1024 * 1024)} MiB"
                        raise ProviderError(f"{self.who}: a line of file {file_id} is larger than {most}", fatal=True)
                if (line := b"".join(rest)).strip():
                    yield line

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        await super().aclose()

    def _client_now(self) -> AsyncOpenAI:
        if self._client is not None:
            return self._client
        import httpx2
        import openai

        seconds = httpx2.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_SECONDS))
        try:
            # a proxy of the environment leads out to the world, never back to this machine
            http_client = openai.DefaultAsyncHttpxClient(timeout=seconds, trust_env=not is_loopback(self._url))
        except (ValueError, httpx2.InvalidURL, ImportError):
            raise ProviderError(f"cannot connect to {self._who()}: {NO_PROXY_URL}", fatal=True) from None
        client = openai.AsyncOpenAI(
            api_key=self._key or "",
            admin_api_key="",  # given, so that neither key is looked up in the environment
            organization="",
            project="",
            webhook_secret="",
            base_url=self._url,
            timeout=seconds,
            max_retries=0,
            http_client=http_client,
        )
        client.organization = client.project = None
        # OPENAI_CUSTOM_HEADERS has been taken in by now, and there is no argument against it
        client._custom_headers = {}
        self._client = client
        return client

    def _not_reached(self, error: Exception) -> ProviderError:
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

    def _headers(self) -> Mapping[str, str | Omit]:
        """Without a key the package wants to be told that none is to be sent."""
        import openai

        return {} if self._key else {"Authorization": openai.Omit()}

    @contextlib.asynccontextmanager
    async def _errors(self, what: str) -> AsyncIterator[None]:
        import httpx2
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            raise ProviderError(f"{self.who} did not {what} in time", retryable=True) from error
        except openai.APIConnectionError as error:
            raise self._not_reached(error) from error
        except openai.APIStatusError as error:
            raise self._status(error, what) from error
        except (
            AttributeError,
            TypeError,
            ValueError,
            RecursionError,
        ) as error:  # the package takes a reply of any shape
            raise ProviderError(f"{self.who} sent a malformed reply when it was to {what}", retryable=True) from error
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            said = f": {self.clean(str(error))}"
            raise ProviderError(f"{self.who} did not {what}", said=said, retryable=True) from error

    def _status(self, error: Any, what: str) -> ProviderError:
        status = error.status_code
        said = f": {self.clean(str(error.message))}"
        if status == 404:
            return GoneError(f"{self.who} cannot {what} (404)", said=said)
        if status == 405:
            return GoneError(f"{self.who} has no Batch API (405)", said=said)
        content = error.body if isinstance(error.body, dict) and "error" in error.body else {"error": error.body}
        return self.explained(status, content, error.response.headers, model=str(self._target.model))


class GoneError(ProviderError):
    """The endpoint knows no such file or batch (any more), or has no Batch API at all."""

    def __init__(self, message: str, *, said: str) -> None:
        hint = "check that `base_url` is of an endpoint with a Batch API"
        super().__init__(message, said=said, fatal=True, hint=hint)


def _state(batch: Batch) -> BatchState:
    counts, faults = batch.request_counts, batch.errors.data if batch.errors is not None else None
    return BatchState(
        id=batch.id,
        status=batch.status,
        done=None if counts is None else counts.completed + counts.failed,
        total=None if counts is None else counts.total,
        files=tuple(file for file in (batch.error_file_id, batch.output_file_id) if file is not None),
        faults=tuple(
            (fault.code, f"line {fault.line}: {fault.message}" if fault.line else str(fault.message))
            for fault in faults or []
        ),
    )
