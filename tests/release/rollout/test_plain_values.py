from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import digest
from evalgate.release.rollout.plain_values import MOST_DEPTH, is_plain

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(VALUES)
def test_what_is_plain_can_be_sent_and_digested(value: Any) -> None:
    if is_plain(value):
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        digest(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"\udfff": 1}, [[{"a": ["\ud800"]}]]])
def test_what_no_request_can_carry_is_not_plain(value: Any) -> None:
    assert not is_plain(value) and not is_plain({"a": [value]})


def test_deep_values_are_not_plain() -> None:
    value: Any = "x"
    for _ in range(MOST_DEPTH - 1):
        value = [value]
    assert is_plain(value) and not is_plain([value])
    for _ in range(100_000):
        value = [value]
    assert not is_plain(value)
