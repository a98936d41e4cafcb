"""Text and plain data: digests, normalisation of white space, and detection of invisible characters."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

WITHHELD = "(text withheld)"
"""The word in place of a text that `report.texts` withholds."""

_BLANK_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# rendered as nothing, although their category says otherwise
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0\ufff0\ufff1\ufff2\ufff3\ufff4\ufff5\ufff6\ufff7\ufff8\ufffc"
    "\U00013441\U00013442\U00016fe4\U0001d159"
)
_SPELLING = re.compile("[\ufe00-\ufe0d\U000e0000-\U000e0fff]")


def digest(value: Json) -> str:
    """Return the sha256, in hex, of a value's canonical JSON (sorted keys, no spaces, UTF-8, no NaN)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_of_all(values: Iterable[Json]) -> str:
    """Return the `digest` of the list of these values, without holding all of them in memory."""
    found = hashlib.sha256(b"[")
    for position, value in enumerate(values):
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        found.update(f"{',' if position else ''}{text}".encode("utf-8", "surrogatepass"))
    found.update(b"]")
    return found.hexdigest()


def normalize(text: str) -> str:
    """Return a text in NFC with each run of white space, invisible and control characters as one space.

    The ends are stripped. Texts that are equal after this get the same verdict, so adding spaces to a prompt cannot
    trigger a new evaluation.
    """
    return " ".join(unicodedata.normalize("NFC", text).translate(_BLANKS).split())


def _is_blank(char: str) -> bool:
    if char.isspace() or char in _BLANK or unicodedata.category(char) in _BLANK_CATEGORIES:
        return True
    # variation selectors, and the tags and other invisible characters of plane 14
    return "\ufe00" <= char <= "\ufe0f" or "\u180b" <= char <= "\u180f" or "\U000e0000" <= char <= "\U000e0fff"


def find_hidden_text(text: str) -> str:
    """Return the characters of a text that are not shown and can spell another text, which models read.

    These are tags, each of which stands for a letter, and variation selectors, but for the two that emoji have.
    """
    return "".join(_SPELLING.findall(text))


def place_hidden_text(text: str) -> str:
    """Return the hidden text with the normalised text before each part of it; empty if there is none.

    The same letters at another place say something else.
    """
    if not _SPELLING.search(text):
        return ""
    found, done = [], 0
    for run in re.finditer(f"{_SPELLING.pattern}+", text):
        found += [normalize(text[done : run.start()]), run[0]]
        done = run.end()
    return "\0".join(found)


class _Blanks(dict[int, int]):
    """A table for `str.translate` that caches each character: uncached look-ups take seconds for a megabyte."""

    def __missing__(self, code: int) -> int:
        self[code] = found = 0x20 if _is_blank(chr(code)) else code
        return found


_BLANKS = _Blanks()


def is_invisible(char: str) -> bool:
    """Return whether a character is rendered as nothing and is not ordinary white space."""
    return _is_blank(char) and char not in "\t\n\r" and unicodedata.category(char) != "Zs"


def as_text(value: Json) -> str:
    """Return a value as it is sent to a model: a string unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def replace_surrogates(value: Any) -> Any:
    """Return a text with U+FFFD for each half of a surrogate pair; any other value as it is."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
