"""The operations of OpenAI's Batch API: upload, create, find, retrieve and download."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from evalgate.domain import Prices, Request
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
"""The completion window, the only one that the API offers; requests without an answer by then expire."""

DISCOUNT = 0.5
"""The price of a batch as a share of the full price."""

ENDPOINT: Final = "/v1/chat/completions"
"""The API path in each line of a batch; the path of `base_url` does not affect it."""

_TRANSFER_SECONDS = 600.0
_CONNECT_SECONDS = 15.0
_TOKEN_FIELD = "evalgate"
_MAX_PAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """The state of a batch.

    - `status`: the API's own term.
    - `done`, `total`: numbers of requests (None: not reported).
    - `files`: the ids of the result files, the error file first.
    - `faults`: the reasons why the whole batch was refused, each as the endpoint's code and a sentence.
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
    """Return the prices in a batch, in US dollars per million tokens: half of the full prices."""
    if full is None:
        return None
    cached = None if full.cached_input is None else full.cached_input * DISCOUNT
    return Prices(input=full.input * DISCOUNT, output=full.output * DISCOUNT, cached_input=cached)


class BatchEndpoint(OpenAIProvider):
    """An OpenAI endpoint with a Batch API. All methods raise ProviderError; GoneError is the one for 404 and 405."""

    _client: AsyncOpenAI | None = None

    @property
    def prices(self) -> Prices | None:
        """The prices in a batch, in US dollars per million tokens."""
        return discount(self._prices)

    def find_prices(self, model: str) -> Prices | None:
        """Return the prices of a model in a batch: those of the target, else of the provider's list."""
        listed = self._target.find_list_price(model)
        return self.prices or (None if listed is None else discount(Prices(input=listed.input, output=listed.output)))

    @property
    def who(self) -> str:
        """The target and its address, for messages."""
        return self._describe()

    def clean(self, text: str) -> str:
        """Return a text of the endpoint as one line, without the key."""
        return self._clean(text)

    def read(self, content: bytes) -> Any:
        """Return JSON of the endpoint without the key. Raise ValueError."""
        return self._read(content)

    def explain(
        self, status: int, content: Any, headers: Mapping[str, str], *, model: str, request: Request | None = None
    ) -> ProviderError:
        """Return the error for a status, of a call or of one request in a batch."""
        return self._explain_status(status, self._mask.value(content), headers, model=model, request=request)

    async def upload(self, content: bytes, name: str) -> str:
        """Upload a JSONL file and return its id."""
        async with self._convert_errors("accept the file of requests"):
            file = await self._get_client().files.create(
                file=(name, content, "application/jsonl"),
                purpose="batch",
                timeout=_TRANSFER_SECONDS,
                extra_headers=self._headers(),
            )
            return str(file.id)

    async def create(self, file_id: str, token: str) -> str:
        """Create a batch with a token for `find`, and return its id."""
        async with self._convert_errors("create a batch"):
            batch = await self._get_client().batches.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={_TOKEN_FIELD: token},
                extra_headers=self._headers(),
            )
            return str(batch.id)

    async def find(self, token: str) -> str | None:
        """Return the id of the batch with this token, among the newest 300; None if there is none."""
        async with self._convert_errors("list its batches"):
            page = await self._get_client().batches.list(limit=100, extra_headers=self._headers())
            for _ in range(_MAX_PAGES):
                for batch in page.data:
                    if (batch.metadata or {}).get(_TOKEN_FIELD) == token:
                        return batch.id
                if not page.has_next_page():
                    break
                page = await page.get_next_page()
        return None

    async def retrieve(self, batch_id: str) -> BatchState:
        """Return the current state of a batch."""
        async with self._convert_errors(f"return the state of batch {batch_id}"):
            return _read_state(await self._get_client().batches.retrieve(batch_id, extra_headers=self._headers()))

    async def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """Yield the non-empty lines of an output or error file, as they arrive."""
        async with self._convert_errors(f"return the file {file_id}"):
            streamed = self._get_client().files.with_streaming_response.content(
                file_id, timeout=_TRANSFER_SECONDS, extra_headers=self._headers()
            )
            async with streamed as response:
                rest: list[bytes] = []
                size = 0
                # not `iter_lines`, which also splits at U+2028 and other characters that a JSON string may contain
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

    def _get_client(self) -> AsyncOpenAI:
        if self._client is not None:
            return self._client
        import httpx2
        import openai

        seconds = httpx2.Timeout(self._timeout, connect=min(self._timeout, _CONNECT_SECONDS))
        try:
            # a proxy is for remote hosts, not for loopback
            http_client = openai.DefaultAsyncHttpxClient(timeout=seconds, trust_env=not is_loopback(self._url))
        except (ValueError, httpx2.InvalidURL, ImportError):
            raise ProviderError(f"cannot connect to {self.who}: {NO_PROXY_URL}", fatal=True) from None
        client = openai.AsyncOpenAI(
            api_key=self._key or "",
            admin_api_key="",  # both are set, so that neither key is read from the environment
            organization="",
            project="",
            webhook_secret="",
            base_url=self._url,
            timeout=seconds,
            max_retries=0,
            http_client=http_client,
        )
        client.organization = client.project = None
        # removes the headers of OPENAI_CUSTOM_HEADERS, for which there is no argument
        client._custom_headers = {}
        self._client = client
        return client

    def _explain_connection_error(self, error: Exception) -> ProviderError:
        """Return the error for a failed exchange; it is `unreachable` only if there was no connection."""
        import httpx2

        cause: BaseException = error.__cause__ or error
        reason = self._clean(str(cause)) or type(cause).__name__
        if isinstance(cause, httpx2.ConnectError | httpx2.UnsupportedProtocol):
            return ProviderError(
                f"cannot connect to {self._describe()}: {reason}",
                retryable=isinstance(cause, httpx2.ConnectError),
                fatal=not isinstance(cause, httpx2.ConnectError),
                unreachable=True,
                hint="check `base_url`, and that the server runs",
            )
        return ProviderError(f"the connection to {self._describe()} broke: {reason}", retryable=True)

    def _headers(self) -> Mapping[str, str | Omit]:
        """Return the target's own headers, and the one that keeps the package from sending a key if there is none."""
        import openai

        return {**({} if self._key else {"Authorization": openai.Omit()}), **self._titled_headers()}

    def _titled_headers(self) -> Mapping[str, str]:
        """Return the target's own headers; the package tells `authorization` and `Authorization` apart."""
        return {name.title() if name.lower() == "authorization" else name: v for name, v in self._own_headers.items()}

    @contextlib.asynccontextmanager
    async def _convert_errors(self, what: str) -> AsyncIterator[None]:
        import httpx2
        import openai

        try:
            yield
        except openai.APITimeoutError as error:
            raise ProviderError(f"{self.who} did not {what} in time", retryable=True) from error
        except openai.APIConnectionError as error:
            raise self._explain_connection_error(error) from error
        except openai.APIStatusError as error:
            raise self._explain_status_error(error, what) from error
        except (
            AttributeError,
            TypeError,
            ValueError,
            RecursionError,
        ) as error:  # the package does not validate replies
            raise ProviderError(f"{self.who} sent a malformed reply to a request to {what}", retryable=True) from error
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            said = f": {self.clean(str(error))}"
            raise ProviderError(f"{self.who} did not {what}", said=said, retryable=True) from error

    def _explain_status_error(self, error: Any, what: str) -> ProviderError:
        status = error.status_code
        said = f": {self.clean(str(error.message))}"
        if status == 404:
            return GoneError(f"{self.who} cannot {what} (404)", said=said)
        if status == 405:
            return GoneError(f"{self.who} has no Batch API (405)", said=said)
        content = error.body if isinstance(error.body, dict) and "error" in error.body else {"error": error.body}
        explained = self.explain(status, content, error.response.headers, model=str(self._target.model))
        explained.fatal = not explained.retryable  # a refused file or batch holds all requests
        return explained


class GoneError(ProviderError):
    """Raised when the endpoint has no such file or batch, or no Batch API."""

    def __init__(self, message: str, *, said: str) -> None:
        hint = "check that the endpoint at `base_url` has a Batch API"
        super().__init__(message, said=said, fatal=True, hint=hint)


def _read_state(batch: Batch) -> BatchState:
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
