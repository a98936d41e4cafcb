"""`evalgate hook run`: check what is pushed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
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
    from evalgate.services.git_hooks import Push

LARGEST_PUSH = 16 * 1024 * 1024
"""Limit in bytes of the hook's standard input, on which git writes one line for each pushed ref."""


@click.command("run")
@mode_option
@config_option
@env_file_option
@branch_option
@click.argument("remote", nargs=-1)
@click.pass_context
def command(
    context: click.Context, *, mode: Mode, config_path: Path, default_branch: str | None, remote: tuple[str, ...]
) -> None:
    """Check every pushed commit, or HEAD if nothing is pushed. Called by git or pre-commit.

    Exits with 1 if a change is proven wrong, and with 2 for invalid files. Everything undecided is left to CI.
    """
    if "GIT_WORK_TREE" not in os.environ:
        os.environ.pop("GIT_DIR", None)  # git sets it for hooks in worktrees; it would hide the repository of a folder
    from evalgate.cli.progress import Progress
    from evalgate.commands.hook import run
    from evalgate.services.git import Git

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
    with progress:
        answers = list(check.check_pushes(git, _read_pushes(os.environ)))
    for answer in answers:
        _print_answer(answer)
    code = max((answer.code for answer in answers), default=ExitCode.PASS)
    if code is not ExitCode.PASS:
        skip = "SKIP=evalgate git push" if os.environ.get("PRE_COMMIT") else "git push --no-verify"
        click.echo(f"evalgate stopped the push; to push anyway: {skip}", err=True)
    context.exit(code)


def _read_pushes(environment: Mapping[str, str]) -> tuple[Push, ...]:
    """Read the pushed refs from pre-commit's variables, else from git's lines; HEAD if nothing is pushed."""
    from evalgate.services.git_hooks import Push, read_pushes

    if environment.get("PRE_COMMIT"):  # for a first push it gives the branch and no commit
        local = environment.get("PRE_COMMIT_TO_REF") or environment.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
        return (Push(local=local, sha=local, remote=environment.get("PRE_COMMIT_REMOTE_BRANCH") or local),)
    if sys.stdin is None or sys.stdin.isatty():
        return (Push(local="HEAD", sha="HEAD", remote="HEAD"),)
    try:
        lines = sys.stdin.buffer.read(LARGEST_PUSH + 1)
    except OSError as error:
        raise GitError(f"git's list of pushed refs cannot be read: {error.strerror or error}") from None
    if len(lines) > LARGEST_PUSH:
        raise GitError(f"git's list of pushed refs is larger than {LARGEST_PUSH // (1024 * 1024)} MiB")
    return read_pushes(os.fsdecode(lines))


def _print_answer(answer: Answer) -> None:
    from evalgate.report.escape import block

    word = {ExitCode.PASS: "", ExitCode.FAIL: "FAIL ", ExitCode.USAGE: "FAULT "}[answer.code]
    where = " ".join(part for part in (answer.ref, answer.gate) if part)
    first, *more = answer.sentences or ("",)
    click.echo(block("\n  ".join([f"evalgate: {word}{where}: {first}", *more])), err=True)
