"""The table of `evalgate aa --simulate --rollout`: how long rollouts take, and how often they end wrongly."""

from __future__ import annotations

import dataclasses
import textwrap

from evalgate.cli.render import tables
from evalgate.commands.aa import RolloutSimulation, TrafficResult
from evalgate.domain.numbers import show_count


def render_rollouts(found: RolloutSimulation, form: str) -> str:
    """Render simulated rollouts. `form` is terminal, markdown or json."""
    if form == "json":
        return tables.render_json({"rollouts": dataclasses.asdict(found)})
    traffic = [f"{one.traffic.per_day:,.0f}" for one in found.rows[0]]
    head = ["drop, 5 % canary", f"scored keys a day: {traffic[0]}", *traffic[1:]]
    shown = tables.render_markdown if form == "markdown" else tables.render_text
    rows = [[_name(row[0]), *(_describe(one) for one in row)] for row in found.rows]
    notes = (
        "Without a drop: rolled back in the whole rollout; median hours to 25 %. With one: rolled back before 25 %; "
        "median / 90th percentile of the hours.",
        f"{show_count(found.runs, 'rollout')} for each cell, seed {found.seed}: stages of at least 24 hours at 5, 25 "
        "and 50 %, a look at each hour, five things watched. Ratings are 1 to 5 with a standard deviation of 0.27.",
    )
    return "\n".join((shown([head, *rows]), "", *(textwrap.fill(note, 80) for note in notes)))


def _name(one: TrafficResult) -> str:
    if not one.traffic.drop:
        return "none"
    return f"-{one.traffic.drop:.2f}" + ("" if one.traffic.even else ", scored in proportion")


def _describe(one: TrafficResult) -> str:
    shares = f"{100 * one.rolled_back / one.runs:.1f}".removesuffix(".0") + " %"
    if not one.hours:
        return shares
    hours = [one.find_hours(0.5)] if not one.traffic.drop else [one.find_hours(0.5), one.find_hours(0.9)]
    return f"{shares}; {' / '.join(f'{hour:.0f}' for hour in hours if hour is not None)}"
