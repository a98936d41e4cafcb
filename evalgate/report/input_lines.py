"""The input of a case as lines: each field on one line, cut between words, and its whole text where that is longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalgate.domain import InputField
from evalgate.domain.numbers import show_count
from evalgate.report.escape import prose

LINE = 200
_SLACK = 40  # so few characters more are shown rather than cut off
_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLine:
    """A field of an input: its name, its text on one line, and the whole text if the line is not all of it.

    The texts still need the escaping of their channel.
    """

    name: str
    text: str
    whole: str = ""


def make_input_lines(fields: Sequence[InputField], *, most: int = 20) -> tuple[InputLine, ...]:
    """Return a line of about 200 characters for each of the first `most` fields, and one that counts the others."""
    lines = [_make_line(field) for field in fields[:most]]
    left = len(fields) - most
    if left > 0:
        lines.append(InputLine(name="...", text=f"and {show_count(left, 'more field')}"))
    return tuple(lines)


def _make_line(field: InputField) -> InputLine:
    name = prose(field.name, most=_NAME)
    one = prose(field.text, most=len(field.text))
    if not one:
        return InputLine(name=name, text="(empty)")
    short = _cut(one)
    return InputLine(name=name, text=short, whole="" if short == field.text.strip() else field.text)


def _cut(text: str) -> str:
    """Return the text, or its first words of about 200 characters; a word is cut only where it is very long."""
    if len(text) <= LINE + _SLACK:
        return text
    end = text.rfind(" ", LINE // 2, LINE + 1)
    return f"{text[: end if end > 0 else LINE]} ..."
