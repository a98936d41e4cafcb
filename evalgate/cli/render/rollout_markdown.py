"""A rollout as Markdown, for a job's summary or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.commands.release.status import RolloutStatus
from evalgate.release.rollout.rollout_view import make_view
from evalgate.report.fact_table import render_facts


def render_status(status: RolloutStatus) -> str:
    """Render the status of one prompt: a heading, its facts and its table."""
    view = make_view(status)
    return render_facts(view.title, view.facts, view.table)


def render_rollouts(found: Sequence[RolloutStatus]) -> str:
    """Render all rollouts in progress."""
    return "\n\n".join(map(render_status, found)) or "No rollout is in progress."
