"""Texts as they are shown, for the checks that forbid a text: another spelling that looks the same is the same text.

A reader sees no difference between a space and a no-break space, between a letter with an accent in one character or
in two, between two forms of an apostrophe in a word, and where a character that is shown as nothing stands inside a
word. So the `not_` forms see none either. A required text has to be there as it is.
"""

from __future__ import annotations

import html
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evalgate.domain.text import find_hidden_text, is_invisible

_LINE_BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_LINE_END = re.compile(r"\r\n?")
_SPACES = re.compile(r"[ \t\r\n]+")
# a hyphen or an apostrophe inside of a word; alone each is a text that may be forbidden by itself
_IN_WORD = re.compile(r"(?<=\w)(?:[\u2010\u2011]|([\u2019\u02bc\uff07]))(?=\w)")
_ENTITY = re.compile("&(?:#[0-9]{1,9}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")


def show_text(text: str) -> str:
    """Return a text in NFC, without what is shown as nothing.

    Spaces and line breaks, and the hyphens and apostrophes inside of words, have their plain forms.
    """
    shown = unicodedata.normalize("NFC", _LINE_END.sub("\n", text).translate(_SHOWN))
    return _IN_WORD.sub(lambda mark: "'" if mark[1] else "-", shown)


def decode_entities(text: str) -> str:
    """Return a text with the entities of HTML decoded, but those of `<` and `>`: an escaped tag is none."""
    return _ENTITY.sub(_decode_entity, text) if "&" in text else text


def list_shown(texts: Iterable[str]) -> list[str]:
    """Return texts as written, and those as shown that differ from them."""
    written = list(texts)
    return list(dict.fromkeys([*written, *map(show_text, written)]))


def make_search(
    texts: Iterable[str], contains: Callable[[str, str], bool] = operator.contains
) -> Callable[[str], bool]:
    """Return a function that tells whether any of the texts, as it is shown, `contains` another one.

    Where the other one has single spaces alone, any white space counts as one space, but for an empty line. A line
    break at its end, which a block of YAML has, is not searched for. One that is spelt with hidden characters, such as
    the flag of a country, is only searched for as it is.
    """
    written = list(texts)
    whole = list(dict.fromkeys(map(show_text, written)))
    joined = list(dict.fromkeys(map(_join_spaces, whole)))

    def search(wanted: str) -> bool:
        if any(contains(text, wanted) for text in written):
            return True
        shown = show_text(wanted).rstrip("\n")
        if find_hidden_text(wanted) or not shown.strip():
            return False
        places = [*whole, *joined] if _join_spaces(shown) == shown else whole
        return any(contains(text, shown) for text in places)

    return search


def show_value(value: Any) -> Any:
    """Return a JSON value with its texts as shown, without white space at their ends."""
    if isinstance(value, str):
        return _join_spaces(show_text(value)).strip()
    if isinstance(value, Mapping):
        return {show_text(key): show_value(inner) for key, inner in value.items()}
    return [show_value(inner) for inner in value] if isinstance(value, list | tuple) else value


def _decode_entity(hit: re.Match[str]) -> str:
    found = html.unescape(hit[0])
    return hit[0] if found in "<>" else found


def _join_spaces(text: str) -> str:
    """Return a text with each run of white space as one space, or as an empty line if it has one."""
    return _SPACES.sub(lambda run: "\n\n" if run[0].count("\n") > 1 else " ", text)


class _Shown(dict[int, str | None]):
    """A table for `str.translate` that caches each character."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        found: str | None = char
        if char in _LINE_BREAKS:
            found = "\n"
        elif unicodedata.category(char) == "Zs":
            found = " "
        elif is_invisible(char):
            found = None
        self[code] = found
        return found


_SHOWN = _Shown()
