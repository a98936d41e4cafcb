"""Names that people write: when two of them are meant to be one, and which one a misspelt name is meant to be."""

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
"""Letters: a slip of the hand in a shorter name may well make another word of it."""
# Cyrillic and Greek letters that look like Latin ones
_LOOK_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0458\u0455\u04bb\u0501\u03b1\u03bf\u03bd\u03b9",
    "aeopcxyijshdaovi",
)


def fold(name: str) -> str:
    """A name without what people do not mean by it: case, white space, invisible characters, hyphens, underscores.

    Letters of other scripts that look like Latin ones are those.
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", normalize(name))).casefold().translate(_LOOK_ALIKE)


def bare(name: str) -> str:
    """A folded name without the signs around it: `"critical"`, `#critical`."""
    whole = fold(name)
    inner = whole.strip(_AROUND)
    return inner if len(inner) >= _LEAST else whole


def meant(name: str, wanted: Collection[str], *, slips: Iterable[str] = ()) -> str | None:
    """Which of the names `wanted` another one is meant to be; None where it is a name of its own.

    It is one of them but for its spelling, or a list in one text that has one of them. Of `slips` (longer ones alone)
    it is also one with a letter too many, one too few, or two in the wrong order, behind the first letter.
    """
    by_spelling = {bare(one): one for one in wanted}
    for part in (name, *_OF_A_LIST.split(name)):
        if bare(part) in by_spelling:
            return by_spelling[bare(part)]
    written = bare(name)
    return next((one for one in slips if len(bare(one)) >= _LEAST_LETTERS and _is_slip(written, bare(one))), None)


def find_closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like `name`, whatever its case; None when none is near."""
    import difflib  # only faults need it

    folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=cutoff)
    return folded[matches[0]] if matches else None


def suggest(name: str) -> str:
    """The question whether this name was meant."""
    return f'did you mean "{name}"?'


def suggest_closest(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """The question whether the known name most like `name` was meant; `otherwise` when none is near."""
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
