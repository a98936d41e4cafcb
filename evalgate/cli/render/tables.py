"""Tables for the terminal or in Markdown, and JSON. The caller escapes untrusted text in cells for the channel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def render_text(rows: Sequence[Sequence[str]]) -> str:
    """Render a plain-text table whose first row is the header. The first column is left-aligned, the others right."""
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
    """Render a Markdown table whose first row is the header, aligned as in `render_text`."""
    head, *body = rows
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


def render_json(data: Mapping[str, Any]) -> str:
    """Render a result as JSON, with the number of its format."""
    return json.dumps({"format": 1, **data}, indent=2)
