"""Differences between the messages of two versions of a prompt, line by line and word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from evalgate.report.wrapped_text import wrap_block

RoleText: TypeAlias = tuple[str, str]
"""The role of a message, and its text."""

_CONTEXT = 2
"""Equal lines that are shown before and after a changed one."""
_WORD = re.compile(r"\S+\s*|\s+")
_MOST_WORDS = 2_000
_LEAST_ALIKE = 0.4


def compare_messages(old: Sequence[RoleText], new: Sequence[RoleText]) -> list[str]:
    """Return the lines that show the differences between two lists of messages, each a role and a text.

    Equal messages are left out, and others are paired in order within a changed stretch. A line starts with `-` or `+`
    if only one side has it, and with `~` if both have it with other words: then [-these-] were removed and {+these+}
    added.
    """
    rows: list[str] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for position in range(max(j - i, m - k)):
            left = old[i + position] if i + position < j else None
            right = new[k + position] if k + position < m else None
            rows += ["", *_compare_message(left, right)]
    return rows


def _compare_message(left: RoleText | None, right: RoleText | None) -> Iterator[str]:
    if left is not None and right is not None and left[0] == right[0]:
        yield f"  {left[0]}:"
        yield from _compare_lines(left[1].split("\n"), right[1].split("\n"))
        return
    for mark, one in (("- ", left), ("+ ", right)):
        if one is not None:
            yield f"{mark}{one[0]}:"
            yield from (wrap_block(row, indent=mark) for row in one[1].split("\n"))


def _compare_lines(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (wrap_block(row, indent="  ") for row in old[i:j])
            elif j - i == m - k:
                for left, right in zip(old[i:j], new[k:m], strict=True):
                    yield from _compare_words(left, right)
            else:
                yield from (wrap_block(row, indent="- ") for row in old[i:j])
                yield from (wrap_block(row, indent="+ ") for row in new[k:m])


def _compare_words(left: str, right: str) -> Iterator[str]:
    """Yield a line with its changed words marked, or both lines if most of their words differ."""
    old, new = _WORD.findall(left), _WORD.findall(right)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    if max(len(old), len(new)) > _MOST_WORDS or matcher.ratio() < _LEAST_ALIKE:
        yield wrap_block(left, indent="- ")
        yield wrap_block(right, indent="+ ")
        return
    marked = ""
    for tag, i, j, k, m in matcher.get_opcodes():
        removed, added = "".join(old[i:j]), "".join(new[k:m])
        if tag == "equal":
            marked += removed
        else:
            marked += f"[-{removed}-]" * bool(removed) + f"{{+{added}+}}" * bool(added)
    yield wrap_block(marked, indent="~ ")
