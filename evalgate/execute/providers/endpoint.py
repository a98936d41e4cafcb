"""The URL and the headers of a chat completion, or of an embedding: all of an HTTP request but its body.

For an endpoint with a bearer key, or without a key, this module writes them. The `openai` package writes the same (a
test compares them), but its import takes longer than the calls of a small gate. For Azure's URLs and authentication
this module uses the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit, urlunsplit

from evalgate import __version__
from evalgate.mask import Mask

CHAT, EMBEDDINGS = "/chat/completions", "/embeddings"
"""The parts of the API that are called."""
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_HEADERS = {"accept": "application/json", "content-type": "application/json", "user-agent": f"evalgate/{__version__}"}
_NO_KEY = "none"
_PER_REQUEST_HEADERS = {"content-length", "connection", "host", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The URLs and headers of an endpoint; `models` is the URL of its list of models, for a ping."""

    url: str
    models: str
    headers: dict[str, str]


async def make_endpoint(
    base_url: str,
    key: str | None,
    model: str,
    *,
    headers: Mapping[str, str] | None = None,
    azure_version: str | None = None,
    path: str = CHAT,
) -> Endpoint:
    """Return the endpoint for a model at a base URL.

    `headers` are sent with every request, and replace those of the same name. With `azure_version` it is an Azure
    endpoint with that API version, whatever its host is called. `path` is the part of the API that is called.

    Raise ValueError, with a message without a secret, for an invalid URL.
    """
    own = {name.lower(): value for name, value in (headers or {}).items()}
    found = await _make_endpoint(base_url, key, model, own, azure_version, path)
    return replace(found, headers=found.headers | own) if own else found


async def _make_endpoint(  # noqa: PLR0917
    base_url: str, key: str | None, model: str, own: Mapping[str, str], azure_version: str | None, path: str
) -> Endpoint:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an http:// or https:// URL")
    if azure_version is not None:
        folder = parts.path.partition("/openai")[0].rstrip("/")
        host = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], folder, "", ""))
        return await _make_azure_endpoint(host, azure_version, key, model, own, path)
    if parts.hostname.endswith(_AZURE) and "/openai/v1" not in parts.path:
        version = parse_qs(parts.query).get("api-version", [""])[0]
        return await _make_azure_endpoint(f"https://{parts.netloc}", version, key, model, own, path)
    parts = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/"), fragment="")
    return Endpoint(
        url=urlunsplit(parts._replace(path=f"{parts.path}{path}")),
        models=urlunsplit(parts._replace(path=f"{parts.path}/models")),
        headers=_HEADERS | ({"authorization": f"Bearer {key}"} if key else {}),
    )


async def _make_azure_endpoint(  # noqa: PLR0917
    host: str, version: str, key: str | None, model: str, own: Mapping[str, str], path: str
) -> Endpoint:
    """Return what the `openai` package sends to a deployment with the model's name, read with a mock transport.

    The key may be one of the target's `own` headers instead, such as a gateway's or a token of Entra ID.
    """
    import httpx2
    import openai

    if not (key or own) or not version:
        raise ValueError(
            "an Azure endpoint needs a key (`api_key_env`) and an API version (`azure: {api_version: ...}`, or "
            "`?api-version=` in its URL)"
        )
    recorded: list[httpx2.Request] = []

    def record(request: httpx2.Request) -> httpx2.Response:
        recorded.append(request)
        return httpx2.Response(200, json={})

    async with openai.AsyncAzureOpenAI(
        azure_endpoint=host,
        api_version=version,
        api_key=key or _NO_KEY,
        organization="",
        project="",
        webhook_secret="",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(record), trust_env=False),
    ) as client:
        client.organization = client.project = None
        client._custom_headers = {}  # removes the headers of OPENAI_CUSTOM_HEADERS
        try:
            await client.post(path, cast_to=httpx2.Response, body={"model": model})
            await client.get("/models", cast_to=httpx2.Response)
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ValueError(Mask([key]).text(f"it is not an Azure endpoint: {error}")) from error
    request, models = recorded
    left_out = _PER_REQUEST_HEADERS if key else _PER_REQUEST_HEADERS | {"api-key"}
    headers = {name: value for name, value in request.headers.items() if name not in left_out}
    return Endpoint(url=str(request.url), models=str(models.url), headers=headers)
