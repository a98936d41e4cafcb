"""Checks on single outputs, for tables of rows that pass and rows that fail."""

from __future__ import annotations

import json
from typing import Any

from evalgate.domain import Case, Check, Output, Score, Scored
from evalgate.score import checks

HOSTILE = [
    "",
    " \n\u200b",
    "\0",
    "\0" * 1000,
    "\ud800",
    'x\udfff{"a": "\ud800"}',
    "[" * 100_000,
    "(" * 100_000,
    "{" * 50_000 + "}" * 50_000,
    '{"a":' * 20_000,
    "[1," * 50_000,
    "<a>" * 50_000,
    "`" * 100_000,
    "```\n" * 20_000 + "~~~",
    "a" * 300_000 + "!",
    "1" * 100_000,
    "1," * 50_000,
    "1e9999 -1e-9999 1e999999999",
    "I'm sorry, " * 10_000,
    "SELECT " + "(" * 20_000,
    "'" * 99_999,
    "\U000e0041\U000e0042",
    json.dumps({"a": "x" * 100_000}),
]
"""Outputs that are huge, deep, broken, or shown as nothing."""


def score(
    kind: str, text: str, fields: dict[str, Any] | None = None, parts: tuple[Check, ...] = (), **options: Any
) -> Scored:
    """Validate a check and score one output with it."""
    if "from_" in options:
        options["from"] = options.pop("from_")
    check = Check(name="it", type=kind, options=options, parts=parts)
    checks.validate(check)
    return checks.score(check, Case(id="c", fields=fields or {}), Output(text=text))


def value(kind: str, text: str, fields: dict[str, Any] | None = None, **options: Any) -> float:
    """Return the score of one output, whose reason is short."""
    scored = score(kind, text, fields, **options)
    assert isinstance(scored, Score), scored
    assert scored.reason and len(scored.reason) <= 200
    return scored.value


def fails_on_all_hostile(kind: str, **options: Any) -> bool:
    """Return whether a check passes none of the hostile outputs and raises nothing."""
    return not any(isinstance(found := score(kind, text, **options), Score) and found.value == 1.0 for text in HOSTILE)
