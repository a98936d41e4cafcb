"""Where a chat completion is asked for, and with which headers: all of an HTTP request but its body.

An endpoint with a bearer key, or none, is two headers and a path, written here: the `openai` package writes the same
(a test compares them), but to import it takes longer than a small gate's calls. Azure's own URLs and authentication
are left to the package.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from evalgate import __version__
from evalgate.domain.masking import Mask

_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_HEADERS = {"accept": "application/json", "content-type": "application/json", "user-agent": f"evalgate/{__version__}"}
_PER_REQUEST_HEADERS = {"content-length", "connection", "host", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`models` is where the endpoint lists its models, to see whether it is there."""

    url: str
    models: str
    headers: dict[str, str]


async def make_endpoint(base_url: str, key: str | None, model: str) -> Endpoint:
    """The endpoint for a model at a base URL. Raises ValueError, as a sentence without the key, for what is no URL."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an http:// or https:// URL")
    if parts.hostname.endswith(_AZURE) and "/openai/v1" not in parts.path:
        return await _make_azure_endpoint(base_url, key, model)
    parts = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/"), fragment="")
    return Endpoint(
        url=urlunsplit(parts._replace(path=f"{parts.path}/chat/completions")),
        models=urlunsplit(parts._replace(path=f"{parts.path}/models")),
        headers=_HEADERS | ({"authorization": f"Bearer {key}"} if key else {}),
    )


async def _make_azure_endpoint(base_url: str, key: str | None, model: str) -> Endpoint:
    """What the package sends to a deployment named like the model; it is asked over a transport that ends here."""
    import httpx2
    import openai

    parts = urlsplit(base_url)
    version = parse_qs(parts.query).get("api-version", [""])[0]
    if not key or not version:
        raise ValueError("an Azure endpoint needs a key (`api_key_env`) and an `?api-version=` in its URL")
    written: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        written.append(request)
        return httpx2.Response(200, json={})

    async with openai.AsyncAzureOpenAI(
        azure_endpoint=f"https://{parts.netloc}",
        api_version=version,
        api_key=key,
        organization="",
        project="",
        webhook_secret="",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(take), trust_env=False),
    ) as client:
        client.organization = client.project = None
        client._custom_headers = {}  # OPENAI_CUSTOM_HEADERS has been taken in by now
        try:
            await client.post("/chat/completions", cast_to=httpx2.Response, body={"model": model})
            await client.get("/models", cast_to=httpx2.Response)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ValueError(Mask([key]).text(f"it is no Azure endpoint: {error}")) from error
    request, models = written
    headers = {name: value for name, value in request.headers.items() if name not in _PER_REQUEST_HEADERS}
    return Endpoint(url=str(request.url), models=str(models.url), headers=headers)
