"""`evalgate import promptfoo`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from evalgate.cli.imports.new_files_options import add_new_files_options, make_wanted, print_imported
from evalgate.cli.scores_options import select_option


@click.command("promptfoo")
@add_new_files_options
@select_option
@click.option("--strict", is_flag=True, help="Exit with 1 if anything of a configuration was not carried over.")
def command(*, file: Path, select: str | None, strict: bool, arm: str, **options: Any) -> None:
    """Write a project for a promptfooconfig.yaml; or, with --cases or --scores, the results of promptfoo.

    For a configuration, evalgate.yml, prompts, cases, rubrics and schemas are written. No code is run, no model is
    called, and no file is overwritten. Exits with 2 if there is an evalgate.yml.

    Results (.json, .jsonl, .yaml) become cases and scores. A test whose provider or assertion failed has no score.
    `pass` is promptfoo's own verdict of a test.
    """
    from evalgate.cli.render.new_project import print_import
    from evalgate.commands.imports import promptfoo

    if any(options.values()) or select or arm != "candidate":
        if strict:
            raise click.UsageError("--strict is for a configuration")
        print_imported(promptfoo.import_results(file, make_wanted(arm=arm, **options), select=select))
        return
    done = promptfoo.import_promptfoo(Path.cwd(), str(file), os.environ)
    print_import(done)
    if strict and done.left_out:
        raise click.exceptions.Exit(1)
