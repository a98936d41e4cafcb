"""Helpers for tests of the readers of YAML, JSON and CSV."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from evalgate.errors import InputError
from evalgate.inputs.formats import yaml as yaml_text

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def values(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
        max_leaves=20,
    )


def fault(text: str, reader: Any = yaml_text.parse) -> str:
    with pytest.raises(InputError) as caught:
        reader(text, "f")
    return str(caught.value.faults[0])


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types: 1 is neither True nor 1.0."""
    return repr(left) == repr(right)
