"""Comparison of names that people write: equal names in different spelling, and suggestions for misspelt names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from evalgate.domain.text import normalize

_SEPARATORS = re.compile(r"[\s_-]+")
_OF_A_LIST = re.compile(r"[,;|]")
_AROUND = "\"'`#*!?.,:;()[]<>{}"
_LEAST = 4
_LEAST_LETTERS = 7
"""Letters. In a shorter name, a typing error often results in another word."""
# Cyrillic and Greek letters that look like Latin ones
_LOOK_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0458\u0455\u04bb\u0501\u03b1\u03bf\u03bd\u03b9",
    "aeopcxyijshdaovi",
)


def fold(name: str) -> str:
    """Return a name without case, white space, invisible characters, hyphens and underscores.

    Cyrillic and Greek letters that look like Latin letters are replaced by these.
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", normalize(name))).casefold().translate(_LOOK_ALIKE)


def bare(name: str) -> str:
    """Return a folded name without surrounding punctuation, as in `"critical"` or `#critical`."""
    whole = fold(name)
    inner = whole.strip(_AROUND)
    return inner if len(inner) >= _LEAST else whole


def find_meant(name: str, wanted: Collection[str], *, slips: Iterable[str] = ()) -> str | None:
    """Return the name of `wanted` that `name` is a misspelling of; None if it is a different name.

    It matches a wanted name that equals it after `bare`, or that equals an entry if `name` is a list in one text. It
    also matches a name of `slips` (with at least 7 letters) if, after the first letter, it has one letter too many, one
    too few, or two adjacent letters swapped.
    """
    by_spelling = {bare(one): one for one in wanted}
    for part in (name, *_OF_A_LIST.split(name)):
        if bare(part) in by_spelling:
            return by_spelling[bare(part)]
    return find_slip(name, (one for one in slips if len(bare(one)) >= _LEAST_LETTERS))


def find_slip(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that has one letter more or less, or two adjacent letters swapped; None if none has.

    Another letter, or another digit, makes another name: `tier2` and `tier3`, shipping and shopping.
    """
    written = bare(name)
    return next((one for one in known if _is_slip(written, bare(one))), None)


def find_closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name that is most similar to `name`, ignoring case; None if none is similar."""
    import difflib  # imported here because only faults need it

    folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=cutoff)
    return folded[matches[0]] if matches else None


def suggest(name: str) -> str:
    """Return a question that suggests this name."""
    return f'did you mean "{name}"?'


def suggest_closest(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """Return a question that suggests the known name most similar to `name`; `otherwise` if none is similar."""
    closest = find_closest(name, known)
    return otherwise if closest is None else suggest(closest)


def _is_slip(written: str, name: str) -> bool:
    if written[:1] != name[:1]:
        return False
    if len(written) == len(name):
        places = [place for place, (one, other) in enumerate(zip(written, name, strict=True)) if one != other]
        return len(places) == 2 and places[1] == places[0] + 1 and sorted(written) == sorted(name)
    short, long = sorted((written, name), key=len)
    if len(long) != len(short) + 1:
        return False
    return any(long[at].isalpha() and long[:at] + long[at + 1 :] == short for at in range(1, len(long)))
