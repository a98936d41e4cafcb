"""The JSON values inside a text, and the check that one is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from evalgate.domain import Case, Check, Output, Unscored, strict_json
from evalgate.score import value_schema
from evalgate.score.observation import NotScoredError, Observation, quote, shorten

# a bracket with what JSON may have after it
_START = re.compile(r'\{(?=[ \t\r\n]*["}])|\[(?=[ \t\r\n]*["\[{\]0-9tfn-])')
_LENIENT = json.JSONDecoder(strict=False)
_MOST = 20
"""How many values are compared with a schema, which has a time limit for each."""
_ROUNDS = 4
"""How often as many characters may be read as the text has, and `_FREE` more."""
_FREE = 100_000


def check_contains_json(check: Check, case: Case, output: Output) -> Observation:
    """Require a JSON object or list anywhere in the text, one of which fits the schema, if there is one."""
    fits = "schema" in check.options
    wanted = f"contain JSON{f' that fits {_describe(check)}' if fits else ''}"
    fault: str | None = None
    for value in islice(find_values(output.text), _MOST):
        found = value_schema.find_fault(check, value) if fits else None
        if isinstance(found, Unscored):
            raise NotScoredError(found.reason)
        if found is None:
            return Observation(True, wanted, quote(value))
        fault = fault or found
    return Observation(False, wanted, shorten(fault, 110) if fault else f"none in {quote(output.text)}")


def find_values(text: str) -> Iterator[Any]:
    """Yield the JSON objects and lists in a text that are in no other one, from left to right.

    JSON is strict (`json_output.parse`). What is inside of broken JSON, before its fault, does not count: the list in
    `{"a": [1],}` is a part of something that cannot be read. A text in which many brackets are not JSON is read to a
    fixed multiple of its length, and no further.
    """
    left = _ROUNDS * len(text) + _FREE
    place = 0
    while left > 0 and (start := _START.search(text, place)) is not None:
        try:
            value, place = strict_json.DECODER.raw_decode(text, start.start())
        except ValueError as error:
            stopped = _find_fault(error, text, start.start())
            place = max(start.end(), stopped)
            # the parser also counts the lines before the error
            left -= max(1, stopped - start.start()) + stopped // 128
            continue
        except RecursionError:
            place = start.end()
            left -= len(text) // 8 + 1
            continue
        left -= place - start.start()
        yield value


def _find_fault(error: ValueError, text: str, start: int) -> int:
    """Return where the JSON that starts at a place is broken, or where it ends if only its values are refused."""
    fault: Exception = error
    # a key that is given twice, NaN, a number that is too large, or a line break in a text
    if not isinstance(error, json.JSONDecodeError) or error.msg.startswith("Invalid control"):
        try:
            return _LENIENT.raw_decode(text, start)[1]
        except (ValueError, RecursionError) as other:
            fault = other
    # the place of a text without an end is that of its beginning
    if not isinstance(fault, json.JSONDecodeError) or fault.msg.startswith("Unterminated string"):
        return len(text)
    return fault.pos


def _describe(check: Check) -> str:
    return "the schema" if check.options.get("inline") else str(check.options.get("schema_path", "the schema"))
