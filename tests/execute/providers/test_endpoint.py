from __future__ import annotations

import asyncio

import httpx2
import openai
import pytest

from evalgate.execute.providers.endpoint import make_endpoint


def of_the_package(base_url: str, key: str) -> httpx2.Request:
    written: list[httpx2.Request] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        written.append(request)
        return httpx2.Response(200, json={})

    async def post() -> None:
        client = httpx2.AsyncClient(transport=httpx2.MockTransport(take), trust_env=False)
        async with openai.AsyncOpenAI(base_url=base_url, api_key=key, http_client=client) as package:
            await package.post("/chat/completions", cast_to=httpx2.Response, body={"model": "m"})
            await package.get("/models", cast_to=httpx2.Response)

    asyncio.run(post())
    assert str(written[1].url) == asyncio.run(make_endpoint(base_url, key, "m")).models
    return written[0]


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.openai.com/v1",
        "https://api.openai.com/v1/",
        "http://127.0.0.1:8000",
        "http://[::1]:8000/v1",
        "https://resource.openai.azure.com/openai/v1/",
        "https://openrouter.ai/api/v1",
        "https://host.example/a%20b/v1",
    ],
)
def test_it_is_what_the_package_would_send(base_url: str) -> None:
    own, package = asyncio.run(make_endpoint(base_url, "sk-1", "m")), of_the_package(base_url, "sk-1")
    assert own.url == str(package.url)
    for name in ("authorization", "content-type", "accept"):
        assert own.headers[name] == package.headers[name]


def test_no_key_no_authorization() -> None:
    assert "authorization" not in asyncio.run(make_endpoint("http://127.0.0.1/v1", None, "m")).headers


def test_azure_is_left_to_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Sneaky: 1")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "sneaky")
    url = "https://resource.openai.azure.com/?api-version=2024-10-21"
    around = asyncio.run(make_endpoint(url, "azure-key", "gpt-5-mini"))
    base = "https://resource.openai.azure.com/openai"
    assert around.url == f"{base}/deployments/gpt-5-mini/chat/completions?api-version=2024-10-21"
    assert around.models == f"{base}/models?api-version=2024-10-21"
    assert around.headers["api-key"] == "azure-key"
    assert not {"authorization", "x-sneaky", "content-length"} & set(around.headers)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("nonsense", "not an http"),
        ("ftp://host/v1", "not an http"),
        ("http:///v1", "not an http"),
        ("https://resource.openai.azure.com/", "api-version"),
    ],
)
def test_what_is_no_endpoint_is_refused(url: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        asyncio.run(make_endpoint(url, "key", "m"))


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://resource.openai.azure.us", "https://resource.openai.azure.us/openai"),
        ("https://resource.openai.azure.cn/", "https://resource.openai.azure.cn/openai"),
        ("https://gateway.azure-api.net/team-a", "https://gateway.azure-api.net/team-a/openai"),
        ("https://gateway.azure-api.net/team-a/openai/", "https://gateway.azure-api.net/team-a/openai"),
        ("http://127.0.0.1:8000/openai/deployments/m", "http://127.0.0.1:8000/openai"),
    ],
)
def test_any_host_is_azure_if_the_target_says_so(url: str, base: str) -> None:
    found = asyncio.run(make_endpoint(url, "azure-key", "gpt-5-mini", azure_version="2024-10-21"))
    assert found.url == f"{base}/deployments/gpt-5-mini/chat/completions?api-version=2024-10-21"
    assert found.models == f"{base}/models?api-version=2024-10-21"
    assert found.headers["api-key"] == "azure-key"


def test_own_headers_are_added_and_replace_others() -> None:
    own = {"X-Gateway-Key": "abc", "Authorization": "Basic xyz"}
    found = asyncio.run(make_endpoint("https://host.example/v1", "sk-1", "m", headers=own))
    assert (found.headers["x-gateway-key"], found.headers["authorization"]) == ("abc", "Basic xyz")
    token = {"authorization": "Bearer token-of-entra"}
    found = asyncio.run(make_endpoint("https://host.example", None, "m", headers=token, azure_version="v1"))
    assert found.headers["authorization"] == "Bearer token-of-entra"
    assert "api-key" not in found.headers
    with pytest.raises(ValueError, match="needs a key"):
        asyncio.run(make_endpoint("https://host.example", None, "m", azure_version="v1"))
