"""A small table on the screen or in Markdown. Cells with text of others come neutralised for their channel."""

from __future__ import annotations

from collections.abc import Sequence


def render_text(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, the first row as their heads: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    made = [
        "  ".join(
            cell.rjust(width) if position else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    made.insert(1, "-" * max(map(len, made)))
    return "\n".join(made)


def render_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The same as a Markdown table."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))
