"""`evalgate hook`: install, uninstall and run the pre-push hook."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.folders import config_option, find_home, find_store
from evalgate.errors import ExitCode, GitError

if TYPE_CHECKING:
    from evalgate.commands.hook import Answer, Mode
    from evalgate.gate.options import Machine
    from evalgate.services.git import Git
    from evalgate.services.git_hooks import Push

LARGEST_PUSH = 16 * 1024 * 1024
"""Limit in bytes of the hook's standard input, on which git writes one line for each pushed ref."""

_mode_option = click.option(
    "--mode",
    type=click.Choice(["cached", "quick", "full"]),
    default="cached",
    show_default=True,
    help="cached: levels, checks and verdicts from cached answers, no model call; quick: also the checks on 12 cases, "
    "with model calls; full: the whole gate.",
)
_branch_option = click.option("--default-branch", metavar="BRANCH", help="The branch whose merge base is the baseline.")


@click.group("hook")
def command() -> None:
    """Check prompts before a push: a fast git hook that blocks only what is proven wrong."""


@command.command("install")
@_mode_option
@config_option
@_branch_option
def install(*, mode: Mode, config_path: Path, default_branch: str | None) -> None:
    """Write the pre-push hook of this repository. An existing hook is kept and runs first."""
    from evalgate.commands import hook
    from evalgate.report.escape import block
    from evalgate.services import git_hooks
    from evalgate.services.git import Git
    from evalgate.store.atomic import write_file

    name = hook.find_config(Git.open(Path.cwd()), config_path)
    options = ["--mode", mode, "--config", name]
    options += ["--default-branch", default_branch] if default_branch else []
    write = functools.partial(write_file, executable=True)
    done = git_hooks.install(Path.cwd(), sys.executable, options, write)
    click.echo(block(f"{done.path}: {mode}, {name}"))
    if done.chained is not None:
        click.echo(block(f"the existing hook runs first: {done.chained}"))
    if done.shared:
        click.echo(block(f"core.hooksPath: every repository that uses {done.path.parent} has this hook now"))
    click.echo("to skip it once: git push --no-verify; to remove it: evalgate hook uninstall")


@command.command("uninstall")
def uninstall() -> None:
    """Remove the hook, and restore the one that existed before."""
    from evalgate.report.escape import block
    from evalgate.services import git_hooks

    done = git_hooks.uninstall(Path.cwd())
    if done is None:
        click.echo("evalgate's hook is not installed here")
    elif done.chained is not None:
        click.echo(block(f"restored the hook that existed before: {done.path}"))
    else:
        click.echo(block(f"removed: {done.path}"))


@command.command("run")
@_mode_option
@config_option
@_branch_option
@click.argument("remote", nargs=-1)
@click.pass_context
def run(
    context: click.Context, *, mode: Mode, config_path: Path, default_branch: str | None, remote: tuple[str, ...]
) -> None:
    """Check every pushed commit, or HEAD if nothing is pushed. Called by git or pre-commit.

    Exits with 1 if a change is proven wrong, and with 2 for invalid files. Everything undecided is left to CI.
    """
    if "GIT_WORK_TREE" not in os.environ:
        os.environ.pop("GIT_DIR", None)  # git sets it for hooks in worktrees; it would hide the repository of a folder
    from evalgate.cli.progress import Progress
    from evalgate.commands import hook
    from evalgate.services.git import Git

    git = Git.open(Path.cwd())
    branch = default_branch or _find_default_branch(git, remote)
    progress = Progress()

    def machine() -> Machine:
        from evalgate.gate.options import Machine

        return Machine(environment=os.environ, store=find_store(config_path), home=find_home(), note=progress.note)

    check = hook.PrePushCheck(
        config=hook.find_config(git, config_path),
        machine=machine,
        default_branch=branch,
        mode=mode,
        on_event=progress.show,
    )
    with progress:
        answers = list(check.look(git, _read_pushes(os.environ)))
    for answer in answers:
        _print_answer(answer)
    code = max((answer.code for answer in answers), default=ExitCode.PASS)
    if code is not ExitCode.PASS:
        skip = "SKIP=evalgate git push" if os.environ.get("PRE_COMMIT") else "git push --no-verify"
        click.echo(f"evalgate stopped the push; to push anyway: {skip}", err=True)
    context.exit(code)


def _find_default_branch(git: Git, remote: tuple[str, ...]) -> str | None:
    """Return the default branch of the remote that is pushed to; None if there is an `origin`, which decides it."""
    heads = ("HEAD", "main", "master")
    if not remote or any(git.knows(f"refs/remotes/origin/{branch}") for branch in heads):
        return None
    return next((n for branch in heads if git.knows(n := f"refs/remotes/{remote[0]}/{branch}")), None)


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
