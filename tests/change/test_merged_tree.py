"""The files after a merge are those that git makes of both sides, without a merge in the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import Repository

from evalgate.change.merged_tree import MergedTree
from evalgate.errors import EvalgateError
from evalgate.services.git import Git

OLD = ["a.txt", "docs/b.txt", "docs/c.txt", "d.txt"]
NEW = ["new.txt", "docs/new.txt", "more/new.txt"]
CONTENT = st.sampled_from(["one\n" * 9, "two\n" * 9]) | st.none()
EDITS = st.dictionaries(st.sampled_from([*OLD, *NEW]), CONTENT, max_size=4)


def apply(repository: Repository, edits: dict[str, str | None]) -> str:
    for path, content in edits.items():
        if content is None:
            (repository.root / path).unlink(missing_ok=True)
        else:
            repository.write(path, content)
    return repository.commit()


def merge(repository: Repository, ours: dict[str, str | None], theirs: dict[str, str | None]) -> MergedTree:
    """Commit both sides; the branch `main` is the base's, `work` the change's."""
    base = repository.commit("base", **{path: f"the old {path}\n" * 9 for path in OLD})
    repository.git("switch", "--quiet", "--create", "work")
    head = apply(repository, theirs)
    repository.git("switch", "--quiet", "main")
    tip = apply(repository, ours)
    return MergedTree(Git.open(repository.root), base=base, head=head, tip=tip)


def read_all(tree: MergedTree) -> dict[str, bytes]:
    return {path: tree.read(path) for path in tree.list_files("")}


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(ours=EDITS, theirs=EDITS)
def test_the_files_are_those_of_a_merge(
    tmp_path: Path, ours: dict[str, str | None], theirs: dict[str, str | None]
) -> None:
    root = tmp_path / "example"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    repository = Repository(root)
    repository.git("init", "--quiet", "--initial-branch", "main")
    ours = {path: content for path, content in ours.items() if path not in theirs}
    tree = merge(repository, ours, theirs)
    repository.git("merge", "--quiet", "--no-edit", "-s", "ort", "-X", "no-renames", "work")
    merged = {path: (root / path).read_bytes() for path in repository.git("ls-files").splitlines()}
    assert read_all(tree) == merged


def test_a_file_that_the_base_renamed_is_not_where_the_change_edited_it(repository: Repository) -> None:
    moved = {"a.txt": None, "moved.txt": "the old a.txt\n" * 9}
    tree = merge(repository, moved, {"a.txt": "the old a.txt\n" * 8 + "edited\n"})
    assert not tree.exists("a.txt") and tree.exists("moved.txt")
    with pytest.raises(EvalgateError, match="no such file"):
        tree.read("a.txt")


def test_kept_files_are_those_of_the_base(repository: Repository) -> None:
    merge(repository, {"a.txt": "ours\n"}, {"a.txt": "theirs\n", "d.txt": "theirs\n"})
    git = Git.open(repository.root)
    sides = {"base": git.merge_base("main", "work"), "head": git.resolve("work"), "tip": git.resolve("main")}
    tree = MergedTree(git, **sides, kept={"a.txt"})
    assert (tree.read("a.txt"), tree.read("d.txt")) == (b"ours\n", b"theirs\n")
    assert MergedTree(git, **sides).read("a.txt") == b"theirs\n"
    known = MergedTree(git, **sides, merged={"a.txt": b"both\n", "e.txt": b"both\n"})
    assert (known.read("a.txt"), known.exists("e.txt")) == (b"both\n", True)
    assert tree.describe("a.txt").startswith(sides["tip"][:7]) and tree.root == sides["head"][:7]


def test_what_lies_behind_a_link_of_the_change_is_not_read(repository: Repository) -> None:
    base = repository.commit("base", **{"docs/b.txt": "one\n", "other/b.txt": "two\n"})
    repository.git("switch", "--quiet", "--create", "work")
    shutil.rmtree(repository.root / "docs")
    (repository.root / "docs").symlink_to("other")
    head = repository.commit("link")
    tree = MergedTree(Git.open(repository.root), base=base, head=head, tip=base)
    with pytest.raises(EvalgateError, match="symbolic link"):
        tree.read("docs/b.txt")
    assert list(tree.list_files("")) == ["other/b.txt"]
