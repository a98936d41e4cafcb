"""The formats that a JSON Schema asserts, as their specifications say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from evalgate.score.patterns import compile_schema_search

_TIME = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
_DATE = r"(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)"
_DURATION = re.compile(rf"P(?:{_DATE}(?:{_TIME})?|{_TIME}|\d+W)", re.ASCII)  # RFC 3339, appendix A
_WIDE = r"\u00a1-\U0010ffff"  # of RFC 6531
_ATOM = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"


def _write_email(wide: str) -> re.Pattern[str]:
    """Return the expression of a mailbox (RFC 5321, section 4.1.2), with these characters beside ASCII."""
    quoted = rf'"(?:[ !#-\[\]-~{wide}]|\\[ -~])*"'
    local = rf"(?:[{_ATOM}{wide}]+(?:\.[{_ATOM}{wide}]+)*|{quoted})"
    label = rf"[A-Za-z0-9{wide}](?:[A-Za-z0-9{wide}-]*[A-Za-z0-9{wide}])?"
    return re.compile(rf"{local}@(?:{label}(?:\.{label})*|\[(?P<literal>[!-Z^-~]+)\])")


_TEXTS = {
    "duration": _DURATION,
    "email": _write_email(""),
    "idn-email": _write_email(_WIDE),
}
"""The formats that are decided here: the packages behind jsonschema take any text with an @ for an address, and are
slow to import for a duration."""
# what the packages behind these formats let pass: a line break at the end, digits of other scripts, 1_2 for 12
_IN_ASCII = re.compile("[!-~]*")
_CHARACTERS = {
    **dict.fromkeys(("date", "date-time", "hostname", "ipv4", "ipv6", "time", "uri", "uri-reference"), _IN_ASCII),
    "uuid": re.compile("[0-9A-Fa-f-]*"),
}


def make_format_checker(draft: Any) -> Any:
    """Return a checker for the draft's formats. If a format function raises any error, the text is invalid."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, (recognise, _) in draft.FORMAT_CHECKER.checkers.items():
        checker.checks(name, raises=Exception)(is_pattern if name == "regex" else _in_characters(name, recognise))
    for name, pattern in _TEXTS.items():
        checker.checks(name, raises=Exception)(_matches(pattern))
    return checker


def is_pattern(value: object) -> bool:
    """Return whether a value is no text, or an expression that can be searched for. Raises ValueError otherwise."""
    if isinstance(value, str):
        compile_schema_search(value)
    return True


def _in_characters(name: str, recognise: Callable[[object], bool]) -> Callable[[object], bool]:
    """Return the check of a format, for texts of no other characters than the format has."""
    allowed = _CHARACTERS.get(name)
    if allowed is None:
        return recognise
    return lambda value: (not isinstance(value, str) or allowed.fullmatch(value) is not None) and recognise(value)


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    """Return the check of a format that an expression describes. In brackets stands an IP address."""
    from ipaddress import ip_address

    def check(value: object) -> bool:
        if not isinstance(value, str):
            return True
        found = pattern.fullmatch(value)
        literal = None if found is None else found.groupdict().get("literal")
        if literal is not None:
            ip_address(literal.removeprefix("IPv6:"))  # raises ValueError for anything else
        return found is not None

    return check
