"""Names that people write: when two of them are meant to be one."""

from __future__ import annotations

import re
import unicodedata

from evalgate.domain.inputs import normalize

_SEPARATORS = re.compile(r"[\s_-]+")


def fold(name: str) -> str:
    """A name without what people do not mean by it: case, white space, invisible characters, hyphens, underscores."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", normalize(name))).casefold()
