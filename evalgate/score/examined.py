"""What a check examines: the value that it expects, and the text or JSON value of the output."""

from __future__ import annotations

from typing import Any

from evalgate.domain import Case, Check, Output, as_text, normalize
from evalgate.score.json_output import dig, parse, resolve
from evalgate.score.observation import NotScoredError, NoValueError, quote


def read_expected(check: Check, case: Case) -> Any:
    """Return the value that the check expects: its own, or that of the case's field. Without the field: Unscored."""
    options = check.options
    if "from" in options:
        path = str(options["from"])
        try:
            return dig(case.fields, path)
        except LookupError:
            raise NotScoredError(f'case {case.id} has no field "{path}"') from None
    if "values" in options:
        return options["values"]
    if "value" in options:
        return options["value"]
    raise ValueError(f'{check.name}: needs "value", "values" or "from"')


def read_texts(check: Check, case: Case) -> list[str]:
    """Return the texts to search for. Empty lists, and texts without a visible character, are Unscored."""
    texts = ["" if item is None else as_text(item) for item in as_list(read_expected(check, case))]
    if not texts or not all(map(normalize, texts)):
        source = f'field "{check.options["from"]}"' if "from" in check.options else "value"
        raise NotScoredError(f"case {case.id}: the {source} has no text to search for")
    return texts


def read_value(check: Check, output: Output) -> Any:
    """Return the JSON value that the check examines: the output, or the place `at` in it."""
    try:
        value = parse(output.text)
    except ValueError as error:
        raise NoValueError(f"must be JSON; found {error}, in {quote(output.text)}") from None
    pointer = str(check.options.get("at", ""))
    try:
        return resolve(value, pointer)
    except LookupError:
        raise NoValueError(f"must have something at {pointer}; found {quote(value)}") from None


def find_text(check: Check, output: Output) -> str:
    """Return the text that the check examines. A value at `at` that is not a string is returned as JSON."""
    if "at" not in check.options:
        return output.text
    value = read_value(check, output)
    if value is None:
        raise NoValueError(f"must have text at {check.options['at']}; found null")
    return as_text(value)


def fold(check: Check, text: str) -> str:
    r"""Return the text for a comparison, without case if the check ignores it. "\u0130" is a capital of "i"."""
    return text.casefold().replace("i\u0307", "i") if check.options.get("ignore_case") else text


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and any other value as the only item of one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def show_number(value: float, limit: float | None = None) -> str:
    """Format a number in short form that is on the same side of the limit as the number itself."""
    for digits in (4, 8, 12):
        short = f"{value:.{digits}g}"
        if "e" not in short and (limit is None or (float(short) > limit) == (value > limit)):
            return short
    return str(value)
