"""Texts that `evalgate init` leaves for the user to replace, and the cases that still have them."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain import GoldenDataset, Json
from evalgate.domain.note_beginnings import PLACEHOLDERS

PLACEHOLDER = "REPLACE"
"""The first word of each text that the user has to replace."""


def describe_placeholders(dataset: GoldenDataset) -> tuple[str, ...]:
    """Return a note on how many cases still have a placeholder; empty if none has."""
    count = sum(any(map(_holds_placeholder, case.fields.values())) for case in dataset.cases)
    if not count:
        return ()
    has = "case has" if count == 1 else "cases have"
    return (
        f"{PLACEHOLDERS}{count} of {len(dataset.cases)} {has} a text that begins with {PLACEHOLDER}, as "
        "`evalgate init` writes it; a verdict means nothing before real texts replace them",
    )


def _holds_placeholder(value: Json) -> bool:
    if isinstance(value, str):
        return value.startswith(f"{PLACEHOLDER}:")
    if isinstance(value, Mapping):
        return any(map(_holds_placeholder, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_placeholder, value))
