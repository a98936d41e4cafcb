"""A rollout for the terminal, in 80 columns, and what a tick did."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.commands.release import tick
from evalgate.commands.release.status import RolloutStatus
from evalgate.commands.release.tick import Ticked
from evalgate.gate.online_scoring import describe_cost
from evalgate.release.rollout.rollout_view import make_view
from evalgate.report.escape import line, prose
from evalgate.report.wrapped_text import wrap_words

_NAME = 20
_INDENT = " " * 12


def render_status(status: RolloutStatus) -> str:
    """Render the status of one prompt."""
    view = make_view(status)
    rows = [wrap_words(view.title, indent="  ", first="")]
    rows += [wrap_words(text, indent=_INDENT, first=f"{name:<12}") for name, text in view.facts]
    return "\n".join([*rows, *([""] if view.table else []), *render_table(view.table)])


def render_rollouts(found: Sequence[RolloutStatus]) -> str:
    """Render all rollouts in progress."""
    if not found:
        return "no rollout is in progress"
    return "\n\n".join(render_status(one) for one in found)


def render_table(table: Sequence[Sequence[str]]) -> list[str]:
    """Render a table: names at the left, numbers at the right of their columns."""
    cells = [[line(prose(cell, most=_NAME)) for cell in row] for row in table]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))] if cells else []
    return [
        "  ".join(
            cell.ljust(width) if not place else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def describe_tick(done: Ticked) -> str:
    """Describe what a tick did and why."""
    told = [tick.describe_tick(done)] + ([] if done.scoring is None else [describe_cost(done.scoring)])
    return "\n".join(wrap_words(one, indent="  ", first="") for one in told)
