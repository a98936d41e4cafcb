"""The texts that a row may carry: what the application filled the prompt with, and what the model answered.

They are read only where an answer is scored or asked anew. No text of a row goes into the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class RowTexts(NamedTuple):
    """The `fields` and the `output` of a row, as the application wrote them. Both are untrusted."""

    fields: Mapping[str, Any]
    output: str


def read_texts(given: Mapping[str, Any]) -> RowTexts | None:
    """Return the texts of a row; None if it lacks one of them, or if one has another type."""
    return RowTexts(given["fields"], given["output"]) if has_texts(given) else None


def has_texts(given: Mapping[str, Any]) -> bool:
    """Return whether a row has an object `fields` and a text `output`."""
    return type(given.get("output")) is str and type(given.get("fields")) is dict
