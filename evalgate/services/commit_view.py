"""A view of a repository with one commit checked out, for commits that differ from the working tree."""

from __future__ import annotations

from collections.abc import Sequence

from evalgate.errors import GitError
from evalgate.services.git import Git


class CommitView(Git):
    """A repository whose HEAD and working tree are those of `commit`, a full sha; everything else is unchanged."""

    def __init__(self, git: Git, commit: str) -> None:
        super().__init__(git.root, shallow=git.shallow)
        self.commit = commit

    def _commit(self, ref: str) -> str | None:
        return super()._commit(self.commit if ref == "HEAD" else ref)

    def is_on(self, default: str | None = None) -> bool:
        """Return True: a commit is on no branch, regardless of the branch of the working tree."""
        return True

    def working_blobs(self, paths: Sequence[str]) -> dict[str, str]:
        found = {}
        for path in paths:
            try:
                oid = self.blob(self.commit, path)
            except GitError:
                continue
            if oid is not None:
                found[path] = oid
        return found

    def find_renamed_from(self, base: str, path: str, *, commit: str | None = None) -> str | None:
        return super().find_renamed_from(base, path, commit=commit or self.commit)
