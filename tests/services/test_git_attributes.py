"""Attributes as a commit gives them, whatever the working tree and its index have."""

from __future__ import annotations

import pytest
from repository import Repository

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_attributes import read_attributes


def test_attributes_are_those_of_the_commit(repository: Repository) -> None:
    first = repository.commit(
        "one", **{".gitattributes": "*.md filter=lfs\n", "a/.gitattributes": "b* -filter ident\n"}
    )
    repository.commit("two", **{".gitattributes": "*.md working-tree-encoding=UTF-16\n"})
    repository.write("a/.gitattributes", "* filter=other\n")
    index = (repository.root / ".git" / "index").read_bytes()
    git, paths = Git.open(repository.root), ["x.md", "a/b.md", "a/ü\n.md"]
    assert [(one["filter"], one["ident"]) for one in read_attributes(git, first, paths).values()] == [
        ("lfs", "unspecified"),
        ("unset", "set"),
        ("lfs", "unspecified"),
    ]
    assert read_attributes(git, "HEAD", paths)["x.md"] == {
        "filter": "unspecified",
        "working-tree-encoding": "UTF-16",
        "ident": "unspecified",
        "export-subst": "unspecified",
    }
    assert (repository.root / ".git" / "index").read_bytes() == index
    with pytest.raises(GitError):
        read_attributes(git, "none", paths)
