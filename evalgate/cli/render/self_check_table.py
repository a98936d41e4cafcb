"""The table of `evalgate aa`: how often each criterion of a project fails against its own baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from evalgate.cli.render import tables
from evalgate.commands.aa import DROPS, Tried, describe, describe_interval
from evalgate.report import escape


def render_self_checks(tried: Sequence[Tried], seed: int, form: str) -> str:
    """Render the self-checks of a project's criteria. `form` is terminal, markdown or json."""
    if form == "json":
        own = [{**dataclasses.asdict(one), "sentence": describe(one)} for one in tried]
        return tables.render_json({"seed": seed, "criteria": own})
    if not tried:
        return "Nothing is compared with the baseline: no judge ran, and no check blocks or has a max_drop."
    clean = escape.markdown if form == "markdown" else escape.line
    rows = [["percent of runs", "false alarms", "passes", "undecided", *(f"finds -{drop:.2f}" for drop in DROPS)]]
    for one in tried:
        found = one.found
        if found is not None:
            rates = (found.passes, found.inconclusive, *(power.fails for power in found.power))
            shown = ["-" if rate is None else f"{100 * rate.value:.1f}" for rate in rates]
            rows.append([clean(f"{one.gate}: {one.criterion}"), describe_interval(found.fails), *shown])
    parts = []
    if len(rows) > 1:
        parts = [tables.render_markdown(rows) if form == "markdown" else tables.render_text(rows), ""]
    return "\n".join((*parts, *(clean(describe(one)) for one in tried)))
