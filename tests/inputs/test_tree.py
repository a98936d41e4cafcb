"""Reading files from the working tree and from a commit, and what both refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalgate.errors import GitError, InputError
from evalgate.inputs import tree
from evalgate.inputs.tree import CommitTree, WorkTree


class OneCommit:
    """A repository with one commit."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, commit: str, path: str) -> bytes:
        if path not in self.files:
            raise GitError(f"{commit[:7]}:{path} does not exist")
        return self.files[path]

    def exists(self, commit: str, path: str) -> bool:
        return path in self.files


def test_work_tree_reads_relative_and_absolute(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_bytes(b"\xff")
    files = WorkTree(tmp_path)
    assert files.read("a/x.txt") == files.read("a/../a/./x.txt") == files.read(str(tmp_path / "a/x.txt")) == b"\xff"
    assert files.exists("a/x.txt") and not files.exists("a") and not files.exists("b")
    assert files.describe("a/x.txt") == "working tree"
    assert files.root == str(tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.yml", "missing.yml: no such file"),
        ("a", "a: is a folder, not a file"),
        ("../outside.txt", "../outside.txt: is outside of the project's folder"),
        ("a/../../outside.txt", "is outside of the project's folder"),
        ("", "names no file"),
        ("a\0b", "a\\0b: a path cannot contain a NUL character"),
        ("a/x.txt/y", "a/x.txt/y: "),
        ("n" * 5000, "cannot be read: "),
    ],
)
def test_work_tree_refuses(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "root" / "a" / "x.txt").write_text("")
    (tmp_path / "outside.txt").write_text("secret")
    files = WorkTree(tmp_path / "root")
    with pytest.raises(InputError) as caught:
        files.read(path)
    assert message in str(caught.value)
    assert not files.exists(path)


@pytest.mark.parametrize("link", ["linked.txt", "folder/real.txt"])
def test_symbolic_links_are_refused_even_as_a_folder_on_the_way(tmp_path: Path, link: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "real.txt").write_text("x")
    (tmp_path / "linked.txt").symlink_to(tmp_path / "real" / "real.txt")
    (tmp_path / "folder").symlink_to(tmp_path / "real", target_is_directory=True)
    with pytest.raises(InputError, match="symbolic link"):
        WorkTree(tmp_path).read(link)
    assert not WorkTree(tmp_path).exists(link)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        WorkTree(tmp_path).read("pipe")


def test_large_files_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(tree.MAX_FILE_BYTES + 1)  # sparse: takes no room
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("was read"))
    with pytest.raises(InputError, match="has 268,435,457 bytes; at most 268,435,456 are read"):
        WorkTree(tmp_path).read("huge")


def test_commit_tree_joins_its_prefix() -> None:
    files = CommitTree(OneCommit({"sub/a.txt": b"1"}), "0123456789abcdef", "sub")
    assert files.read("a.txt") == b"1"
    assert files.exists("x/../a.txt") and not files.exists("b.txt")
    assert files.describe("a.txt") == "0123456:sub/a.txt"


@pytest.mark.parametrize("path", ["../a.txt", "/a.txt", "x/../../a.txt", "C:/a.txt", ""])
def test_commit_tree_never_leaves_its_root(path: str) -> None:
    files = CommitTree(OneCommit({"a.txt": b"1", "/a.txt": b"1", "sub/C:/a.txt": b"1"}), "0123456789", "sub")
    with pytest.raises(InputError):
        files.read(path)
    assert not files.exists(path)
