"""Names that people write: when two of them are meant to be one, and which one a misspelt name is meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evalgate.domain.inputs import normalize

_SEPARATORS = re.compile(r"[\s_-]+")


def fold(name: str) -> str:
    """A name without what people do not mean by it: case, white space, invisible characters, hyphens, underscores."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", normalize(name))).casefold()


def find_closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like `name`, whatever its case; None when none is near."""
    import difflib  # only faults need it

    folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=cutoff)
    return folded[matches[0]] if matches else None


def suggest(meant: str) -> str:
    """The question whether this name was meant."""
    return f'did you mean "{meant}"?'


def suggest_closest(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """The question whether the known name most like `name` was meant; `otherwise` when none is near."""
    meant = find_closest(name, known)
    return otherwise if meant is None else suggest(meant)
