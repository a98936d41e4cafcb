"""The difference between the prompts of both versions, line by line, with changed words marked."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from evalgate.domain import Evidence, InputField
from evalgate.domain.numbers import show_count
from evalgate.report.escape import block
from evalgate.report.text_diff import Excerpt, Piece

_CONTEXT = 2
_WORD = re.compile(r"\S+\s*|\s+")
_MOST_WORDS = 2_000
_LEAST_ALIKE = 0.4

Kind = Literal["part", "same", "removed", "added", "left out"]
SIGNS = {"part": "", "same": "  ", "removed": "- ", "added": "+ ", "left out": "  "}


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRow:
    """One line of the difference: the name of a part of a prompt, or a line of its text, escaped as a block."""

    kind: Kind
    pieces: Excerpt

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def compare_prompts(evidence: Evidence) -> tuple[DiffRow, ...]:
    """Return the lines in which the prompts differ, with two equal lines around them; empty where nothing is known."""
    change = evidence.prompt_change
    return () if change is None else tuple(_compare_parts(change.baseline, change.candidate))


def count_changes(rows: Iterable[DiffRow]) -> str:
    """Return the size of a difference in words: "3 lines removed, 1 added"."""
    kinds = [row.kind for row in rows]
    removed, added = kinds.count("removed"), kinds.count("added")
    return f"{show_count(removed, 'line')} removed, {added:,} added"


def _compare_parts(old: Sequence[InputField], new: Sequence[InputField]) -> Iterator[DiffRow]:
    names = ([part.name for part in old], [part.name for part in new])
    for tag, i, j, k, m in difflib.SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if tag == "equal":
            for left, right in zip(old[i:j], new[k:m], strict=True):
                yield _row("part", left.name)
                yield from _compare_lines(left.text.split("\n"), right.text.split("\n"))
            continue
        yield from _list_part(old[i:j], "removed")
        yield from _list_part(new[k:m], "added")


def _list_part(parts: Sequence[InputField], kind: Kind) -> Iterator[DiffRow]:
    for part in parts:
        yield _row("part", part.name)
        yield from (_row(kind, line) for line in part.text.split("\n"))


def _compare_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffRow]:
    groups = difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT)
    for number, group in enumerate(groups):
        if number:
            yield _row("left out", "...")
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (_row("same", line) for line in old[i:j])
                continue
            pairs = [_mark_words(*pair) for pair in zip(old[i:j], new[k:m], strict=False)]
            paired = len(pairs)
            yield from (DiffRow(kind="removed", pieces=left) for left, _ in pairs)
            yield from (_row("removed", line) for line in old[i + paired : j])
            yield from (DiffRow(kind="added", pieces=right) for _, right in pairs)
            yield from (_row("added", line) for line in new[k + paired : m])


def _mark_words(left: str, right: str) -> tuple[Excerpt, Excerpt]:
    old, new = _WORD.findall(block(left)), _WORD.findall(block(right))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > _MOST_WORDS or matcher.ratio() < _LEAST_ALIKE:
        return (Piece("".join(old)),), (Piece("".join(new)),)
    codes = matcher.get_opcodes()
    return (
        tuple(Piece("".join(old[i:j]), tag != "equal") for tag, i, j, _, _ in codes if j > i),
        tuple(Piece("".join(new[k:m]), tag != "equal") for tag, _, _, k, m in codes if m > k),
    )


def _row(kind: Kind, text: str) -> DiffRow:
    return DiffRow(kind=kind, pieces=(Piece(block(text)),))
