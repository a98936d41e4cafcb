"""Make excerpts of two outputs that mark their differences, to be shown side by side."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalgate.report.escape import block

_CONTEXT = 120
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_PIECE = re.compile(r"\n|[^\S\n]+|\S+")
# Longer texts take too long to compare; less similar ones would be marked nearly everywhere.
_MOST_TOKENS = 600
_LEAST_ALIKE = 0.4


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an output, with invisible characters escaped; `differs` marks a difference to the other output."""

    text: str
    differs: bool = False


Excerpt = tuple[Piece, ...]


def make_excerpts(texts: Sequence[str], *, characters: int, lines: int) -> tuple[Excerpt, ...]:
    """Cut each text to `characters` and `lines`; two texts are cut around their first difference and marked."""
    if len(texts) != 2:
        return tuple(tuple(Piece(part) for part in _cut(block(text), 0, characters, lines)) for text in texts)
    pair = (block(texts[0]), block(texts[1]))
    same = next((i for i, (a, b) in enumerate(zip(*pair, strict=False)) if a != b), min(map(len, pair)))
    start = same - _CONTEXT if same > characters // 2 and pair[0] != pair[1] else 0
    left, right = (_cut(text, start, characters, lines) for text in pair)
    marked = _mark_differences(left[1], right[1])
    return tuple(_cut_around(left, marked[0])), tuple(_cut_around(right, marked[1]))


def wrap(excerpt: Excerpt, width: int) -> Excerpt:
    """Add line breaks so that no line is longer than `width` characters, between words where possible."""
    column = 0
    pieces = []
    for piece in excerpt:
        text = ""
        for part in _split_parts(piece.text, width):
            fits = part == "\n" or column + len(part) <= width or column == 0
            text += part if fits else "\n" + part.lstrip(" ")
            column = len(text.rpartition("\n")[2]) if "\n" in text else column + len(part)
        pieces.append(Piece(text, piece.differs))
    return tuple(pieces)


def _split_parts(text: str, width: int) -> Iterator[str]:
    for found in _PIECE.findall(text):
        yield from (found[i : i + width] for i in range(0, len(found), width))


def _cut(text: str, start: int, characters: int, lines: int) -> tuple[str, str, str]:
    """Return the note before the shown part, the part, and the note after it."""
    shown = "\n".join(text[start : start + characters].split("\n")[:lines])
    left = len(text) - start - len(shown)
    before = f"[... {start:,} equal characters] " if start else ""
    after = f" [{left:,} more characters ...]" if left > 0 else ""
    return before, shown, after


def _cut_around(cut: tuple[str, str, str], middle: Excerpt) -> Iterator[Piece]:
    before, _, after = cut
    yield from (Piece(before), *middle, Piece(after))


def _mark_differences(left: str, right: str) -> tuple[Excerpt, Excerpt]:
    a, b = _TOKEN.findall(left), _TOKEN.findall(right)
    plain = (Piece(left),), (Piece(right),)
    if left == right or max(len(a), len(b)) > _MOST_TOKENS:
        return plain
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    if matcher.ratio() < _LEAST_ALIKE:
        return plain
    codes = matcher.get_opcodes()
    return (
        tuple(_piece(a[i:j], tag) for tag, i, j, _, _ in codes if j > i),
        tuple(_piece(b[i:j], tag) for tag, _, _, i, j in codes if j > i),
    )


def _piece(tokens: Sequence[str], tag: str) -> Piece:
    return Piece("".join(tokens), tag != "equal")
