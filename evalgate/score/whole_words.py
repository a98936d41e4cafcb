"""Search for whole words: a text that no letter, digit, underscore or combining mark continues."""

from __future__ import annotations

import functools
import re
import unicodedata

_MARKS = "".join(chr(code) for code in range(0x0300, 0x0370))


def has_words(text: str, words: str) -> bool:
    """Return whether a text contains some words as a whole: "art" is not in "start", "C++" is in "C++, C".

    An end of the words that is not a letter or digit itself has no condition.
    """
    return _compile(words).search(text) is not None


@functools.lru_cache(maxsize=512)
def _compile(words: str) -> re.Pattern[str]:
    before = r"(?<!\w)" if _is_of_word(words[:1]) else ""
    after = rf"(?![\w{_MARKS}])" if _is_of_word(words[-1:]) else ""
    return re.compile(f"{before}{re.escape(words)}{after}")


def _is_of_word(char: str) -> bool:
    return char == "_" or char.isalnum() or (char != "" and unicodedata.combining(char) != 0)
