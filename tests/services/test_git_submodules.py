"""Files in submodules and in partial clones, at a commit: read where git can, else named with what mends it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from repository import Repository

from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_objects import UnavailableError

LOCAL = ("-c", "protocol.file.allow=always")


@pytest.fixture
def inner(tmp_path: Path, git_environment: None) -> Repository:
    root = tmp_path / "inner"
    root.mkdir()
    made = Repository(root.resolve())
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit("one", **{"data/c.jsonl": "1"})
    return made


@pytest.fixture
def outer(repository: Any, inner: Repository) -> Any:
    """A repository whose submodule `shared/golden` moves from "1" to "2"."""
    repository.git(*LOCAL, "submodule", "--quiet", "add", inner.root.as_uri(), "shared/golden")
    repository.commit("with a submodule")
    module = Repository(repository.root / "shared" / "golden")
    module.commit("two", **{"data/c.jsonl": "2"})
    repository.commit("moved on")
    return repository


def test_a_file_in_a_submodule_is_read_at_the_commit_that_the_repository_names(outer: Any) -> None:
    git = Git.open(outer.root)
    path = "shared/golden/data/c.jsonl"
    assert git.read("HEAD", path) == b"2"
    assert git.read("HEAD~1", path) == b"1"
    assert git.exists("HEAD", path) and not git.exists("HEAD", "shared/golden/none")
    oids = [git.blob(commit, path) for commit in ("HEAD~1", "HEAD")]
    assert git.blobs([oid for oid in oids if oid]) == {oids[0]: b"1", oids[1]: b"2"}
    assert git.history(path, ["HEAD"]) == [(git.resolve("HEAD~1"), oids[0]), (git.resolve("HEAD"), oids[1])]
    assert git.working_blobs([path]) == {path: oids[1]}


def test_a_submodule_that_is_not_checked_out_is_named(outer: Any) -> None:
    outer.git("submodule", "--quiet", "deinit", "--force", "shared/golden")
    with pytest.raises(UnavailableError) as error:
        Git.open(outer.root).read("HEAD", "shared/golden/data/c.jsonl")
    assert "shared/golden is a submodule that is not checked out" in str(error.value)
    assert "git submodule update --init shared/golden" in str(error.value)


def test_a_commit_that_a_submodule_lacks_is_named(outer: Any, inner: Repository) -> None:
    shutil.rmtree(outer.root / "shared" / "golden")
    inner.git("clone", "--quiet", inner.root.as_uri(), str(outer.root / "shared" / "golden"))
    with pytest.raises(UnavailableError, match=r"the submodule shared/golden lacks its commit .*\n.*fetch origin"):
        Git.open(outer.root).read("HEAD", "shared/golden/data/c.jsonl")


def test_a_link_in_the_place_of_a_submodule_is_not_followed(outer: Any, inner: Repository) -> None:
    shutil.rmtree(outer.root / "shared" / "golden")
    (outer.root / "shared" / "golden").symlink_to(inner.root, target_is_directory=True)
    with pytest.raises(UnavailableError, match="not checked out"):
        Git.open(outer.root).read("HEAD~1", "shared/golden/data/c.jsonl")


def test_a_partial_clone_fetches_what_it_lacks_or_names_how_to(inner: Repository, tmp_path: Path) -> None:
    inner.git("config", "uploadpack.allowFilter", "true")
    first = inner.git("rev-parse", "HEAD")
    inner.commit("two", **{"data/c.jsonl": "2"})
    for name in ("near", "far"):
        inner.git("clone", "--quiet", "--filter=blob:none", inner.root.as_uri(), str(tmp_path / name))
    assert Git.open(tmp_path / "near").read(first, "data/c.jsonl") == b"1"
    Repository(tmp_path / "far").git("remote", "set-url", "origin", (tmp_path / "nowhere").as_uri())
    git = Git.open(tmp_path / "far")
    with pytest.raises(UnavailableError) as error:
        git.read(first, "data/c.jsonl")
    assert "this partial clone lacks the object" in str(error.value)
    assert "git fetch --refetch --no-filter" in str(error.value)
    assert git.read("HEAD", "data/c.jsonl") == b"2"


def test_a_submodule_itself_is_no_file(outer: Any) -> None:
    with pytest.raises(GitError, match="is a submodule, not a file"):
        Git.open(outer.root).read("HEAD", "shared/golden")


def test_a_partial_clone_that_cannot_compare_contents_says_so(inner: Repository, tmp_path: Path) -> None:
    inner.git("config", "uploadpack.allowFilter", "true")
    first = inner.git("rev-parse", "HEAD")
    text = "".join(f"line {number}\n" for number in range(50))
    inner.commit("two", **{"old.md": text})
    inner.git("mv", "old.md", "new.md")
    inner.commit("three", **{"new.md": f"{text}and more\n"})
    inner.commit("four", **{"other.md": "x"})
    inner.git("clone", "--quiet", "--no-checkout", "--filter=blob:none", inner.root.as_uri(), str(tmp_path / "far"))
    Repository(tmp_path / "far").git("remote", "set-url", "origin", (tmp_path / "nowhere").as_uri())
    git = Git.open(tmp_path / "far")
    assert git.is_ancestor(first, "HEAD")
    with pytest.raises(UnavailableError, match=r"partial clone[\s\S]*--refetch"):
        git.find_renamed_from("HEAD~2", "new.md", commit="HEAD")
