"""Nunjucks texts: rendered while a configuration is imported, and written as jinja for the prompts that stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalgate.domain import Json
from evalgate.domain.expressions import RenderingError
from evalgate.domain.jinja_templates import check_template
from evalgate.domain.templates import Template

JINJA = Template(syntax="jinja")
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ONLY = re.compile(r"\s*\{\{-?\s*([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}\s*")
_FILTERS = ((re.compile(r"\|\s*dump\b(?:\(\s*\))?"), "| tojson"), (re.compile(r"\|\s*nl2br\b"), ""))
_PAIRS = re.compile(r"(\{%-?\s*for\s+\w+\s*,\s*\w+\s+in\s+)([A-Za-z_][\w.]*)(\s*-?%\})")
_LENGTH = re.compile(r"([A-Za-z_][\w.]*)\.length\b")
_OPERATORS = (
    (re.compile(r"\s&&\s"), " and "),
    (re.compile(r"\s\|\|\s"), " or "),
    (re.compile(r"!==?|===?"), lambda hit: "!=" if hit[0].startswith("!") else "=="),
    (re.compile(r"\belseif\b"), "elif"),
)


class _Missing(str):
    """The value of a missing variable: an empty text, of which each part is missing as well."""

    __slots__ = ()

    def __getattr__(self, name: str) -> _Missing:
        return self

    def __getitem__(self, key: Any) -> _Missing:
        return self

    def __sub__(self, other: Any) -> str:
        return "NaN"  # such as {{order-id}}, in which the sign is a minus

    __rsub__ = __sub__


class _List(list[Any]):
    """A list, whose text has its items with commas between them."""

    def __str__(self) -> str:
        return ",".join("" if each is None else str(show(each)) for each in self)


class _Truth(int):
    """A truth value, whose text is in lower case."""

    def __str__(self) -> str:
        return "true" if self else "false"


def has_template(text: str) -> bool:
    """Return whether a text has an expression or a tag of Nunjucks."""
    return "{{" in text or "{%" in text


def find_only_name(text: str) -> str | None:
    """Return the name in a text that is one expression with a name alone, such as `{{ answer }}`."""
    hit = _ONLY.fullmatch(text)
    return None if hit is None else hit[1]


def to_jinja(text: str, renamed: Mapping[str, str] | None = None) -> str:
    """Return a text of Nunjucks in jinja: filters, operators and lengths of another name, and renamed variables."""

    def change(hit: re.Match[str]) -> str:
        tag = hit[0]
        for pattern, new in (*_FILTERS, *_OPERATORS):
            tag = pattern.sub(new, tag)
        tag = _PAIRS.sub(r"\1(\2.items() if \2 is mapping else \2)\3", tag)
        tag = _LENGTH.sub(r"(\1 | length)", tag)
        for old, name in (renamed or {}).items():
            tag = re.sub(rf"(?<![\w.'\"]){re.escape(old)}(?![\w'\"])", name, tag)
        return tag

    return _TAG.sub(change, text)


def find_names(text: str) -> tuple[str, ...]:
    """Return the variables of a text. Raises RenderingError (a ValueError) for one that jinja does not read either."""
    changed = to_jinja(text)
    check_template(changed)
    return JINJA.find_names(changed)


def render(text: str, variables: Mapping[str, Json]) -> str:
    """Fill variables into a text as promptfoo does: one that is missing or null is empty.

    Raises RenderingError (a ValueError) for a text that cannot be rendered, such as one that takes a variable from the
    environment.
    """
    if not has_template(text):
        return text
    changed = to_jinja(text)
    check_template(changed)
    names = JINJA.find_names(changed)
    if "env" in names and "env" not in variables:
        raise RenderingError("takes a variable from the environment")
    shown: dict[str, Any] = dict.fromkeys(names, _Missing())
    shown |= {name: "" if value is None else _prepare(value) for name, value in variables.items()}
    return JINJA.make_filler(shown)(changed)


def is_no_template(error: ValueError) -> bool:
    """Return whether a text that could not be rendered has words in its braces, which Nunjucks refuses as well."""
    return "expected token 'end of print statement', got '" in str(error)


def _prepare(value: Json) -> Any:
    if isinstance(value, bool):
        return _Truth(value)
    if isinstance(value, list):
        return _List(map(_prepare_part, value))
    return _prepare_part(value) if isinstance(value, dict) else show(value)


def _prepare_part(value: Json) -> Any:
    """Return a part of a value with the lists in it: its other values are as they are, for `dump`."""
    if isinstance(value, list):
        return _List(map(_prepare_part, value))
    return {key: _prepare_part(each) for key, each in value.items()} if isinstance(value, dict) else value


def show(value: Json) -> Json:
    """Return a value as templates show it: truth values in lower case, and whole numbers without a fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
