"""Secrets are removed from answers and errors before anything stores them."""

from __future__ import annotations

import asyncio

import pytest
from scripted_provider import ScriptedProvider, make_request

from evalgate.domain import Failure, Outcome, Output, ToolCall
from evalgate.execute.providers.masked import MaskedProvider
from evalgate.execute.providers.protocol import ProviderError
from evalgate.mask import Mask

SECRET = "sk-proj-0123456789"


def ask(answer: Outcome | ProviderError) -> Outcome:
    provider = MaskedProvider(ScriptedProvider(lambda request, n: answer), Mask((SECRET,)))
    return asyncio.run(provider.answer(make_request("q")))


@pytest.mark.parametrize(
    "answer",
    [
        Output(text=f"the key is {SECRET}", served_by=SECRET),
        Output(text="", tool_calls=(ToolCall(name="f", arguments=f'{{"key": "{SECRET}"}}'),)),
        Failure(kind="unusable", message=f"refused: {SECRET}"),
    ],
)
def test_no_part_of_an_answer_shows_a_secret(answer: Outcome) -> None:
    assert SECRET not in repr(ask(answer)) and SECRET in repr(answer)


def test_an_error_shows_no_secret_and_stays_the_same_kind() -> None:
    with pytest.raises(ProviderError) as caught:
        ask(ProviderError(f"no access for {SECRET}", said=f": {SECRET}", fatal=True))
    assert SECRET not in f"{caught.value} {caught.value.message} {caught.value.own}" and caught.value.fatal


def test_everything_else_is_the_wrapped_provider_s() -> None:
    inner = ScriptedProvider(lambda request, n: Output(text="x"))
    provider = MaskedProvider(inner, Mask((SECRET,)))
    assert (provider.memory, provider.concurrency) == (inner.memory, inner.concurrency)
    assert asyncio.run(provider.is_there()) is asyncio.run(inner.is_there())
