"""Search for whole words: a text that no letter, digit, underscore or combining mark continues."""

from __future__ import annotations

import functools
import re
import unicodedata

# scripts that write no space between words: Thai, Lao, Burmese, Khmer, Tai, Chinese and Japanese
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aad\u2e80-\u2fdf\u3005-\u3007\u3021-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f"
    "\U00016fe0-\U0001b2ff\U00020000-\U0003ffff"
)


def has_words(text: str, words: str) -> bool:
    """Return whether a text contains some words as a whole: "art" is not in "start", "C++" is in "C++, C".

    An end of the words that is no letter or digit itself has no condition. Characters of scripts without spaces between
    words neither have one nor continue a word.
    """
    return _compile(words).search(text) is not None


@functools.lru_cache(maxsize=512)
def _compile(words: str) -> re.Pattern[str]:
    word, mark = rf"[^\W{_UNSPACED}]", f"[{_list_marks()}]"
    first, last = (re.match(f"{word}|{mark}", char) is not None for char in (words[:1], words[-1:]))
    before = f"(?<!{word})(?<!{mark})" if first else ""
    after = f"(?!{word})(?!{mark})" if last else ""
    return re.compile(f"{before}{re.escape(words)}{after}")


@functools.cache
def _list_marks() -> str:
    """Return all combining marks but those of scripts without spaces between words."""
    marks = (char for char in map(chr, range(0x20000)) if unicodedata.category(char).startswith("M"))
    return re.sub(f"[{_UNSPACED}]", "", "".join(marks))
