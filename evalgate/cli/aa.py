"""`evalgate aa`: the false-alarm rate of the decision rule on equal versions, simulated or from a stored baseline."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalgate.cli import tables
from evalgate.cli.decide import read_report
from evalgate.cli.folders import config_option, find_store
from evalgate.errors import ExitCode

if TYPE_CHECKING:
    from evalgate.cli.progress import Progress
    from evalgate.commands.aa import Rate, SimulationResult, Tried

_ONLY_SIMULATED = ("cases", "margin")


@click.command("aa")
@click.argument("stored", required=False, metavar="[REPORT]", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@click.option("--simulate", is_flag=True, help="Compare merge rules on simulated scores; needs no report.")
@click.option(
    "--cases", type=click.IntRange(20, 10_000), default=100, show_default=True, help="With --simulate: golden cases."
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="With --simulate: the allowed drop.",
)
@click.option(
    "--runs", type=click.IntRange(1, 1_000_000), help="Runs of each rate.  [default: 1000; with --simulate: 2000]"
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the simulation.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("terminal", "markdown", "json")),
    default="terminal",
    show_default=True,
    help="The output format.",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    stored: Path | None,
    config_path: Path,
    simulate: bool,
    cases: int,
    margin: float,
    runs: int | None,
    seed: int,
    form: str,
) -> None:
    """Test the decision rule on equal versions (A/A): measure its false alarms and its power to detect a drop.

    Compares the baseline with itself, split by sample, for every judge and blocking check. The samples are those that
    `evalgate baseline sample` stored, else those of the last run's report. A named report is used instead of both.
    With --simulate: compares three merge rules on --cases cases, and tests sets of 8 to 30 cases and blocking checks
    that fail at random in both versions.
    Exits with 1 if there are more false alarms than the rule allows, with 3 if there are too few samples, and with 4
    if there are too few cases for any verdict.
    """
    from evalgate.cli.progress import Progress
    from evalgate.commands import aa

    if simulate:
        if stored is not None:
            raise click.UsageError("give a report or --simulate, not both")
        with Progress() as progress:
            show = partial(_show, progress)
            table = aa.simulate(cases=cases, runs=runs or 2_000, seed=seed, margin=margin, on_run=show)
        click.echo(_render_simulation(table, form))
        return
    for name in _ONLY_SIMULATED:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name} goes with --simulate; a report has its own")
    count = runs or aa.RUNS
    numbers = itertools.count(1)
    with Progress() as progress:
        tried = _try_stored(config_path, count, seed, lambda: _show(progress, next(numbers))) if stored is None else ()
        if not tried:
            report = read_report(stored, config_path)
            tried = aa.try_report(report, runs=count, seed=seed, on_run=lambda: _show(progress, next(numbers)))
    click.echo(_render_stored(tried, seed, form))
    context.exit(_exit_code(tried))


def _show(progress: Progress, done: int, total: int | None = None) -> None:
    of = "" if total is None else f" of {total}"
    progress.update(done, total, f"simulating: {done}{of} decisions")


def _try_stored(config_path: Path, runs: int, seed: int, on_run: Callable[[], None]) -> tuple[Tried, ...]:
    if not config_path.is_file():
        return ()
    from evalgate.commands import baseline

    return baseline.check_rule(config_path, find_store(config_path), runs=runs, seed=seed, on_run=on_run)


def _exit_code(tried: Sequence[Tried]) -> ExitCode:
    if any(one.found is not None and not one.found.kept for one in tried):
        return ExitCode.FAIL
    if not tried or any(one.found is None for one in tried):
        return ExitCode.NOT_EVALUATED
    if any(one.found is not None and one.found.inconclusive.count == one.found.runs for one in tried):
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS


def _render_simulation(table: SimulationResult, form: str) -> str:
    if form == "json":
        return _render_json({"simulation": dataclasses.asdict(table)})
    shown = tables.render_markdown if form == "markdown" else tables.render_text
    parts = [_render_rules(table, form), _render_small_sets(table, form), _render_flaky_checks(table, form)]
    known = [196 * math.sqrt(p * (1 - p) / table.runs) for p in (0.5, 0.05)]
    notes = (
        f"{table.cases} golden cases, {table.runs} runs per row, seed {table.seed}. Cells are percent of runs; the "
        f"95 % margin of error is {known[0]:.1f} at 50 and {known[1]:.1f} at 5. Simulated ratings are 1 to 5, mostly "
        "5; two scores of one case have correlation 0.5; three baseline samples per case. The standard deviation of "
        f"the differences (s_d) is {table.deviation:.2f}.",
        "evalgate blocks on FAIL here, as at PATCH. An undecided change merges with a warning at PATCH and is blocked "
        "at MAJOR. MINOR blocks it if the drop exceeds the allowed one and p <= 0.10.",
        "Calls: evalgate's candidate calls per case, confirmations included; the other rules make 1.00.",
        f"The {_render_merges()}th in a row: the other rules compare with the last run that they accepted, evalgate "
        "with a baseline sampled anew after each merge.",
        "The last table has a blocking check that fails at random in both versions. It must hold on every case, or is "
        "compared with the baseline, as evalgate does.",
    )
    return "\n".join((*("\n".join((shown(part), "")) for part in parts), *(textwrap.fill(note, 80) for note in notes)))


def _render_merges() -> int:
    from evalgate.commands.aa import MERGES

    return MERGES


def _render_rules(table: SimulationResult, form: str) -> list[list[str]]:
    cell = _render_cell(form)
    naive, tolerance = "mean lower", f"drop > {table.margin:g}"
    if form == "markdown":
        naive, tolerance = "mean >= baseline", f"drop <= {table.margin:g}"
    rows = [["blocks", naive, tolerance, "evalgate", "undecided", "calls"]]
    for row in table.rows:
        shown = [cell(rate) for rate in (row.naive, row.tolerance, row.evalgate, row.inconclusive)]
        rows.append([row.scenario.name, *shown, f"{row.calls:.2f}"])
    streak = [cell(rate) for rate in (table.naive_streak, table.tolerance_streak, table.evalgate_streak)]
    rows.append([f"{_render_merges()}th identical in a row", *streak, "", ""])
    return rows


def _render_small_sets(table: SimulationResult, form: str) -> list[list[str]]:
    cell = _render_cell(form)
    rows = [["small sets", "identical FAILs", "identical blocked at MINOR", "drop of 0.20 FAILs"]]
    rows += [[f"{small.cases} cases", *map(cell, (small.fails, small.blocked, small.found))] for small in table.small]
    return rows


def _render_flaky_checks(table: SimulationResult, form: str) -> list[list[str]]:
    cell = _render_cell(form)
    sizes = sorted({flaky.cases for flaky in table.flaky})
    rows = [["an identical prompt FAILs", *(f"{size} cases" for size in sizes)]]
    for failing in sorted({flaky.failing for flaky in table.flaky}):
        own = [flaky for flaky in table.flaky if flaky.failing == failing]
        answers = f"{100 * failing:g} % of answers fail"
        rows.append([f"{answers}: must hold", *(cell(flaky.must_hold) for flaky in own)])
        rows.append([f"{answers}: evalgate", *(cell(flaky.compared) for flaky in own)])
    return rows


def _render_cell(form: str) -> Callable[[Rate], str]:
    """Return the formatter of a rate: with its interval in Markdown, without it on a terminal of 80 columns."""
    from evalgate.commands.aa import describe_share

    return describe_share if form == "markdown" else lambda rate: f"{100 * rate.value:.1f}"


def _render_stored(tried: Sequence[Tried], seed: int, form: str) -> str:
    from evalgate.commands.aa import DROPS, describe, describe_interval
    from evalgate.report import escape

    if form == "json":
        own = [{**dataclasses.asdict(one), "sentence": describe(one)} for one in tried]
        return _render_json({"seed": seed, "criteria": own})
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


def _render_json(data: dict[str, Any]) -> str:
    return json.dumps({"format": 1, **data}, indent=2)
