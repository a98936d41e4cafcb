"""`evalgate hook`: the pre-push hook, put in place, taken away, and run."""

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
"""Bytes of what git tells a hook on standard input: a line for each ref that is pushed."""

_mode_option = click.option(
    "--mode",
    type=click.Choice(["cached", "quick", "full"]),
    default="cached",
    show_default=True,
    help="cached: levels, checks and verdicts from what is known, no call; quick: and the checks on 12 cases, with "
    "calls; full: the whole gate.",
)
_branch_option = click.option("--default-branch", metavar="BRANCH", help="The branch whose merge base is the baseline.")


@click.group("hook")
def command() -> None:
    """Look at prompts before they are pushed: a git hook that answers at once, and blocks only what is proven."""


@command.command("install")
@_mode_option
@config_option
@_branch_option
def install(*, mode: Mode, config_path: Path, default_branch: str | None) -> None:
    """Write the pre-push hook of this repository; one that is there already is kept, and runs first."""
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
        click.echo(block(f"the hook that was there runs first: {done.chained}"))
    if done.shared:
        click.echo(block(f"core.hooksPath: every repository that uses {done.path.parent} has this hook now"))
    click.echo("skip it once: git push --no-verify; take it away: evalgate hook uninstall")


@command.command("uninstall")
def uninstall() -> None:
    """Take the hook away, and put back the one that was there before."""
    from evalgate.report.escape import block
    from evalgate.services import git_hooks

    done = git_hooks.uninstall(Path.cwd())
    if done is None:
        click.echo("evalgate's hook is not installed here")
    elif done.chained is not None:
        click.echo(block(f"the hook that was there before is back: {done.path}"))
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
    """What git (or pre-commit) calls: looks at every pushed commit; without a push, at HEAD.

    Exit codes: 1 for what is proven wrong, 2 for faults of files; everything that is open is left to CI.
    """
    if "GIT_WORK_TREE" not in os.environ:
        os.environ.pop("GIT_DIR", None)  # git sets it for hooks in worktrees, where it hides what is around a folder
    from evalgate.cli.progress import Progress
    from evalgate.commands import hook
    from evalgate.services.git import Git

    git = Git.open(Path.cwd())
    branch = default_branch or _find_default_branch(git, remote)
    progress = Progress()

    def machine() -> Machine:
        from evalgate.gate.options import Machine

        return Machine(environment=os.environ, store=find_store(config_path), home=find_home(), note=progress.note)

    lookout = hook.PrePushCheck(
        config=hook.find_config(git, config_path),
        machine=machine,
        default_branch=branch,
        mode=mode,
        on_event=progress.show,
    )
    with progress:
        answers = list(lookout.look(git, _read_pushes(os.environ)))
    for answer in answers:
        _print_answer(answer)
    code = max((answer.code for answer in answers), default=ExitCode.PASS)
    if code is not ExitCode.PASS:
        skip = "SKIP=evalgate git push" if os.environ.get("PRE_COMMIT") else "git push --no-verify"
        click.echo(f"evalgate stopped the push; to push all the same: {skip}", err=True)
    context.exit(code)


def _find_default_branch(git: Git, remote: tuple[str, ...]) -> str | None:
    """The default branch of the remote that is pushed to, where there is no `origin` to ask."""
    heads = ("HEAD", "main", "master")
    if not remote or any(git.knows(f"refs/remotes/origin/{branch}") for branch in heads):
        return None
    return next((n for branch in heads if git.knows(n := f"refs/remotes/{remote[0]}/{branch}")), None)


def _read_pushes(environment: Mapping[str, str]) -> tuple[Push, ...]:
    """What is pushed: by pre-commit's variables, else by git's lines; HEAD where nothing is pushed at all."""
    from evalgate.services.git_hooks import Push, read_pushes

    if environment.get("PRE_COMMIT"):  # for a first push it names the branch, and no commit
        local = environment.get("PRE_COMMIT_TO_REF") or environment.get("PRE_COMMIT_LOCAL_BRANCH") or "HEAD"
        return (Push(local=local, sha=local, remote=environment.get("PRE_COMMIT_REMOTE_BRANCH") or local),)
    if sys.stdin is None or sys.stdin.isatty():
        return (Push(local="HEAD", sha="HEAD", remote="HEAD"),)
    try:
        told = sys.stdin.buffer.read(LARGEST_PUSH + 1)
    except OSError as error:
        raise GitError(f"what git tells of the push cannot be read: {error.strerror or error}") from None
    if len(told) > LARGEST_PUSH:
        raise GitError(f"what git tells of the push is larger than {LARGEST_PUSH // (1024 * 1024)} MiB")
    return read_pushes(os.fsdecode(told))


def _print_answer(answer: Answer) -> None:
    from evalgate.report.escape import block

    word = {ExitCode.PASS: "", ExitCode.FAIL: "FAIL ", ExitCode.USAGE: "FAULT "}[answer.code]
    where = " ".join(part for part in (answer.ref, answer.gate) if part)
    first, *more = answer.sentences or ("",)
    click.echo(block("\n  ".join([f"evalgate: {word}{where}: {first}", *more])), err=True)
