"""A rollout as Markdown, for a job's summary or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.cli.render.rollout_view import make_view
from evalgate.commands.release.status import RolloutStatus
from evalgate.report.escape import markdown, visible


def render_status(status: RolloutStatus) -> str:
    """Render the status of one prompt: a heading, its facts and its table."""
    view = make_view(status)
    rows = [f"### {_escape(view.title)}", "", *(f"- {name}: {_escape(text)}" for name, text in view.facts)]
    if view.table:
        head, *body = ([_escape(cell) for cell in row] for row in view.table)
        rows += ["", _join(head), _join([":---", *(["---:"] * (len(head) - 1))]), *map(_join, body)]
    return "\n".join(rows)


def render_rollouts(found: Sequence[RolloutStatus]) -> str:
    """Render all rollouts in progress."""
    return "\n\n".join(map(render_status, found)) or "No rollout is in progress."


def _escape(text: str) -> str:
    return markdown(visible(text))


def _join(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
