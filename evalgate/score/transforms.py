"""Transforms: the part of an output that a check examines, taken out before the check."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.domain import Check, as_text, normalize
from evalgate.score.json_output import parse, pointer_parts, resolve
from evalgate.score.observation import NoValueError, quote
from evalgate.score.patterns import compile_group

LAST_CODE_BLOCK = "last_code_block"
_LINE_BREAK = re.compile(r"\r\n|\r|\n")  # those of Markdown, not of Unicode
_OPENING = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_CLOSING = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*")


def transform(check: Check, text: str) -> str:
    """Return what the steps of the check's `transform` leave of a text; the text itself without any.

    A step is "last_code_block", `{pointer: JSON POINTER}` or `{regex: PATTERN, group: NUMBER}`. Each takes what the one
    before it found. Raises NoValueError if a step finds nothing, or nothing that is visible, and SlowPatternError.
    """
    for step in _list_steps(check):
        found = _take(step, text)
        if not normalize(found):
            raise NoValueError(f"must have a text after {_name(step)}; found none in {quote(text)}")
        text = found
    return text


def validate_transform(check: Check) -> None:
    """Check the steps of a transform. Raises ValueError, with a sentence, for one that cannot be used."""
    for step in _list_steps(check):
        if isinstance(step, str):
            if step != LAST_CODE_BLOCK:
                raise ValueError(f'{check.name}: unknown step of a transform: "{step}"')
        elif "regex" in step:
            compile_group(str(step["regex"]), step.get("group"))
        elif "group" in step:
            raise ValueError(f'{check.name}: "group" of a transform needs "regex"')
        elif "pointer" in step:
            pointer_parts(str(step["pointer"]))
        else:
            raise ValueError(f'{check.name}: a step of a transform needs "pointer" or "regex"')


def find_last_code_block(text: str) -> str | None:
    """Return the content of the last fenced code block of Markdown; None if there is none, or if it has no end.

    A block begins and ends with three or more backticks or tildes at the start of a line. Takes linear time.
    """
    fence, start, last = "", 0, None
    lines = _LINE_BREAK.split(text)
    for number, line in enumerate(lines):
        if not fence:
            opening = _OPENING.match(line)
            fence, start = (opening[1], number + 1) if opening else ("", start)
            continue
        closing = _CLOSING.fullmatch(line)
        if closing and closing[1][0] == fence[0] and len(closing[1]) >= len(fence):
            last, fence = (start, number), ""
    return None if fence or last is None else "".join(f"{line}\n" for line in lines[last[0] : last[1]])


def _list_steps(check: Check) -> Sequence[str | Mapping[str, Any]]:
    given: Any = check.options.get("transform", ())
    return list(given) if isinstance(given, list | tuple) else [given]


def _take(step: str | Mapping[str, Any], text: str) -> str:
    if isinstance(step, str):
        return find_last_code_block(text) or ""
    if "regex" in step:
        return compile_group(str(step["regex"]), step.get("group"))(text) or ""
    try:
        value = resolve(parse(text), str(step["pointer"]))
    except ValueError as error:
        raise NoValueError(f"must be JSON for {_name(step)}; found {error}, in {quote(text)}") from None
    except LookupError:
        return ""
    return "" if value is None else as_text(value)


def _name(step: str | Mapping[str, Any]) -> str:
    if isinstance(step, str):
        return f"the transform {step}"
    return f"the transform {quote(str(step.get('regex', step.get('pointer'))))}"
