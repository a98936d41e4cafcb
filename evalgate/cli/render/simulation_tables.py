"""The tables of `evalgate aa --simulate`: merge rules, small sets and flaky checks."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Callable

from evalgate.cli.render import tables
from evalgate.commands.aa import MERGES, Rate, SimulationResult, describe_share
from evalgate.domain.numbers import show_count


def render_simulation(table: SimulationResult, form: str) -> str:
    """Render the comparison of merge rules on simulated scores. `form` is terminal, markdown or json."""
    if form == "json":
        return tables.render_json({"simulation": dataclasses.asdict(table)})
    shown = tables.render_markdown if form == "markdown" else tables.render_text
    parts = [_render_rules(table, form), _render_small_sets(table, form), _render_flaky_checks(table, form)]
    known = [196 * math.sqrt(p * (1 - p) / table.runs) for p in (0.5, 0.05)]
    notes = (
        f"{show_count(table.cases, 'golden case')}, {show_count(table.runs, 'run')} per row, seed {table.seed}. Cells "
        f"are percent of runs; the 95 % margin of error is {known[0]:.1f} at 50 and {known[1]:.1f} at 5. Simulated "
        "ratings are 1 to 5, mostly 5; two scores of one case have correlation 0.5; three baseline samples per case. "
        f"The standard deviation of the differences (s_d) is {table.deviation:.2f}.",
        "evalgate blocks on FAIL here, as at PATCH. An undecided change merges with a warning at PATCH and is blocked "
        "at MAJOR. MINOR blocks it if the drop exceeds the allowed one and p <= 0.10.",
        "Calls: evalgate's candidate calls per case, confirmations included; the other rules make 1.00.",
        f"The {MERGES}th in a row: the other rules compare with the last run that they accepted, evalgate "
        "with a baseline sampled anew after each merge.",
        "The last table has a blocking check that fails at random in both versions. It must hold on every case, or is "
        "compared with the baseline, as evalgate does.",
    )
    return "\n".join((*("\n".join((shown(part), "")) for part in parts), *(textwrap.fill(note, 80) for note in notes)))


def _render_rules(table: SimulationResult, form: str) -> list[list[str]]:
    cell = _choose_rate_format(form)
    naive, tolerance = "mean lower", f"drop > {table.margin:g}"
    if form == "markdown":
        naive, tolerance = "mean >= baseline", f"drop <= {table.margin:g}"
    rows = [["blocks", naive, tolerance, "evalgate", "undecided", "calls"]]
    for row in table.rows:
        shown = [cell(rate) for rate in (row.naive, row.tolerance, row.evalgate, row.inconclusive)]
        rows.append([row.scenario.name, *shown, f"{row.calls:.2f}"])
    streak = [cell(rate) for rate in (table.naive_streak, table.tolerance_streak, table.evalgate_streak)]
    rows.append([f"{MERGES}th identical in a row", *streak, "", ""])
    return rows


def _render_small_sets(table: SimulationResult, form: str) -> list[list[str]]:
    cell = _choose_rate_format(form)
    rows = [["small sets", "identical FAILs", "identical blocked at MINOR", "drop of 0.20 FAILs"]]
    rows += [
        [show_count(small.cases, "case"), *map(cell, (small.fails, small.blocked, small.found))]
        for small in table.small
    ]
    return rows


def _render_flaky_checks(table: SimulationResult, form: str) -> list[list[str]]:
    cell = _choose_rate_format(form)
    sizes = sorted({flaky.cases for flaky in table.flaky})
    rows = [["an identical prompt FAILs", *(show_count(size, "case") for size in sizes)]]
    for failing in sorted({flaky.failing for flaky in table.flaky}):
        own = [flaky for flaky in table.flaky if flaky.failing == failing]
        answers = f"{100 * failing:g} % of answers fail"
        rows.append([f"{answers}: must hold", *(cell(flaky.must_hold) for flaky in own)])
        rows.append([f"{answers}: evalgate", *(cell(flaky.compared) for flaky in own)])
    return rows


def _choose_rate_format(form: str) -> Callable[[Rate], str]:
    """Return the formatter of a rate: with its interval in Markdown, without it on a terminal of 80 columns."""
    return describe_share if form == "markdown" else lambda rate: f"{100 * rate.value:.1f}"
