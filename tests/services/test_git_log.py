"""Who wrote a commit, and what its message says."""

from __future__ import annotations

import pytest
from repository import Repository

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_log import CommitNote, read_note


def test_a_note_has_the_author_and_the_first_line(repository: Repository) -> None:
    first = repository.commit("Greet by name\n\nCustomers asked for it.")
    repository.git("commit", "--quiet", "--allow-empty", "--author", "Ada <ada@example.com>", "-m", "Be kind")
    git = Git.open(repository.root)
    assert read_note(git, first).subject == "Greet by name"
    second = git.resolve("HEAD")
    assert read_note(git, second) == CommitNote(commit=second, author="Ada <ada@example.com>", subject="Be kind")


def test_the_mailmap_counts_and_a_message_may_be_empty(repository: Repository) -> None:
    repository.write(".mailmap", "Ada Lovelace <ada@example.com> <old@example.com>\n")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--allow-empty-message", "--author", "ada <old@example.com>", "-m", "")
    git = Git.open(repository.root)
    note = read_note(git, git.resolve("HEAD"))
    assert (note.author, note.subject) == ("Ada Lovelace <ada@example.com>", "")


def test_an_unknown_commit_is_an_error(repository: Repository) -> None:
    repository.commit("first")
    with pytest.raises(GitError):
        read_note(Git.open(repository.root), "0" * 40)
