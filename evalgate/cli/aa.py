"""`evalgate aa`: the false-alarm rate of the decision rule on equal versions, simulated or from a stored baseline."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.folders import config_option, find_store, read_report
from evalgate.errors import ExitCode

if TYPE_CHECKING:
    from evalgate.cli.progress import Progress
    from evalgate.commands.aa import Tried

_ONLY_SIMULATED = ("cases", "margin")


@click.command("aa")
@click.argument("stored", required=False, metavar="[REPORT]", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@click.option("--simulate", is_flag=True, help="Compare merge rules on simulated scores; needs no report.")
@click.option("--rollout", is_flag=True, help="With --simulate: simulate rollouts instead of merge rules.")
@click.option(
    "--cases", type=click.IntRange(20, 10_000), default=100, show_default=True, help="With --simulate: golden cases."
)
@click.option(
    "--margin",
    type=FiniteRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="With --simulate: the allowed drop.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 1_000_000),
    help="Runs of each rate.  [default: 1000; with --simulate: 2000; with --rollout: 100]",
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
    rollout: bool,
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
    that fail at random in both versions. With --rollout: simulates rollouts of equal and of worse versions, and says
    how many are rolled back, and when.
    Exits with 1 if there are more false alarms than the rule allows, with 3 if there are too few samples, and with 4
    if there are too few cases for any verdict.
    """
    from evalgate.cli.progress import Progress
    from evalgate.cli.render.self_check_table import render_self_checks
    from evalgate.commands import aa

    if simulate and stored is not None:
        raise click.UsageError("give a report or --simulate, not both")
    if rollout and not simulate:
        raise click.UsageError("--rollout goes with --simulate")
    for name in _ONLY_SIMULATED if rollout or not simulate else ():
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name} goes with --simulate without --rollout")
    if rollout:
        click.echo(_simulate_rollouts(runs, seed, form))
        return
    if simulate:
        click.echo(_simulate(cases, margin, runs, seed, form))
        return
    count = runs or aa.RUNS
    numbers = itertools.count(1)
    with Progress() as progress:
        tried = _try_stored(config_path, count, seed, lambda: _show(progress, next(numbers))) if stored is None else ()
        if not tried:
            report = read_report(stored, config_path)
            tried = aa.try_report(report, runs=count, seed=seed, on_run=lambda: _show(progress, next(numbers)))
    click.echo(render_self_checks(tried, seed, form))
    context.exit(_exit_code(tried))


def _simulate(cases: int, margin: float, runs: int | None, seed: int, form: str) -> str:
    from evalgate.cli.progress import Progress
    from evalgate.cli.render.simulation_tables import render_simulation
    from evalgate.commands import aa

    with Progress() as progress:
        show = partial(_show, progress)
        return render_simulation(
            aa.simulate(cases=cases, runs=runs or 2_000, seed=seed, margin=margin, on_run=show), form
        )


def _simulate_rollouts(runs: int | None, seed: int, form: str) -> str:
    from evalgate.cli.progress import Progress
    from evalgate.cli.render.simulated_rollouts import render_rollouts
    from evalgate.commands import aa

    with Progress() as progress:
        show = partial(_show, progress, what="rollouts")
        return render_rollouts(aa.simulate_rollouts(runs=runs or 100, seed=seed, on_run=show), form)


def _show(progress: Progress, done: int, total: int | None = None, *, what: str = "decisions") -> None:
    of = "" if total is None else f" of {total}"
    progress.update(done, total, f"simulating: {done}{of} {what}")


def _try_stored(config_path: Path, runs: int, seed: int, on_run: Callable[[], None]) -> tuple[Tried, ...]:
    if not config_path.is_file():
        return ()
    from evalgate.commands.baseline import sample

    return sample.check_rule(config_path, find_store(config_path), runs=runs, seed=seed, on_run=on_run)


def _exit_code(tried: Sequence[Tried]) -> ExitCode:
    if any(one.found is not None and not one.found.kept for one in tried):
        return ExitCode.FAIL
    if not tried or any(one.found is None for one in tried):
        return ExitCode.NOT_EVALUATED
    if any(one.found is not None and one.found.inconclusive.count == one.found.runs for one in tried):
        return ExitCode.INCONCLUSIVE
    return ExitCode.PASS
