"""`evalgate show`: one case with its prompts, samples and scores, or the cases that are worth a look."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Literal

import click

from evalgate.cli import printing
from evalgate.cli.folders import config_option, gate_option
from evalgate.cli.surroundings import make_machine
from evalgate.console.escaped_streams import is_in_step


@click.command("show")
@click.argument("case", required=False, metavar="[CASE]")
@click.option(
    "--report",
    "stored",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A report that `evalgate run --output` wrote.  [default: that of the last run]",
)
@gate_option
@click.option("--arm", type=click.Choice(["candidate", "baseline"]), help="Only prompt and samples of this version.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "json"]),
    default="terminal",
    show_default=True,
    help="The format.",
)
@config_option
@click.option("--store", type=click.Path(file_okay=False, path_type=Path), help="Folder of the last report.")
def command(
    *,
    case: str | None,
    stored: Path | None,
    gates: tuple[str, ...],
    arm: Literal["candidate", "baseline"] | None,
    form: Literal["terminal", "markdown", "json"],
    config_path: Path,
    store: Path | None,
) -> None:
    """Show one case: its input, the prompts as sent, every sample with scores and reasons, and word diffs.

    CASE is an id, or the beginning of one. Without it, the cases are listed that are worth a look. On a terminal all
    texts are shown; elsewhere those that the configuration lets out. No model is called, and the exit code is 0.
    """
    from evalgate.commands import show
    from evalgate.domain import Arm
    from evalgate.report import case_list, case_page, case_text, view

    machine = make_machine(config_path, store)
    is_private = form == "terminal" and sys.stdout.isatty() and not is_in_step(os.environ)
    shown = show.read_report(stored, machine.store, is_private=is_private)
    chosen = show.choose_gates(shown.report, gates)
    color = printing.has_color()
    if case is None and form == "json":
        rows = {gate.evidence.name: case_list.as_json(case_list.list_cases(gate)) for gate in chosen}
        text = json.dumps({"run_id": shown.report.run_id, "note": view.redrawn(shown.report), "gates": rows}, indent=1)
    elif case is None:
        text = case_text.render_list(shown.report, chosen, color=color, form=form)
    else:
        name, side = show.find_case(chosen, case), None if arm is None else Arm(arm)
        pages = show.make_pages(shown, chosen, name, config_path, machine, arm=side)
        if form == "json":
            text = json.dumps([case_page.as_json(page) for page in pages], indent=1)
        else:
            text = "\n".join(case_text.render_page(page, color=color, form=form) for page in pages)
    click.echo(text.rstrip("\n"), color=True)
