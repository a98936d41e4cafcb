"""A repository as if another commit were checked out."""

from __future__ import annotations

from repository import Repository

from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git


def test_head_and_files_are_those_of_the_commit(repository: Repository) -> None:
    first = repository.commit("first", **{"a.txt": "1"})
    second = repository.commit("second", **{"a.txt": "2", "b.txt": "x"})
    repository.write("a.txt", "edited")
    git = Git.open(repository.root)
    view = CommitView(git, first)
    assert (view.head(), git.head()) == (first, second)
    assert view.resolve("HEAD") == first and view.resolve(second) == second
    assert view.working_blobs(["a.txt", "b.txt"]) == {"a.txt": git.blob(first, "a.txt")}
    assert view.is_on("main")


def test_a_rename_is_followed_to_the_commit_and_not_beyond(repository: Repository) -> None:
    base = repository.commit("first", **{"a.txt": "x" * 400})
    repository.git("mv", "a.txt", "b.txt")
    renamed = repository.commit("second")
    repository.git("mv", "b.txt", "c.txt")
    repository.commit("third")
    view = CommitView(Git.open(repository.root), renamed)
    assert view.find_renamed_from(base, "b.txt") == "a.txt"
    assert view.find_renamed_from(base, "c.txt") is None
