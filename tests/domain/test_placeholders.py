"""Texts of new cases that are still to be replaced."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, GoldenDataset
from evalgate.domain.placeholders import MARK, describe_placeholders

TEXT = f"{MARK}: query 1"


def describe(*fields: dict[str, Any]) -> tuple[str, ...]:
    cases = tuple(Case(id=f"c{number}", fields=one) for number, one in enumerate(fields))
    return describe_placeholders(GoldenDataset(path="cases.jsonl", cases=cases))


@pytest.mark.parametrize("value", [TEXT, [{"role": "user", "content": TEXT}], {"a": {"b": [TEXT]}}])
def test_a_case_with_a_text_to_replace_is_counted(value: Any) -> None:
    (note,) = describe({"query": "why"}, {"query": value})
    assert note.startswith(f'1 of 2 cases of cases.jsonl have a text that begins with "{MARK}:"')


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text()))))
def test_other_cases_have_no_note(fields: list[dict[str, Any]]) -> None:
    assert describe(*fields) == ()
    assert describe({"query": f"Please {MARK}: this"}) == ()
