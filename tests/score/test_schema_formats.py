"""The formats that a JSON Schema asserts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from evalgate.score.schema_formats import is_pattern, make_format_checker

CHECKER = make_format_checker(Draft202012Validator)
ATOMS = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=5)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
ADDRESSES = st.builds(
    "{}@{}".format,
    st.lists(ATOMS, min_size=1, max_size=3).map(".".join),
    st.lists(LABELS, min_size=1, max_size=3).map(".".join),
)


@given(ADDRESSES, st.data())
def test_an_address_is_one_mailbox_and_nothing_else(address: str, data: st.DataObject) -> None:
    assert CHECKER.conforms(address, "email") and CHECKER.conforms(address, "idn-email")
    place = data.draw(st.integers(0, len(address)))
    for wrong in (
        f"{address[:place]} {address[place:]}",
        f"{address[:place]}@{address[place:]}",
        f"Ann <{address}>",
        address.partition("@")[0],
        f"{address}\n",
        f"{address}.",
        address.replace("@", "@.", 1),
        address.replace("@", ".@", 1),
        address.partition("@")[2],
        address.partition("@")[0] + "@",
    ):
        assert not CHECKER.conforms(wrong, "email") and not CHECKER.conforms(wrong, "idn-email"), wrong


@pytest.mark.parametrize(
    ("text", "ascii_only", "wide"),
    [
        ("te~st@example.com", True, True),
        ('"joe bloggs"@example.com', True, True),
        ('"joe@bloggs"@example.com', True, True),
        ("joe.bloggs@[127.0.0.1]", True, True),
        ("joe.bloggs@[IPv6:::1]", True, True),
        ("joe.bloggs@[127.0.0.300]", False, False),
        ("joe.bloggs@invalid=domain.com", False, False),
        ("실례@실례.테스트", False, True),
        ("hello@m\u00fcnchen.de", False, True),
        ("support @ shop", False, False),
        ("@", False, False),
    ],
)
def test_addresses_of_the_specifications(text: str, ascii_only: bool, wide: bool) -> None:
    assert CHECKER.conforms(text, "email") is ascii_only
    assert CHECKER.conforms(text, "idn-email") is wide


def test_a_long_text_takes_no_time() -> None:
    started = time.monotonic()
    for text in ("a." * 50_000, "a@" + "a-" * 50_000, '"' + "\\a" * 50_000, "a@" + "a." * 50_000 + "!"):
        assert not CHECKER.conforms(text, "email")
    assert time.monotonic() - started < 2


def test_other_values_and_drafts() -> None:
    assert all(CHECKER.conforms(value, name) for value in (1, None, [], {}) for name in CHECKER.checkers)
    assert not make_format_checker(Draft4Validator).conforms("@", "email")
    assert is_pattern(1) and is_pattern("a+")
