"""`evalgate hook install`: write the pre-push hook of this repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.env_file import read_env_file
from evalgate.cli.folders import config_option
from evalgate.cli.hook.mode import branch_option, mode_option

if TYPE_CHECKING:
    from evalgate.commands.hook.run import Mode


@click.command("install")
@mode_option
@config_option
@branch_option
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file from which the hook reads environment variables. Variables that are set are kept.",
)
def command(*, mode: Mode, config_path: Path, default_branch: str | None, env_file: Path | None) -> None:
    """Write the pre-push hook of this repository. An existing hook is kept and runs first."""
    from evalgate.commands.hook import install
    from evalgate.report.escape import block

    if env_file is not None:
        read_env_file(env_file)  # raises for a file that would stop every push
    name, done = install.install_hook(
        Path.cwd(), config_path, mode=mode, default_branch=default_branch, env_file=env_file
    )
    click.echo(block(f"{done.path}: {mode}, {name}"))
    if done.chained is not None:
        click.echo(block(f"the existing hook runs first: {done.chained}"))
    if done.shared:
        click.echo(block(f"core.hooksPath: every repository that uses {done.path.parent} has this hook now"))
    click.echo("to skip it once: git push --no-verify; to remove it: evalgate hook uninstall")
