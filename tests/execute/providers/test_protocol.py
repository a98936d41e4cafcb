"""The error of a provider, and a provider without an endpoint."""

from __future__ import annotations

import asyncio

from evalgate.execute.providers.protocol import ProviderError, WithoutEndpoint


def test_the_endpoint_s_own_words_are_in_the_message_and_not_in_the_one_for_other_readers() -> None:
    error = ProviderError("x refused", said=": your prompt was ...")
    assert str(error) == error.message == "x refused: your prompt was ..."
    assert error.own == "x refused (the endpoint's message is withheld)"
    error.adding(" (3 tries)")
    assert error.message.endswith("... (3 tries)") and error.own.endswith("withheld) (3 tries)")


def test_nothing_is_withheld_where_the_endpoint_said_nothing() -> None:
    error = ProviderError("no connection")
    assert error.message == error.own == "no connection"


def test_a_provider_without_an_endpoint_always_responds() -> None:
    provider = WithoutEndpoint()
    provider.listen(lambda headroom: None)
    assert asyncio.run(provider.is_there())
    asyncio.run(provider.aclose())
