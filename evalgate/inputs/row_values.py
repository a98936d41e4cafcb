"""Readers of the values that rows of several kinds have: names, counts, amounts, clusters."""

from __future__ import annotations

from evalgate.domain import normalize
from evalgate.errors import Fault
from evalgate.inputs.formats.data_file import string_value
from evalgate.inputs.formats.rows import DataRow


def read_name(row: DataRow, key: str, faults: list[Fault], missing: str | None = None) -> str:
    """Return an id as text. If it is missing or invalid, add a fault and return ""."""
    if key not in row.fields:
        faults.append(row.fault(missing or f'"{key}" is missing'))
        return ""
    value = string_value(row.fields[key])
    if value is None:
        faults.append(row.fault(f'"{key}" must be text or a whole number', key, "put it in quotes"))
        return ""
    if not normalize(value):
        faults.append(row.fault(f'"{key}" is empty', key))
    return value.strip()


def read_count(row: DataRow, key: str, faults: list[Fault]) -> int:
    value = row.fields.get(key)
    if row.text_only and isinstance(value, str):
        value = row.number(key)
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        faults.append(row.fault(f'"{key}" must be a whole number from 0', key))
        return 0
    return value


def read_amount(row: DataRow, key: str, faults: list[Fault]) -> float | None:
    value = row.fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        faults.append(row.fault(f'"{key}" must be a number from 0', key))
        return None
    return float(value)


def read_cluster(row: DataRow, faults: list[Fault]) -> str | None:
    """Return the case's cluster; None if the key is absent or empty."""
    value = row.fields.get("cluster")
    if value is None or value == "":
        return None
    text = string_value(value)
    if text is None or not normalize(text):
        faults.append(row.fault('"cluster" must be text or a whole number', "cluster", "put it in quotes"))
        return None
    return text.strip()
