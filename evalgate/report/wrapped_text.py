"""Untrusted text in lines of 80 columns that break between words only."""

from __future__ import annotations

import textwrap

from evalgate.report.escape import block, prose, visible

WIDTH = 80


def wrap_words(text: str, *, indent: str = "", first: str | None = None) -> str:
    """Return text as lines that are indented; `first` comes before the first line. A longer word keeps its line."""
    return textwrap.fill(
        visible(prose(text)),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrap_block(text: str, *, indent: str) -> str:
    """Return text of several lines, each of them wrapped and indented. Spaces within a line stay where it fits."""
    return "\n".join(_wrap_line(row, indent) for row in block(text).split("\n"))


def _wrap_line(row: str, indent: str) -> str:
    if len(indent) + len(row) <= WIDTH:
        return (indent + row).rstrip()
    return textwrap.fill(
        row,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
