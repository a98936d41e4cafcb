"""The texts that `evalgate init` writes into new cases, for the user to replace."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain.inputs import GoldenDataset
from evalgate.domain.text import Json

MARK = "REPLACE"
"""The first word of each text that the user has to replace."""


def describe_placeholders(dataset: GoldenDataset) -> tuple[str, ...]:
    """Return a note on the cases that have a text which begins with `MARK` and a colon, if there are any."""
    count = sum(1 for case in dataset.cases if any(map(is_placeholder, case.fields.values())))
    if not count:
        return ()
    return (
        f'{count} of {len(dataset.cases)} cases of {dataset.path} have a text that begins with "{MARK}:", as '
        "`evalgate init` writes it. They say nothing about the prompt: write your own before you rely on a verdict",
    )


def is_placeholder(value: Json) -> bool:
    """Return whether a value has a text that begins with `MARK` and a colon."""
    if isinstance(value, str):
        return value.startswith(f"{MARK}: ")
    if isinstance(value, Mapping):
        return any(map(is_placeholder, value.values()))
    return isinstance(value, list | tuple) and any(map(is_placeholder, value))
