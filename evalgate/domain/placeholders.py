"""Texts that `evalgate init` leaves for the user to replace, and the cases that still have them."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain.inputs import GoldenDataset
from evalgate.domain.note_beginnings import PLACEHOLDERS
from evalgate.domain.text import Json

PLACEHOLDER = "REPLACE"
"""The first word of each text that the user has to replace."""


def describe_placeholders(dataset: GoldenDataset) -> tuple[str, ...]:
    """Return a note on how many cases still have a placeholder; empty if none has."""
    count = sum(any(map(is_placeholder, case.fields.values())) for case in dataset.cases)
    if not count:
        return ()
    has = "case has" if count == 1 else "cases have"
    return (
        f"{PLACEHOLDERS}{count} of {len(dataset.cases)} {has} a text that begins with {PLACEHOLDER}, as "
        "`evalgate init` writes it; a verdict means nothing before real texts replace them",
    )


def is_placeholder(value: Json) -> bool:
    """Return whether a value has a text that begins with the word and a colon."""
    if isinstance(value, str):
        return value.startswith(f"{PLACEHOLDER}:")
    if isinstance(value, Mapping):
        return any(map(is_placeholder, value.values()))
    return isinstance(value, list | tuple) and any(map(is_placeholder, value))
