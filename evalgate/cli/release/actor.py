"""Who runs a command: the option `--by`, the workflow, git's settings, or the login name."""

from __future__ import annotations

import datetime
import getpass
import os
import uuid
from typing import TYPE_CHECKING

import click

from evalgate.errors import InputError

if TYPE_CHECKING:
    from evalgate.release.promotion import Actor

LONGEST_WHO = 200
LONGEST_REASON = 1_000

by_option = click.option(
    "--by", metavar="NAME", help="Who does this.  [default: GITHUB_ACTOR, else git's user.name, else the login name]"
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print what would be done, and write nothing.")


def make_actor(by: str | None) -> Actor:
    """Return who runs this command, now. Raises InputError for a blank or very long name."""
    from evalgate.release.promotion import Actor

    who = by if by is not None else _find_name()
    if not who.strip() or len(who) > LONGEST_WHO:
        raise InputError(f"--by must be a name of at most {LONGEST_WHO} characters")
    return Actor(id=uuid.uuid4().hex, who=who.strip(), at=format_now(), run_url=_find_run())


def format_now() -> str:
    """Return the time now in UTC, as documents have it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_reason(reason: str) -> str:
    """Return a reason without blanks around it. Raises InputError for a blank or very long one."""
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InputError(f"--reason must be a text of at most {LONGEST_REASON:,} characters")
    return reason.strip()


def _find_name() -> str:
    actor = os.environ.get("GITHUB_ACTOR", "").strip()
    return (actor or _find_git_name() or _find_login())[:LONGEST_WHO]


def _find_git_name() -> str:
    from pathlib import Path

    from evalgate.errors import GitError
    from evalgate.services.git_process import execute

    found = []
    for key in ("user.name", "user.email"):
        try:
            done = execute(Path.cwd(), ["config", "--get", key])
        except GitError:
            return ""
        found.append(done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else "")
    name, email = found
    return f"{name} <{email}>" if name and email else name or email


def _find_login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in a container
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _find_run() -> str | None:
    parts = [os.environ.get(f"GITHUB_{key}", "").strip() for key in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    server, repository, run = parts
    return f"{server}/{repository}/actions/runs/{run}" if all(parts) else None
