from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain.case_ids import derive_case_id, describe_lost, is_derived

FIELDS = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=4)


@given(FIELDS, st.sampled_from(["id", "tags", "cluster"]), st.text(max_size=5))
def test_an_id_depends_on_the_content_alone(fields: dict[str, Any], own: str, value: str) -> None:
    derived = derive_case_id(fields)
    assert is_derived(derived)
    assert derive_case_id(dict(reversed([*fields.items()]))) == derived
    kept = {key: each for key, each in fields.items() if key != own}
    assert derive_case_id({**kept, own: value}) == derive_case_id(kept)


@given(FIELDS, FIELDS)
def test_other_content_has_another_id(one: dict[str, Any], two: dict[str, Any]) -> None:
    own = {"id", "tags", "cluster"}
    same = {k: v for k, v in one.items() if k not in own} == {k: v for k, v in two.items() if k not in own}
    assert (derive_case_id(one) == derive_case_id(two)) == same


@pytest.mark.parametrize("given_id", ["row-1", "row-0123456789ABCDEF", "x-row-0123456789abcdef", "a"])
def test_a_given_id_is_not_a_derived_one(given_id: str) -> None:
    assert not is_derived(given_id)
    assert describe_lost([given_id]) == ""


def test_a_lost_case_without_an_id_says_to_give_ids() -> None:
    assert "give ids" in describe_lost(["a", f"{derive_case_id({'q': 'x'})}-2"])
