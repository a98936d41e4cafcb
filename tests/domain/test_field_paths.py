from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.field_paths import dig, step

DATA: dict[str, Any] = {"user": {"names": ["Ada", {"x": None}]}, "user.names": "whole", "0": "key"}


@pytest.mark.parametrize(
    ("path", "found"), [("user.names", "whole"), ("user.names.0", "Ada"), ("0", "key"), ("user.names.1.x", None)]
)
def test_a_whole_field_name_takes_precedence_over_a_path(path: str, found: Any) -> None:
    assert dig(DATA, path) == found


@pytest.mark.parametrize("path", ["", "unknown", "user.", "user.names.2", "user.names.-1", "user.names.00", "0.x"])
def test_a_path_to_nothing_is_an_error(path: str) -> None:
    with pytest.raises(LookupError):
        dig(DATA, path)


@given(st.recursive(st.integers(), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=5), st.data())
def test_a_path_of_indexes_leads_into_nested_lists(value: Any, data: st.DataObject) -> None:
    parts, here = [], value
    while isinstance(here, list):
        parts.append(data.draw(st.integers(0, len(here) - 1)))
        here = step(here, str(parts[-1]))
    if parts:
        assert dig(value, ".".join(map(str, parts))) == here
