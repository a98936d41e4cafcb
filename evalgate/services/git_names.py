"""What short names of commits stand for, and how full ones are shown."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"refs/.*|(?:HEAD|@)(?:[~^@:].*)?|[0-9a-f]{40}(?:[0-9a-f]{24})?", re.DOTALL)


def find_meanings(name: str) -> tuple[str, ...]:
    """The full names to try, in turn, for a name: a tag never hides the branch of the same name.

    Nor does a branch that somebody named "origin/main" hide origin's main. A commit's id, HEAD and a full name mean
    nothing else.
    """
    if _PLAIN.fullmatch(name):
        return (name,)
    here, there = f"refs/heads/{name}", f"refs/remotes/{name}"
    return (there, here, name) if "/" in name else (here, there, name)


def shorten_name(ref: str) -> str:
    """A ref as a person writes it: `origin/main` for `refs/remotes/origin/main`."""
    return ref.removeprefix("refs/remotes/").removeprefix("refs/heads/")


def branch_of(ref: str) -> str:
    """The name of a branch without where it lies: `main` for `refs/heads/main` and for `refs/remotes/origin/main`."""
    if ref.startswith("refs/remotes/"):
        return ref.removeprefix("refs/remotes/").partition("/")[2]
    return ref.removeprefix("refs/heads/")


def fold_path(path: str) -> str:
    """A path as disks see it that tell neither capitals nor ways of writing an accent apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
