"""Read who wrote a commit, and what its message says."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_process import execute


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitNote:
    """A commit, its author as `Name <address>` (by the mailmap), and the first line of its message."""

    commit: str
    author: str
    subject: str


def read_note(git: Git, commit: str) -> CommitNote:
    """Return the author and the subject of a commit. Raises GitError if it is not here."""
    order = ["log", "-1", "--no-show-signature", "--format=%aN%x00%aE%x00%s", git.resolve(commit)]
    done = execute(git.root, order)
    name, _, rest = done.stdout.decode("utf-8", "replace").strip("\n").partition("\0")
    address, _, subject = rest.partition("\0")
    if done.returncode != 0:
        raise GitError(f"{commit[:7]} cannot be read: {done.stderr.decode('utf-8', 'replace').strip()[:200]}")
    author = " ".join(part for part in (name.strip(), f"<{address.strip()}>" if address.strip() else "") if part)
    return CommitNote(commit=commit, author=author or "unknown", subject=subject.strip())
