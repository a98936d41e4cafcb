"""`evalgate import csv`."""

from __future__ import annotations

from pathlib import Path

import click

from evalgate.cli.imports.new_files_options import file_argument, print_imported


@click.command("csv")
@file_argument
@click.option(
    "--cases",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new .jsonl file for the cases.",
)
@click.option("--id", "id_column", metavar="COLUMN", help="The column of the ids.  [default: id if there is one]")
@click.option("--expected", metavar="COLUMN", help="The column of the expected answers.")
@click.option("--tags", metavar="COLUMN", help="The column of the tags.")
@click.option("--cluster", metavar="COLUMN", help="The column of what groups cases that belong together.")
@click.option("--separator", default=";", show_default=True, metavar="TEXT", help="The text between two tags.")
@click.option(
    "--json", "json_columns", multiple=True, metavar="COLUMN", help="A column whose cells are JSON; repeatable."
)
@click.option(
    "--drop", "dropped", multiple=True, metavar="COLUMN", help="A column that is not carried over; repeatable."
)
def command(
    *,
    file: Path,
    cases: Path,
    id_column: str | None,
    expected: str | None,
    tags: str | None,
    cluster: str | None,
    separator: str,
    json_columns: tuple[str, ...],
    dropped: tuple[str, ...],
) -> None:
    """Write the rows of a table (.csv, .tsv, .parquet, .xlsx) as cases. Other columns keep their names."""
    from evalgate.commands.imports import csv
    from evalgate.inputs.importers.case_tables import CaseColumns

    if not separator:
        raise click.UsageError("--separator must be a text")
    columns = CaseColumns(
        id=id_column,
        expected=expected,
        tags=tags,
        cluster=cluster,
        separator=separator,
        json=json_columns,
        dropped=dropped,
    )
    print_imported(csv.import_table(file, cases, columns))
