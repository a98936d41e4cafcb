from __future__ import annotations

from typing import Any

import pytest

from evalgate.errors import Fault
from evalgate.inputs.formats.rows import number_rows
from evalgate.inputs.row_values import read_amount, read_cluster, read_count, read_name


def read(reader: Any, value: Any, key: str) -> tuple[Any, list[str]]:
    (row,) = number_rows({1: {key: value}}, "f").rows
    faults: list[Fault] = []
    found = reader(row, faults) if reader is read_cluster else reader(row, key, faults)
    return found, [fault.message for fault in faults]


@pytest.mark.parametrize(
    ("reader", "value", "found"),
    [
        (read_name, " a ", "a"),
        (read_name, 7, "7"),
        (read_count, 0, 0),
        (read_count, 3, 3),
        (read_amount, None, None),
        (read_amount, 1, 1.0),
        (read_cluster, "", None),
        (read_cluster, 12, "12"),
    ],
)
def test_a_value_of_the_right_type_is_read(reader: Any, value: Any, found: Any) -> None:
    assert read(reader, value, "cluster" if reader is read_cluster else "k") == (found, [])


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (read_name, " "),
        (read_name, "\u200b\u00ad"),
        (read_cluster, "\u200b"),
        (read_name, 1.5),
        (read_name, ["a"]),
        (read_count, -1),
        (read_count, True),
        (read_count, 1.5),
        (read_amount, "1"),
        (read_amount, -0.1),
        (read_amount, True),
        (read_cluster, "  "),
        (read_cluster, {"a": 1}),
    ],
)
def test_a_value_of_another_type_is_a_fault_that_names_the_key(reader: Any, value: Any) -> None:
    key = "cluster" if reader is read_cluster else "k"
    _, messages = read(reader, value, key)
    assert len(messages) == 1 and f'"{key}"' in messages[0]


def test_a_missing_name_has_the_message_of_its_reader() -> None:
    (row,) = number_rows({1: {}}, "f").rows
    faults: list[Fault] = []
    assert read_name(row, "id", faults, missing='"case" is missing') == ""
    assert [fault.message for fault in faults] == ['"case" is missing']
