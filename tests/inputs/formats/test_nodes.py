"""Nodes: values with their places, and faults of a file in their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.errors import Fault, InputError, Place
from evalgate.inputs.formats.nodes import MAX_FAULTS, Node, line_and_column, raise_faults

MAPPING = Node({"a": 1}, 2, 3, children={"a": Node(1, 2, 6, text="1")}, keys={"a": (2, 3)})
LIST = Node([1], 1, 1, children=[Node(1, 1, 2)])


def test_a_mapping_gives_its_nodes_by_key_and_a_list_gives_them_in_order() -> None:
    assert MAPPING["a"].data == 1 and MAPPING.get("b") is None and [key for key, _ in MAPPING.items()] == ["a"]
    with pytest.raises(KeyError):
        MAPPING["b"]
    assert [node.data for node in LIST] == [1] and list(LIST.items()) == [] and list(MAPPING) == []


def test_a_key_has_a_place_of_its_own_and_a_missing_one_that_of_the_mapping() -> None:
    assert str(MAPPING.key_place("a", "f")) == "f:2:3" == str(MAPPING.key_place("b", "f"))
    assert str(MAPPING["a"].place("f")) == "f:2:6"


@given(st.text("ab\n", max_size=60), st.data())
def test_a_position_has_the_line_and_column_in_which_it_is_found(text: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text)))
    line, column = line_and_column(text, position)
    assert sum(len(part) + 1 for part in text.split("\n")[: line - 1]) + column - 1 == position


def test_faults_are_told_once_and_in_the_order_of_their_places() -> None:
    faults = [Fault(message=name, place=Place(path=path, line=line)) for path, line, name in
              (("other", 1, "z"), ("f", 9, "b"), ("f", 2, "a"), ("f", 9, "b"))]  # fmt: skip
    with pytest.raises(InputError) as caught:
        raise_faults(faults, "f")
    assert [fault.message for fault in caught.value.faults] == ["a", "b", "z"]
    raise_faults([], "f")


def test_of_very_many_faults_the_rest_is_counted() -> None:
    faults = [Fault(message=str(n), place=Place(path="f", line=n)) for n in range(1, MAX_FAULTS + 8)]
    with pytest.raises(InputError) as caught:
        raise_faults(faults, "f")
    assert len(caught.value.faults) == MAX_FAULTS + 1 and caught.value.faults[-1].message == "and 7 more"
