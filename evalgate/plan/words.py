"""The words of a text as Unicode separates them, and how much a word counts. Owns `regex` here."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

LONG_WORD = 30
"""Graphemes: a longer word counts as one for every 6 of them, so that a page without a space is no single word."""
GRAPHEMES_A_WORD = 6
_CODE_POINTS_A_GRAPHEME = 8
"""Marks without end can stand on one letter; the longest sequences that are one sign have about so many."""

# written without spaces; "SA" are the scripts of which line breaking needs a dictionary: Thai, Lao, Khmer, Myanmar, ...
_UNSPACED = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Tangut}\p{Script=Nushu}"
    r"\p{Script=Khitan_Small_Script}\p{Script=Yi}\p{Script=Tibetan}\p{Script=Javanese}\p{Script=Balinese}"
    r"\p{Script=Buginese}\p{Script=Egyptian_Hieroglyphs}\p{Script=Cuneiform}\p{Line_Break=SA}\u30fc\uff70"
)
WHITE_SPACE = r"\t\n\r\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""Ordinary white space, for the inside of a character class."""
_CHUNK = re.compile(f"[^{WHITE_SPACE}]+")
_PLAIN = re.compile(r"[A-Za-z0-9']+")
_FLAGS = re.compile(r"([\U0001f1e6-\U0001f1ff]+)")  # `regex` looks back over the whole run from each of its letters


def split_lines(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """The words of each line that has any.

    Words are those of UAX 29 (Unicode word segmentation); in scripts written without spaces each grapheme is one.
    Signs that are no word belong to the word before them, at the beginning of a run without white space to the one
    behind; a run without any word is one.
    """
    found = []
    for text in texts:
        for line in re.split(r"\r\n|\r|\n", text):
            words = tuple(word for chunk in _CHUNK.findall(line) for word in _split_words(chunk))
            if words:
                found.append(words)
    return found


def count_words(word: str) -> int:
    """How many words a word counts as."""
    if len(word) <= LONG_WORD:
        return 1
    length = max(_split_graphemes(word), -(-len(word) // _CODE_POINTS_A_GRAPHEME))
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
    """The pieces of a run without white space, and whether each is a word."""
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


def _split_graphemes(word: str) -> int:
    grapheme = _compile_patterns()[2]
    count = 0
    for piece in _FLAGS.split(word):
        count += -(-len(piece) // 2) if _FLAGS.fullmatch(piece) else len(grapheme.findall(piece))
    return count


@functools.cache
def _compile_patterns() -> tuple[Any, Any, Any, Any]:
    """Word boundary, character of a script without spaces, grapheme, and what makes a segment a word."""
    import regex

    return (
        regex.compile(r"\b", regex.WORD | regex.V1),
        regex.compile(f"[{_UNSPACED}]", regex.V1),
        regex.compile(r"\X", regex.V1),
        regex.compile(r"[\p{Alphabetic}\p{N}]", regex.V1),
    )
