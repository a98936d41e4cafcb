from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Column, GoldenDataset
from evalgate.errors import InputError
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.tree import WorkTree


class _Items(WorkTree):
    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = items

    def read(self, path: str) -> bytes:
        full = [
            {"id": f"i{number}", "expected": None, "metadata": None, **one} for number, one in enumerate(self._items)
        ]
        return json.dumps(full).encode()


def load(*items: dict[str, Any], **columns: Column) -> GoldenDataset:
    return load_dataset(_Items(list(items)), "langfuse:golden", columns)


def refuse(*items: dict[str, Any], **columns: Column) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(*items, **columns)
    return [str(fault) for fault in caught.value.faults]


def test_an_object_is_fields_and_a_text_is_the_field_input() -> None:
    found = load(
        {"input": {"q": "a", "n": 1}, "expected": "x", "metadata": {"tags": ["t"], "cluster": "c", "other": 1}},
        {"input": "hello", "expected": {"answer": "y"}, "metadata": {"tags": "one"}},
        {"input": [{"role": "user", "content": "x"}]},
    )
    assert [dict(case.fields) for case in found.cases] == [
        {"q": "a", "n": 1, "expected": "x", "cluster": "c"},
        {"input": "hello", "expected": {"answer": "y"}},
        {"input": [{"role": "user", "content": "x"}]},
    ]
    assert [(case.id, case.tags, case.cluster) for case in found.cases] == [
        ("i0", ("t",), "c"), ("i1", ("one",), None), ("i2", (), None),
    ]  # fmt: skip


@given(st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_bare_number_is_refused_until_the_gate_says_what_it_is(value: Any) -> None:
    (fault,) = refuse({"input": {"q": "a"}, "expected": value})
    assert fault.startswith(f'langfuse:golden, item i0: "expected" is {json.dumps(value)}, which may have been a text')
    assert "`fields: {expected: {json: false}}`" in fault
    as_text = load({"input": {"q": "a"}, "expected": value}, expected=Column(name="expected", json=False))
    as_json = load({"input": {"q": "a"}, "expected": value}, expected=Column(name="expected", json=True))
    assert as_text.cases[0].fields["expected"] == json.dumps(value)
    assert as_json.cases[0].fields["expected"] == value and type(as_json.cases[0].fields["expected"]) is type(value)


def test_numbers_inside_an_object_are_what_they_are() -> None:
    assert load({"input": {"n": 42}, "expected": {"n": 4.2}}).cases[0].fields == {"n": 42, "expected": {"n": 4.2}}


@pytest.mark.parametrize("key", ["id", "tags", "cluster", "expected"])
def test_an_input_has_no_key_that_is_the_cases(key: str) -> None:
    (fault,) = refuse({"input": {key: "x", "q": "a"}, "expected": "y"})
    assert f'langfuse:golden, item i0: its input has the key "{key}"' in fault and "in Langfuse" in fault


def test_an_empty_dataset_is_refused() -> None:
    assert "the dataset is empty" in refuse()[0]


def test_columns_have_other_names() -> None:
    found = load({"input": "42", "expected": "x"}, query=Column(name="input"))
    assert found.cases[0].fields == {"query": "42", "expected": "x"}
