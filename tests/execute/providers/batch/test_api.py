"""The operations of the Batch API: upload, create, find, retrieve."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from batch_server import BatchServer

from evalgate.domain import Prices, Target
from evalgate.execute.providers.batch.api import BatchEndpoint, GoneError, discount
from evalgate.execute.providers.protocol import ProviderError


@pytest.mark.parametrize("proxy", ["http://user:hidden@x:port", "foo://user:hidden@x", "socks5://user:hidden@x:1"])
def test_a_proxy_that_is_none_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy)
    target = Target(name="api", kind="openai", location="http://example.invalid/v1", model="m", identity="api")
    with pytest.raises(ProviderError, match="the proxy in the environment is not an http") as told:
        asyncio.run(BatchEndpoint(target, None, 1.0).retrieve("b1"))
    assert "hidden" not in str(told.value) and told.value.fatal


def exchange(server: BatchServer, act: Callable[[BatchEndpoint], Awaitable[Any]]) -> Any:
    target = Target(name="api", kind="openai", location=server.url, model="m", identity="api", api_key_env="KEY")

    async def run() -> Any:
        endpoint = BatchEndpoint(target, "sk-secret-123", 10.0)
        try:
            return await act(endpoint)
        finally:
            await endpoint.aclose()

    return asyncio.run(run())


def test_a_batch_is_found_by_its_token_and_read_by_its_id(batch_server: BatchServer) -> None:
    async def act(endpoint: BatchEndpoint) -> tuple[str, str | None, str | None, str]:
        made = await endpoint.create(await endpoint.upload(b"{}\n", "requests.jsonl"), "token-1")
        state = await endpoint.retrieve(made)
        return made, await endpoint.find("token-1"), await endpoint.find("token-2"), state.id

    made, found, other, read = exchange(batch_server, act)
    assert (found, other, read) == (made, None, made)


def test_a_batch_that_is_not_there_is_gone(batch_server: BatchServer) -> None:
    with pytest.raises(GoneError):
        exchange(batch_server, lambda endpoint: endpoint.retrieve("batch_unknown"))


def test_a_batch_costs_half_and_an_unknown_price_stays_unknown() -> None:
    assert discount(Prices(input=1.0, output=10.0)) == Prices(input=0.5, output=5.0)
    assert discount(None) is None


def test_no_text_of_the_endpoint_shows_the_key_or_breaks_a_line(batch_server: BatchServer) -> None:
    async def act(endpoint: BatchEndpoint) -> str:
        return endpoint.clean("no access\nfor sk-secret-123")

    shown = exchange(batch_server, act)
    assert "sk-secret-123" not in shown and "\n" not in shown


def test_every_call_has_the_headers_of_the_target(batch_server: BatchServer) -> None:
    target = Target(
        name="t",
        kind="openai",
        location=batch_server.url,
        identity="i",
        model="m",
        api_key_env="MY_KEY",
        headers={"authorization": "TOKEN", "x-gateway-key": "GATEWAY_KEY"},
    )

    async def find() -> None:
        values = {"authorization": "Basic of-the-gateway", "x-gateway-key": "gateway-key-1"}
        endpoint = BatchEndpoint(target, "sk-batch-1", 10, headers=values)
        try:
            assert await endpoint.find("no such token") is None
        finally:
            await endpoint.aclose()

    asyncio.run(find())
    assert batch_server.keys == {"Basic of-the-gateway"}
