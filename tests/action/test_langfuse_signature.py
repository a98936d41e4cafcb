"""Signatures of Langfuse's webhooks: those recorded from a server hold, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langfuse_deliveries import (
    RECORDED_AT,
    RECORDED_BODY,
    RECORDED_SIGNATURE,
    WEBHOOK_SECRET,
    Delivery,
    load_recorded,
    sign,
)

from evalgate.action.langfuse_signature import OLDEST_SECONDS, SKEW_SECONDS, check_signature
from evalgate.errors import InputError


def check(
    body: str = RECORDED_BODY,
    signature: str = RECORDED_SIGNATURE,
    secret: str = WEBHOOK_SECRET,
    *,
    now: float = RECORDED_AT,
) -> None:
    check_signature(body, signature, secret, now=now)


def test_a_recorded_signature_holds() -> None:
    check()


@pytest.mark.parametrize("recorded", load_recorded(), ids=lambda one: one.step.partition("[")[0].strip())
def test_all_recorded_signatures_hold_with_their_secret_alone(recorded: Delivery) -> None:
    at = float(recorded.signature[2:12])
    check(recorded.raw, recorded.signature, recorded.secret, now=at)
    with pytest.raises(InputError, match="does not match its body"):
        check(recorded.raw, recorded.signature, f"{recorded.secret}x", now=at)


@given(place=st.integers(0, len(RECORDED_BODY) - 1), char=st.characters())
def test_another_body_is_refused(place: int, char: str) -> None:
    body = RECORDED_BODY[:place] + char + RECORDED_BODY[place + 1 :]
    if body == RECORDED_BODY:
        check(body)
        return
    with pytest.raises(InputError, match="does not match its body"):
        check(body)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        RECORDED_SIGNATURE.replace("v1", "s"),
        RECORDED_SIGNATURE.upper(),
        f"{RECORDED_SIGNATURE}\n",
        f"{RECORDED_SIGNATURE},v1={'0' * 64}",
        RECORDED_SIGNATURE[:-1],
        RECORDED_SIGNATURE.replace("t=", "t=-"),
        "t=²,v1=" + "0" * 64,
    ],
)
def test_another_form_is_refused(signature: str) -> None:
    with pytest.raises(InputError, match="not in the form"):
        check(signature=signature)


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (OLDEST_SECONDS, None),
        (OLDEST_SECONDS + 1, "24 hours ago"),
        (-SKEW_SECONDS, None),
        (-SKEW_SECONDS - 1, "future"),
    ],
)
def test_a_signature_counts_for_a_day(age: int, said: str | None) -> None:
    if said is None:
        check(now=RECORDED_AT + age)
        return
    with pytest.raises(InputError, match=said):
        check(now=RECORDED_AT + age)


def test_the_time_is_signed_too() -> None:
    moved = RECORDED_SIGNATURE.replace(str(RECORDED_AT), str(RECORDED_AT + 10))
    with pytest.raises(InputError, match="does not match its body"):
        check(signature=moved)


def test_an_error_shows_neither_the_secret_nor_the_right_signature() -> None:
    with pytest.raises(InputError) as caught:
        check("{}")
    told = str(caught.value)
    assert WEBHOOK_SECRET not in told and sign("{}", WEBHOOK_SECRET, RECORDED_AT)[-64:] not in told
