"""`evalgate hook run`: check what is pushed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.env_file import env_file_option
from evalgate.cli.folders import config_option
from evalgate.cli.hook.mode import branch_option, mode_option
from evalgate.cli.surroundings import make_machine
from evalgate.errors import ExitCode, GitError

if TYPE_CHECKING:
    from evalgate.commands.hook.run import Answer, Mode

LARGEST_PUSH = 16 * 1024 * 1024
"""Limit in bytes of the hook's standard input, on which git writes one line for each pushed ref."""


@click.command("run", short_help="Check every pushed commit, or the current branch.")
@mode_option
@config_option
@env_file_option
@branch_option
@click.argument("remote", nargs=-1)
@click.pass_context
def command(
    context: click.Context, *, mode: Mode, config_path: Path, default_branch: str | None, remote: tuple[str, ...]
) -> None:
    """Check every pushed commit, or the current branch if no pushed ref is named. Called by git or a hook manager.

    Exits with 1 if a change is proven wrong, and with 2 for invalid files. Everything undecided is left to CI.
    """
    from evalgate.change import pushed_refs
    from evalgate.cli.progress import Progress
    from evalgate.commands.hook import run
    from evalgate.report.escape import block
    from evalgate.services import hook_environment
    from evalgate.services.git import Git

    known = hook_environment.find_repository(os.environ, Path.cwd())
    for name in hook_environment.NAMES:
        os.environ.pop(name, None)
    os.environ.update(known)
    git = Git.open(Path.cwd())
    branch = default_branch or run.find_default_branch(git, remote)
    progress = Progress()
    check = run.PrePushCheck(
        config=run.find_config(git, config_path),
        machine=lambda: make_machine(config_path, note=progress.note),
        default_branch=branch,
        mode=mode,
        on_event=progress.show,
    )
    found = pushed_refs.find_pushed(git, os.environ, _read_input())
    for sentence in found.said:
        click.echo(block(f"evalgate: {sentence}"), err=True)
    with progress:
        answers = list(check.check_pushes(git, found.refs))
    for answer in answers:
        _print_answer(answer)
    code = max((answer.code for answer in answers), default=ExitCode.PASS)
    if code is not ExitCode.PASS:
        skip = "SKIP=evalgate git push" if os.environ.get("PRE_COMMIT") else "git push --no-verify"
        click.echo(f"evalgate stopped the push; to push anyway: {skip}", err=True)
    context.exit(code)


def _read_input() -> str | None:
    """Read git's lines; None if the standard input is a terminal, or closed. pre-commit promises no readable one."""
    if sys.stdin is None or sys.stdin.isatty():
        return None
    try:
        lines = sys.stdin.buffer.read(LARGEST_PUSH + 1)
    except OSError as error:
        if "PRE_COMMIT" in os.environ:
            return None
        raise GitError(f"git's list of pushed refs cannot be read: {error.strerror or error}") from None
    if len(lines) > LARGEST_PUSH:
        raise GitError(f"git's list of pushed refs is larger than {LARGEST_PUSH // (1024 * 1024)} MiB")
    return os.fsdecode(lines)


def _print_answer(answer: Answer) -> None:
    from evalgate.report.escape import block

    word = {ExitCode.PASS: "", ExitCode.FAIL: "FAIL ", ExitCode.USAGE: "FAULT "}[answer.code]
    where = " ".join(part for part in (answer.ref, answer.gate) if part)
    first, *more = answer.sentences or ("",)
    click.echo(block("\n  ".join([f"evalgate: {word}{where}: {first}", *more])), err=True)
