"""Search for whole words: a text that no letter, digit, underscore or combining mark continues."""

from __future__ import annotations

import functools
import re
import unicodedata

UNSPACED = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aad\u2e80-\u2fdf\u3005-\u3007\u3021-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f"
    "\U00016fe0-\U0001b2ff\U00020000-\U0003ffff]"
)
"""The characters of scripts that write no space between words: Thai, Lao, Burmese, Khmer, Tai, Chinese and Japanese."""
_UNSPACED = re.compile(UNSPACED)


def has_words(text: str, words: str) -> bool:
    """Return whether a text contains some words as a whole: "art" is not in "start", "C++" is in "C++, C".

    An end of the words that is not a letter or digit has no condition. Characters of scripts without spaces between
    words neither have one nor continue a word.
    """
    first, last = is_of_word(words[:1]), is_of_word(words[-1:])
    step = _find_step(words) if first else 1
    start = text.find(words)
    while start >= 0:
        end = start + len(words)
        is_open = (first and is_of_word(text[start - 1 : start])) or (last and is_of_word(text[end : end + 1]))
        if not is_open:
            return True
        start = text.find(words, start + step)
    return False


@functools.lru_cache(maxsize=4096)
def is_of_word(char: str) -> bool:
    """Return whether a character continues a word: none of a script without spaces between words does."""
    if not char or _UNSPACED.match(char):
        return False
    if unicodedata.name(char, "").startswith("VARIATION SELECTOR"):  # an emoji may end with it
        return False
    # an enclosing mark (Me) makes a symbol, such as the keycap of "1"
    return char == "_" or char.isalnum() or unicodedata.category(char) in ("Mn", "Mc")


def _find_step(words: str) -> int:
    """Return how many characters after some words they may stand as a whole again: no letter of them is before that."""
    return next((place + 1 for place, char in enumerate(words) if not is_of_word(char)), len(words))
