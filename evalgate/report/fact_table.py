"""Facts with their names and a table as Markdown, for a job's summary or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.report.escape import markdown, visible


def render_facts(title: str, facts: Sequence[tuple[str, str]], table: Sequence[Sequence[str]]) -> str:
    """Render a heading, facts, and a table whose first row is its head; it may be empty. Names of facts are trusted."""
    rows = [f"### {_escape(title)}", "", *(f"- {name}: {_escape(text)}" for name, text in facts)]
    if table:
        head, *body = ([_escape(cell) for cell in row] for row in table)
        rows += ["", _join(head), _join([":---", *(["---:"] * (len(head) - 1))]), *map(_join, body)]
    return "\n".join(rows)


def _escape(text: str) -> str:
    return markdown(visible(text))


def _join(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
