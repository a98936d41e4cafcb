"""Tests of a tree with files that are not written yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalgate.errors import InputError
from evalgate.inputs.added_tree import AddedTree
from evalgate.inputs.tree import WorkTree


def test_added_files_are_read_and_listed_beside_those_on_disk(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.md").write_text("one")
    tree = AddedTree(WorkTree(tmp_path), {"a/two.md": b"two", "b/three.md": b"three"})
    assert tree.root == str(tmp_path)
    assert [tree.read(path) for path in ("a/one.md", "a/two.md")] == [b"one", b"two"]
    assert list(tree.list_files("a")) == ["a/one.md", "a/two.md"]
    assert list(tree.list_files("")) == ["a/one.md", "a/two.md", "b/three.md"]
    assert tree.exists("b/three.md") and not tree.exists("b/four.md")
    assert tree.describe("a/two.md") == "working tree"
    with pytest.raises(InputError, match="no such file"):
        tree.read("b/four.md")
    assert not (tmp_path / "b").exists()
