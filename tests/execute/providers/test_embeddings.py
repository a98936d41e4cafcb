"""Embeddings over the wire: the request, the reply, and replies that cannot be used."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from chat_server import ChatServer, Reply, error
from gate.embedding_script import embedding

from evalgate.domain import Failure, Message, Outcome, Output, Prices, Request, Target, Usage
from evalgate.domain.vectors import decode_vector
from evalgate.execute.providers.embeddings import EmbeddingsProvider
from evalgate.execute.providers.protocol import ProviderError
from evalgate.mask import Mask

KEY = "sk-secret-123"


def ask(url: str, *, key: str = KEY, **more: Any) -> Outcome:
    target = Target(name="api", kind="openai", location=url, identity="i", api_key_env="MY_KEY", **more)
    message = Message(role="user", content="hi")
    request = Request(target="api", identity="i", model="e-1", messages=(message,), embeds=True)

    async def run() -> Outcome:
        provider = EmbeddingsProvider(target, key, 10, headers={}, mask=Mask([key]))
        try:
            return await provider.answer(request)
        finally:
            await provider.aclose()

    return asyncio.run(run())


def test_a_text_is_asked_for_alone_with_the_model_and_the_key(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body=embedding([0.5, -2, 1]))]
    settings = {"stream": True, "parameters": {"temperature": 0}, "prices": Prices(input=2, output=100)}
    found = ask(chat_server.url, **settings)
    assert isinstance(found, Output)
    assert decode_vector(found.text) == (0.5, -2.0, 1.0)
    assert (found.served_by, found.usage, found.cost_usd) == ("e-1", Usage(input_tokens=7), 7 * 2 / 1e6)
    (received,) = chat_server.received
    assert (received.path, received.body) == ("/v1/embeddings", {"model": "e-1", "input": "hi"})
    assert received.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("values", "why"), [([], "it is empty"), ([0, 0], "all of its values are 0"), (["1"], "a value is not a number")]
)
def test_an_embedding_that_cannot_be_compared_is_no_answer_that_is_kept(
    chat_server: ChatServer, values: list[Any], why: str
) -> None:
    chat_server.script = [Reply(body=embedding(values))]
    found = ask(chat_server.url)
    assert isinstance(found, Failure) and found.kind == "unusable"
    assert found.message == f"the endpoint's embedding cannot be used: {why}"
    assert found.usage == Usage(input_tokens=7)


def test_nan_in_a_reply_is_refused(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body=b'{"data": [{"embedding": [1.0, NaN]}]}')]
    found = ask(chat_server.url)
    assert isinstance(found, Failure) and "not finite" in found.message


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [{"embedding": [1]}, {"embedding": [1]}]},
        {"data": [{"embedding": "AAAA"}]},
        {"data": {"embedding": [1]}},
        {"choices": []},
    ],
)
def test_a_reply_that_is_not_one_embedding_is_asked_for_again(chat_server: ChatServer, body: dict[str, Any]) -> None:
    chat_server.script = [Reply(body=body)]
    with pytest.raises(ProviderError, match="not one embedding") as caught:
        ask(chat_server.url)
    assert caught.value.retryable


def test_an_error_with_status_200_and_a_refusal_name_what_the_endpoint_said(chat_server: ChatServer) -> None:
    chat_server.script = [Reply(body={"error": {"message": f"overloaded {KEY}"}})]
    with pytest.raises(ProviderError, match="overloaded") as caught:
        ask(chat_server.url)
    assert KEY not in str(caught.value)
    chat_server.script = [error(404, "no such model")]
    with pytest.raises(ProviderError, match="no such model") as caught:
        ask(chat_server.url)
    assert caught.value.fatal and KEY not in str(caught.value)
