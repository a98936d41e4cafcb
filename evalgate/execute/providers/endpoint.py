"""The URL and the headers of a chat completion: all of an HTTP request but its body.

For an endpoint with a bearer key, or without a key, this module writes them. The `openai` package writes the same (a
test compares them), but its import takes longer than the calls of a small gate. For Azure's URLs and authentication
this module uses the package.
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
    """The URLs and headers of an endpoint; `models` is the URL of its list of models, for a ping."""

    url: str
    models: str
    headers: dict[str, str]


async def make_endpoint(base_url: str, key: str | None, model: str) -> Endpoint:
    """Return the endpoint for a model at a base URL.

    Raise ValueError, with a message without the key, for an invalid URL.
    """
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
    """Return what the `openai` package sends to a deployment with the model's name, read with a mock transport."""
    import httpx2
    import openai

    parts = urlsplit(base_url)
    version = parse_qs(parts.query).get("api-version", [""])[0]
    if not key or not version:
        raise ValueError("an Azure endpoint needs a key (`api_key_env`) and an `?api-version=` in its URL")
    recorded: list[httpx2.Request] = []

    def record(request: httpx2.Request) -> httpx2.Response:
        recorded.append(request)
        return httpx2.Response(200, json={})

    async with openai.AsyncAzureOpenAI(
        azure_endpoint=f"https://{parts.netloc}",
        api_version=version,
        api_key=key,
        organization="",
        project="",
        webhook_secret="",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(record), trust_env=False),
    ) as client:
        client.organization = client.project = None
        client._custom_headers = {}  # removes the headers of OPENAI_CUSTOM_HEADERS
        try:
            await client.post("/chat/completions", cast_to=httpx2.Response, body={"model": model})
            await client.get("/models", cast_to=httpx2.Response)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ValueError(Mask([key]).text(f"it is not an Azure endpoint: {error}")) from error
    request, models = recorded
    headers = {name: value for name, value in request.headers.items() if name not in _PER_REQUEST_HEADERS}
    return Endpoint(url=str(request.url), models=str(models.url), headers=headers)
