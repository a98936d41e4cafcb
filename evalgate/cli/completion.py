"""`evalgate completion`: print the completion script of a shell."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print the script by which SHELL completes verbs, options and files. The first line says where it goes."""
    from click.shell_completion import get_completion_class

    from evalgate.cli import COMPLETION
    from evalgate.commands.completion import add_instructions

    made = get_completion_class(shell)
    assert made is not None
    script = made(context.find_root().command, {}, "evalgate", COMPLETION)
    # click's own `source` starts bash to learn its version
    text = script.source_template % script.source_vars()
    click.echo(add_instructions(shell, text), nl=False)
