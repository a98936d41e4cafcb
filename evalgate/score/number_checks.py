"""The check of a number: the only one in a text, or the one at a place of the output."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from evalgate.domain import Case, Check, Output
from evalgate.score.examined import read_value
from evalgate.score.observation import NoValueError, Observation, quote
from evalgate.score.shown_text import decode_entities, show_text

# what is read as a minus; a dash between two words or numbers is none
_DASHES = "-\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_SIGNS = (
    r"$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf\ua838"
    r"\ufdfc\ufe69\uff04\uffe0\uffe1\uffe5\uffe6\U00011fdd-\U00011fe0\U0001e2ff\U0001ecb0"
)
_MARKS = r"[*`~\\({]{0,6}"
# what may stand between a minus and its digits: a currency (-US$5, -EUR 5), and marks of Markdown or TeX (-**5**, -\$5)
_BETWEEN = rf"{_MARKS}(?:(?:[A-Z]{{0,3}}[{_SIGNS}]|[A-Z]{{3}}) ?)?{_MARKS}"
_RAISED = r"\u207a-\u208e"  # signs and digits above and below the line, of which \w has some
_NOT_BEFORE = rf"(?<![\w.,\u00b7\u066b{_RAISED}])(?<!\w[{_DASHES}+])(?<![0-9][:/])"
_NOT_AFTER = (
    rf"(?![\w{_RAISED}])(?![.,/:\u00b7\u066b][0-9])(?![{_DASHES}]\w)(?! ?[\u00bc-\u00be\u2150-\u215e])"
    r"(?! ?[\u00d7\u00b7x*] ?10[\u2070-\u207e\u00b2\u00b3\u00b9])"  # a power of ten
)
# a number of its own: not in a word, a version, a date, or a number in another notation (1.234,5)
_NUMBER = re.compile(
    rf"(?:(?<![\w{_RAISED}])(?<!\w[{_DASHES}])(?P<minus>(?:[{_DASHES}]|(?i:minus|negative)\s{{1,9}}){_BETWEEN})|{_NOT_BEFORE})"
    r"(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,4})?)"
    rf"{_NOT_AFTER}"
)
# thousands that a space or an apostrophe separates: 1 234 and 1'234 are not two numbers
_OTHER_GROUPS = re.compile(r"(?<![\w.,])[0-9]{1,3}(?:[ '\u2019][0-9]{3})+(?![0-9])(?!-\w)")
_LONGEST = 400  # characters of a number; a double has fewer
_SHOWN = 3


def check_number(check: Check, case: Case, output: Output) -> Observation:
    """Compare a number with `min`, `max` (both inclusive), or with `value`, from which it may differ by `tolerance`.

    At `at`, the number is a JSON number, or the only number of a text. Numbers are compared as their decimals say:
    0.3 is 0.1 from 0.2. Without a number, or with several different ones, the score is 0.
    """
    found = _read_number(check, output)
    options: Any = check.options
    exact = _as_fraction(found)
    tests = []
    if options.get("min") is not None:
        tests.append((exact >= _as_fraction(options["min"]), f"at least {_show(options['min'])}"))
    if options.get("max") is not None:
        tests.append((exact <= _as_fraction(options["max"]), f"at most {_show(options['max'])}"))
    if options.get("value") is not None:
        tolerance = options.get("tolerance", 0)
        near = abs(exact - _as_fraction(options["value"])) <= _as_fraction(tolerance)
        tests.append((near, f"{_show(options['value'])}{f' within {_show(tolerance)}' if tolerance else ''}"))
    wanted = ", ".join(each for _, each in tests)
    return Observation(bool(tests) and all(holds for holds, _ in tests), f"be a number: {wanted}", _show(found))


def find_numbers(text: str) -> list[float | int]:
    """Return the different numbers in a text, each once. Commas between groups of three digits are for thousands.

    A number is written with a decimal point. Digits in words, dates, versions and times are not numbers. Invisible
    characters are not read, and entities of HTML are what they stand for. Raises NoValueError for a number that is out
    of a double's range, and for digits in groups that a space or an apostrophe separates. Takes linear time.
    """
    text = show_text(decode_entities(text))
    if other := _OTHER_GROUPS.search(text):
        raise NoValueError(f"must have a number with commas between its thousands, if any; found {quote(other[0])}")
    found: dict[float | int, None] = {}
    for match in _NUMBER.finditer(text):
        written = f"{'-' if match['minus'] else ''}{match['digits']}".replace(",", "")
        number = float(written) if len(written) <= _LONGEST else math.inf
        if not math.isfinite(number):
            raise NoValueError(f"must have a number; found one that is too large, {quote(written)}")
        found[int(written) if written.removeprefix("-").isdigit() else number] = None
    return list(found)


def validate_number(check: Check) -> None:
    """Check the options of a `number` check. Raises ValueError, with a sentence, for options that cannot be used."""
    options: Any = check.options
    given = {*options, *check.from_case}
    if not {"min", "max", "value"} & given:
        raise ValueError(f'{check.name}: needs one of "min", "max", "value", "from"')
    if "tolerance" in given and "value" not in given:
        raise ValueError(f'{check.name}: "tolerance" needs "value" or "from"')
    if "value" in given and {"min", "max"} & given:
        raise ValueError(f'{check.name}: "value" excludes "min" and "max"')
    if {"min", "max"} <= set(options) and options["min"] > options["max"]:
        raise ValueError(f'{check.name}: "min" is more than "max"')


def _read_number(check: Check, output: Output) -> float | int:
    value = read_value(check, output) if "at" in check.options else output.text
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise NoValueError(f"must be a number; found {quote(value)}")
    numbers = find_numbers(value)
    if not numbers:
        raise NoValueError(f"must have a number; found none in {quote(value)}")
    if len(numbers) > 1:
        shown = ", ".join(map(_show, numbers[:_SHOWN])) + (", …" if len(numbers) > _SHOWN else "")
        raise NoValueError(f"must have one number; found {shown}: choose one with `at` or `transform`")
    return numbers[0]


def _as_fraction(number: float | int) -> Fraction:
    return Fraction(number if isinstance(number, int) else repr(number))


def _show(number: float | int) -> str:
    return quote(number)
