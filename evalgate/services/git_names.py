"""Expand short names of commits, and shorten full ones for display."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"refs/.*|(?:HEAD|@)(?:[~^@:].*)?|[0-9a-f]{40}(?:[0-9a-f]{24})?", re.DOTALL)
_BRANCH = re.compile(r"refs/(?:heads|remotes)/(?:[^~^:@]|@(?!\{))+")


def find_meanings(name: str) -> tuple[str, ...]:
    """Return the full names to try, in order, for a name: a branch goes before a tag of the same name.

    A branch named "origin/main" does not hide main of origin. The id of a commit, HEAD and a full name are returned
    unchanged.
    """
    if _PLAIN.fullmatch(name):
        return (name,)
    here, there = f"refs/heads/{name}", f"refs/remotes/{name}"
    return (there, here, name) if "/" in name else (here, there, name)


def shorten_name(ref: str) -> str:
    """Return a ref in its short form: `origin/main` for `refs/remotes/origin/main`."""
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")


def branch_of(ref: str) -> str:
    """Return the name of a branch without its remote: `main` for `refs/heads/main` and `refs/remotes/origin/main`."""
    if ref.startswith("refs/remotes/"):
        return ref.removeprefix("refs/remotes/").partition("/")[2]
    return ref.removeprefix("refs/heads/")


def is_branch(name: str) -> bool:
    """Return whether a full name is that of a branch, not of a tag, an id, or a commit beside a branch (`main~1`)."""
    return bool(_BRANCH.fullmatch(name))


def fold_path(path: str) -> str:
    """Return a path as a disk sees it that ignores case and the ways of writing an accent."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
