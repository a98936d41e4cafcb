"""Word segmentation by the Unicode rules, and the weight of long words. The only user of `regex` in this package."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

LONG_WORD = 30
"""Graphemes. A longer word counts as one word for every 6, so that a page without spaces is not a single word."""
GRAPHEMES_A_WORD = 6
_CODE_POINTS_A_GRAPHEME = 8
"""The length of the longest ordinary graphemes. The number of combining marks on one letter is not limited."""

# scripts written without spaces; "SA" are those whose line breaking needs a dictionary: Thai, Lao, Khmer, Myanmar, ...
_UNSPACED = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Tangut}\p{Script=Nushu}"
    r"\p{Script=Khitan_Small_Script}\p{Script=Yi}\p{Script=Tibetan}\p{Script=Javanese}\p{Script=Balinese}"
    r"\p{Script=Buginese}\p{Script=Egyptian_Hieroglyphs}\p{Script=Cuneiform}\p{Line_Break=SA}\u30fc\uff70"
)
WHITE_SPACE = r"\t\n\r\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""Ordinary white space, as the content of a regular expression's character class."""
_CHUNK = re.compile(f"[^{WHITE_SPACE}]+")
_PLAIN = re.compile(r"[A-Za-z0-9']+")
_FLAGS = re.compile(r"([\U0001f1e6-\U0001f1ff]+)")  # in a run of flags, `regex` looks back to its start at each letter


def split_lines(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the words of each line that has any.

    Words are those of UAX 29 (Unicode word segmentation). In scripts written without spaces, each grapheme is a word.
    Punctuation belongs to the word before it, or, at the start of a run without white space, to the word after it. A
    run without any word is one word.
    """
    found = []
    for text in texts:
        for line in re.split(r"\r\n|\r|\n", text):
            words = tuple(word for chunk in _CHUNK.findall(line) for word in _split_words(chunk))
            if words:
                found.append(words)
    return found


def count_words(word: str) -> int:
    """Return the number of words that a word counts as."""
    if len(word) <= LONG_WORD:
        return 1
    length = max(_count_graphemes(word), -(-len(word) // _CODE_POINTS_A_GRAPHEME))
    return 1 if length <= LONG_WORD else -(-length // GRAPHEMES_A_WORD)


def _split_words(chunk: str) -> Iterator[str]:
    if _PLAIN.fullmatch(chunk):
        yield chunk
        return
    word, has_letters = "", False
    for part, is_word in _split_parts(chunk):
        if is_word and has_letters:
            yield word
            word = ""
        word += part
        has_letters = has_letters or is_word
    yield word


def _split_parts(chunk: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a run without white space, each with whether it is a word."""
    boundary, unspaced, grapheme, letter = _compile_patterns()
    for piece in _FLAGS.split(chunk):
        if not piece or _FLAGS.fullmatch(piece):
            yield piece, False
            continue
        for segment in boundary.split(piece):
            if not segment:
                continue
            if not unspaced.search(segment):
                yield segment, letter.search(segment) is not None
                continue
            rest = ""
            for sign in grapheme.findall(segment):
                if not unspaced.match(sign):
                    rest += sign
                    continue
                if rest:
                    yield rest, letter.search(rest) is not None
                    rest = ""
                yield sign, True
            if rest:
                yield rest, letter.search(rest) is not None


def _count_graphemes(word: str) -> int:
    grapheme = _compile_patterns()[2]
    count = 0
    for piece in _FLAGS.split(word):
        count += -(-len(piece) // 2) if _FLAGS.fullmatch(piece) else len(grapheme.findall(piece))
    return count


@functools.cache
def _compile_patterns() -> tuple[Any, Any, Any, Any]:
    """Return the patterns for word boundary, character of a script without spaces, grapheme, and letter or digit."""
    import regex

    return (
        regex.compile(r"\b", regex.WORD | regex.V1),
        regex.compile(f"[{_UNSPACED}]", regex.V1),
        regex.compile(r"\X", regex.V1),
        regex.compile(r"[\p{Alphabetic}\p{N}]", regex.V1),
    )
