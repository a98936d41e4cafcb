"""Options of a check whose values are fields of the case: the check as it is for one case."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from evalgate.domain import Case, Check, Json
from evalgate.score import value_schema
from evalgate.score.json_output import dig, parse, pointer_parts
from evalgate.score.patterns import validate_pattern
from evalgate.score.text_checks import MAX_DISTANCE

_NUMBER = re.compile(r"[0-9]{1,16}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?")  # as Python writes one
_SCHEMAS = 256


class CaseOptionError(ValueError):
    """A field of a case that cannot be the value of an option. The message is a sentence without the case's id."""


def bind(check: Check, case: Case) -> Check:
    """Return the check for one case, in which each option of `from_case` has the value of its field.

    Raises CaseOptionError if the case lacks a field, or if a value cannot be used.
    """
    if check.parts:
        check = replace(check, parts=tuple(bind(part, case) for part in check.parts))
    if not check.from_case:
        return check
    given = {option: _read(check, option, path, case) for option, path in check.from_case.items()}
    if "schema" in given:
        return _bind_schema(json.dumps([check.name, check.type, {**check.options, **given}], default=list))
    return replace(check, options={**check.options, **given}, from_case={})


def find_faults(check: Check, cases: Iterator[Case]) -> Iterator[tuple[Case, str]]:
    """Yield the cases for which the check cannot be used, each with the reason. Missing fields are not reported."""
    for case in cases:
        try:
            if all(_has(case, path) for each in check.nested for path in each.from_case.values()):
                bind(check, case)
        except CaseOptionError as error:
            yield case, str(error)


def _read(check: Check, option: str, path: str, case: Case) -> Json:
    try:
        value: Json = dig(case.fields, path)
    except LookupError:
        raise CaseOptionError(f'it has no field "{path}"') from None
    read = _READERS.get(option, _read_number)
    try:
        return read(check, value)
    except ValueError as error:
        raise CaseOptionError(f'the field "{path}" cannot be "{option}": {error}') from None


def _read_signed(check: Check, value: Any) -> Json:
    """Return a number that may be less than 0."""
    written = value.strip() if isinstance(value, str) else value
    below = written.startswith("-") if isinstance(written, str) else isinstance(written, int | float) and written < 0
    try:
        read: Any = _read_number(check, written[1:] if isinstance(written, str) else -written) if below else None
        return _read_number(check, written) if read is None else -read
    except ValueError:
        raise ValueError("it is not a number") from None


def _read_distance(check: Check, value: Any) -> Json:
    count = _read_whole(check, value)
    if count is None or count > MAX_DISTANCE:
        raise ValueError(f"it is not a whole number from 0 to {MAX_DISTANCE}")
    return count


def _read_number(check: Check, value: Any) -> Json:
    """Return a limit: a number of 0 or more. A text that is one counts as well, because cells of a CSV are texts."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = int(value) if value.strip().isdigit() else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("it is not a number of 0 or more")
    return value


def _read_whole(check: Check, value: Any) -> int | None:
    """Return a whole number, which a table may have as 3.0; None for another one."""
    number: Any = _read_number(check, value)
    return int(number) if number == int(number) else None


def _read_count(check: Check, value: Any) -> Json:
    count = _read_whole(check, value)
    if count is None or count < 1:
        raise ValueError("it is not a whole number of 1 or more")
    return count


def _read_pattern(check: Check, value: Any) -> Json:
    if not isinstance(value, str) or not value:
        raise ValueError("it is not a regular expression")
    validate_pattern(value, bool(check.options.get("ignore_case")))
    return value


def _read_pointer(check: Check, value: Any) -> Json:
    if not isinstance(value, str):
        raise ValueError("it is not a JSON Pointer")
    pointer_parts(value)
    return value


def _read_names(check: Check, value: Any) -> Json:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) and n.strip() for n in names):
        raise ValueError("it is not a name, nor a list of names")
    return list(names)


def _read_schema(check: Check, value: Any) -> Json:
    """Return a JSON Schema. It may be written as JSON in a text. It cannot refer to other documents."""
    found = parse(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise ValueError("it is not a JSON Schema")
    value_schema.make_validator(_bind_schema(json.dumps([check.name, check.type, {**check.options, "schema": found}])))
    return dict(found)


_READERS: Mapping[str, Callable[[Check, Any], Json]] = {
    "at": _read_pointer,
    "fields": _read_names,
    "max": _read_signed,
    "max_distance": _read_distance,
    "min": _read_signed,
    "pattern": _read_pattern,
    "schema": _read_schema,
    "times": _read_count,
    "value": _read_signed,
}


@functools.lru_cache(maxsize=_SCHEMAS)
def _bind_schema(text: str) -> Check:
    """Return one Check object for equal texts, because a validator is compiled once for each object."""
    name, kind, options = json.loads(text)
    return Check(name=name, type=kind, options={**options, "inline": True})


def _has(case: Case, path: str) -> bool:
    try:
        dig(case.fields, path)
    except LookupError:
        return False
    return True
