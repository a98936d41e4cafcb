"""Word segmentation by the Unicode rules, and the weight of long words. The only user of `regex` in this package."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

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
_PLAIN = re.compile(r"(?:[A-Za-z]?[a-z]*|[A-Z]+)[0-9]*")
_APOSTROPHES = "'\u2019"
# each looks ahead first: what it looks back over is then read once, however long the text
_SEAMS = "|".join((
    # behind what joins two words ("_", ".", ":"), but not in a number (3.14) or before a short ending (don't, they'll)
    rf"(?<=[^\p{{Alphabetic}}\p{{N}}\p{{M}}\p{{Cf}}{_APOSTROPHES}]|\p{{Lm}})(?=[\p{{Alphabetic}}\p{{N}}])(?<!\p{{N}}.(?=\p{{N}}))",
    rf"(?<=[{_APOSTROPHES}])(?=\p{{Alphabetic}})(?!\p{{Alphabetic}}{{1,2}}(?:[^\p{{Alphabetic}}{_APOSTROPHES}]|$))",
    # at capitals: camelCase, HTTPServer
    r"(?=\p{Lu})(?<=\p{Ll}\p{M}*)|(?=\p{Lu}\p{M}*\p{Ll})(?<=\p{Lu}\p{M}*)",
    # behind digits between letters
    r"(?=\p{Alphabetic})(?<=\p{Alphabetic}\p{M}*\p{N}+)",
    # between Latin letters and others
    r"(?=\p{Script=Latin})(?<=[\p{L}--\p{Script=Latin}]\p{M}*)",
    r"(?=[\p{L}--\p{Script=Latin}])(?<=\p{Script=Latin}\p{M}*)",
    # behind a digit in a frame, which is an emoji
    r"(?<=\u20e3)(?=.)",
))  # fmt: skip
"""Where one word of UAX 29 is read as two."""
_EMOJI_STYLE = "\ufe0f"
_SIGN = r"[[\p{S}--\p{ASCII}]\p{Extended_Pictographic}]"
"""Emoji and other symbols, which a model reads as words; those of ASCII are markup."""
_FLAGS = re.compile(r"([\U0001f1e6-\U0001f1ff]+)")  # `regex` looks back over the whole run from each of its letters


def split_lines(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the words of each line that has any.

    Words are those of UAX 29 (Unicode word segmentation), and what is joined without a space is several: snake_case,
    dotted.names, camelCase. In scripts written without spaces each grapheme is one, and so is an emoji or another
    symbol that differs from the one before it. Signs that are not words belong to the word before them, or, at the
    beginning of a run without white space, to the word after them; a run without any word is one.
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


def drop_emoji_style(word: str) -> str:
    """Return the word without the variation selectors that show an emoji in colour, which keyboards add."""
    return _compile("style").sub("", word) if _EMOJI_STYLE in word else word


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
    """Return the pieces of a run without white space, and whether each is a word of its own."""
    before = ""
    for segment in _split_segments(chunk):
        if _compile("letter").search(segment):
            yield from ((part, _compile("letter").search(part) is not None) for part in _split_at_seams(segment))
        else:  # one that is repeated says no more than once
            yield segment, segment != before and _compile("sign").search(segment) is not None
        before = segment


def _split_at_seams(segment: str) -> Iterator[str]:
    """Return the parts of a word of UAX 29, and a long word in pieces, so that no capital makes it count less."""
    parts = _compile("seams").split(segment)
    if len(parts) == 1 or count_words(segment) == 1:
        yield from parts
        return
    for part in parts:
        signs = _compile("grapheme").findall(part)
        for at in range(0, len(signs), GRAPHEMES_A_WORD):
            yield "".join(signs[at : at + GRAPHEMES_A_WORD])


def _split_segments(chunk: str) -> Iterator[str]:
    """Return the words of UAX 29 and what is between them. Flags, and letters written without spaces, are alone."""
    for piece in _FLAGS.split(chunk):
        if _FLAGS.fullmatch(piece):
            yield from (piece[at : at + 2] for at in range(0, len(piece), 2))
            continue
        for segment in _compile("boundary").split(piece):
            if not segment:
                continue
            if not _compile("unspaced").search(segment):
                yield segment
                continue
            rest = ""
            for grapheme in _compile("grapheme").findall(segment):
                if not _compile("unspaced").match(grapheme):
                    rest += grapheme
                    continue
                if rest:
                    yield rest
                    rest = ""
                yield grapheme
            if rest:
                yield rest


def _count_graphemes(word: str) -> int:
    grapheme = _compile("grapheme")
    count = 0
    for piece in _FLAGS.split(word):
        count += -(-len(piece) // 2) if _FLAGS.fullmatch(piece) else len(grapheme.findall(piece))
    return count


@functools.cache
def _compile(name: Literal["boundary", "unspaced", "grapheme", "letter", "sign", "seams", "style"]) -> Any:
    import regex

    patterns = {
        "boundary": r"\b",
        "unspaced": f"[{_UNSPACED}]",
        "grapheme": r"\X",
        "letter": r"[\p{Alphabetic}\p{N}]",  # what makes a segment a word
        "sign": _SIGN,
        "seams": _SEAMS,
        "style": rf"(?<=\p{{Extended_Pictographic}}){_EMOJI_STYLE}|(?<=[0-9#*]){_EMOJI_STYLE}(?=\u20e3)",
    }
    return regex.compile(patterns[name], regex.V1 | regex.DOTALL | (regex.WORD if name == "boundary" else 0))
