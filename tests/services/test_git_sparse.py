"""Files that a sparse checkout leaves out."""

from __future__ import annotations

from pathlib import Path

from repository import Repository

from evalgate.services.git_sparse import list_left_out


def test_the_files_that_are_left_out_are_those_of_the_index(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", **{"a/x.md": "x", "b/ü\n.md": "x"})
    assert list_left_out(repository.root) == set()
    repository.git("sparse-checkout", "set", "--no-cone", "/*", "!/b/")
    assert list_left_out(repository.root) == {"b/ü\n.md"}
    assert list_left_out(tmp_path / "none") == set()
