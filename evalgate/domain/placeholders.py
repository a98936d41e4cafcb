"""Texts that `evalgate init` leaves for the user to replace, and the cases that still have them."""

from __future__ import annotations

from collections.abc import Mapping

from evalgate.domain.inputs import GoldenDataset
from evalgate.domain.note_beginnings import PLACEHOLDERS
from evalgate.domain.prompt_version import PromptVersion
from evalgate.domain.text import Json

PLACEHOLDER = "REPLACE"
"""The first word of each text that the user has to replace."""
_IMAGE = f"https://example.com/{PLACEHOLDER}-"


def describe_placeholders(dataset: GoldenDataset, version: PromptVersion) -> tuple[str, ...]:
    """Return a note on how many cases still have a placeholder, and one on a prompt that is one; empty if none is."""
    notes = []
    count = sum(any(map(is_placeholder, case.fields.values())) for case in dataset.cases)
    if count:
        has = "case has" if count == 1 else "cases have"
        notes.append(
            f"{PLACEHOLDERS}{count} of {len(dataset.cases)} {has} a text that begins with {PLACEHOLDER}, as "
            "`evalgate init` writes it; a verdict means nothing before real texts replace them"
        )
    if any(is_placeholder(text) for _, text in version.list_templates()):
        notes.append(
            f"{PLACEHOLDERS}a message of {version.path} begins with {PLACEHOLDER}, as an import writes it for a prompt "
            "that is not at hand; a verdict means nothing before the real text replaces it"
        )
    return tuple(notes)


def make_image(number: int) -> str:
    """Return the address of an image that the user has to replace."""
    return f"{_IMAGE}{number}.png"


def is_placeholder(value: Json) -> bool:
    """Return whether a value has a text that begins with the word and a colon, or is the address of such an image."""
    if isinstance(value, str):
        return value.startswith((f"{PLACEHOLDER}:", _IMAGE))
    if isinstance(value, Mapping):
        return any(map(is_placeholder, value.values()))
    return isinstance(value, list | tuple) and any(map(is_placeholder, value))
