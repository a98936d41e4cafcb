"""The observation of a check, and the words of its reasons. Shared by all checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evalgate.domain import as_text
from evalgate.domain.lists import name_some

_QUOTE = 60  # characters of a text that a reason quotes


@dataclass(frozen=True, slots=True)
class Observation:
    """The observation of a check: whether it `holds` (before negation), the requirement, and the text found.

    `wanted` is the requirement as a phrase ("contain ...").
    """

    holds: bool
    wanted: str
    found: str


class NoValueError(Exception):
    """The output lacks the value that the check examines. The score is 0, for a `not_` form too."""


class NotScoredError(Exception):
    """The case lacks a field, or the output a measurement, that the check needs. The result is Unscored."""


def join_texts(texts: Sequence[str]) -> str:
    """Name up to three texts, each quoted and clipped."""
    return name_some([quote(text) for text in texts], 3)


def quote(value: Any) -> str:
    """Quote a text, or show any other value as JSON, in at most 60 characters."""
    return f'"{clip(value, _QUOTE)}"' if isinstance(value, str) else clip(as_text(value), _QUOTE)


def clip(text: str, size: int) -> str:
    """Cut a text at its end."""
    return text if len(text) <= size else f"{text[: size - 1]}…"


def shorten(text: str, size: int) -> str:
    """Cut a text in the middle: a schema's message has the value at its start and the problem at its end."""
    return text if len(text) <= size else f"{text[: size // 2 - 1]}…{text[-(size // 2) :]}"
