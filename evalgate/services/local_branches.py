"""The branches of a clone: which one is checked out, and which have commits that no remote has."""

from __future__ import annotations

from evalgate.services.git import Git
from evalgate.services.git_process import execute

_MOST_COMMITS = 10_000


def find_current(git: Git) -> str | None:
    """Return the full name of the branch that is checked out; None if HEAD is detached."""
    done = execute(git.root, ["symbolic-ref", "--quiet", "HEAD"])
    return done.stdout.decode("utf-8", "surrogateescape").strip() or None


def is_pushed(git: Git, branch: str) -> bool:
    """Return True if the upstream of a branch is known here, and has every commit of it."""
    done = execute(git.root, ["for-each-ref", "--format=%(upstream)", branch])
    upstream = done.stdout.decode("utf-8", "surrogateescape").strip()
    return bool(upstream) and git.knows(upstream) and git.is_ancestor(branch, upstream)


def list_unpushed(git: Git, pushed: str) -> list[str]:
    """Return the short names of branches with a commit that neither the commit `pushed` nor any remote has."""
    order = ["rev-list", f"--max-count={_MOST_COMMITS}", "--branches", "--not", git.resolve(pushed), "--remotes"]
    new = set(execute(git.root, order).stdout.decode().split())
    done = execute(git.root, ["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"])
    rows = [row.partition(" ") for row in done.stdout.decode("utf-8", "surrogateescape").splitlines()]
    return [name for commit, _, name in rows if commit in new]
