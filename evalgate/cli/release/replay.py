"""`evalgate release replay`: a version answers rows of production, before any user sees it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from evalgate.cli import destinations, printing
from evalgate.cli.env_file import env_file_option
from evalgate.cli.finite_range import FiniteRange
from evalgate.cli.release.actor import format_now
from evalgate.cli.release.registry_option import add_registry_options, open_from_options
from evalgate.cli.release.rollout_options import load_settings, require_rows, rows_option
from evalgate.cli.surroundings import make_machine
from evalgate.domain.numbers import show_count

_MOST_ROWS = 10_000
_MOST_HOURS = 8_784  # a year


@click.command("replay")
@click.argument("name")
@click.option(
    "--version", metavar="V", help="A semantic version, or the start of a digest.  [default: the highest published one]"
)
@rows_option
@click.option(
    "--hours",
    type=FiniteRange(0, _MOST_HOURS, min_open=True),
    metavar="H",
    default=24.0,
    show_default=True,
    help="Replay rows of the last H hours.",
)
@click.option(
    "--first",
    type=click.IntRange(1, _MOST_ROWS),
    metavar="N",
    default=400,
    show_default=True,
    help="Replay N rows at most, of N users. Which users these are does not depend on the version.",
)
@click.option("--dry-run", is_flag=True, help="Print an estimate of the calls and their cost, and call nothing.")
@env_file_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of cache and journal.")
@add_registry_options
@destinations.add_output_options
@click.pass_context
def command(
    context: click.Context,
    *,
    name: str,
    version: str | None,
    patterns: tuple[str, ...],
    hours: float,
    first: int,
    dry_run: bool,
    store: Path | None,
    config_path: Path,
    registry_url: str | None,
    formats: tuple[str, ...],
    outputs: tuple[Path, ...],
) -> None:
    """Let a version of the prompt NAME answer rows of production, and compare it with what production answered.

    The rows are those of the version in production that have `fields` and `output`. The gate of the prompt in the
    configuration scores both arms, by the criteria that need no expected answer, and its rule decides. The report is no
    verdict of the gate: no label moves on it.

    Exits with 0 if the version is proven not worse by more than the allowed drop, with 1 if it is proven worse, with 4
    if neither is proven or too many rows are left out for a fault, and with 3 if there is no row to replay.
    """
    from evalgate.cli.progress import Progress
    from evalgate.cli.render.calls_text import render_calls
    from evalgate.commands.release import replay
    from evalgate.release.rollout.row_window import find_recent

    where = destinations.choose_destinations(formats, outputs)
    progress = Progress()
    machine = make_machine(config_path, store, progress.note)
    settings = load_settings(config_path, None)
    now = format_now()

    def open_rows() -> Iterable[bytes]:
        window = find_recent(now, seconds=3600 * hours, texts=True)
        return require_rows(patterns, settings, config_path, name=name, now=now, registry=registry, window=window)

    options = replay.ReplayOptions(now=now, version=version, hours=hours, first=first)
    destinations.require_writable(where)
    registry = open_from_options(config_path, registry_url)
    prepared = replay.prepare_replay(config_path, registry, name, open_rows, machine, options=options)
    count = len(prepared.plan.dataset.cases)
    progress.note(f"{name}: replays {show_count(count, 'row')}; {render_calls(prepared.estimate)}")
    if dry_run:
        return
    with progress:
        report = replay.run_replay(prepared, machine, progress.show)
    printing.write_report(report, where)
    context.exit(report.exit_code)
