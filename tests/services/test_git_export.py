"""Tests of the export of a commit's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from repository import Repository

from evalgate.services.git import Git
from evalgate.services.git_export import digest_code, export_commit


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege")
def test_files_links_and_modes_are_written_and_nothing_outside(repository: Repository, tmp_path: Path) -> None:
    repository.write("a/b.py", "x = 1\r\n")
    repository.write(".gitattributes", "*.py text eol=lf\nhidden.txt export-ignore\n")
    repository.write("hidden.txt", "data")
    run = repository.root / "run.sh"
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    (repository.root / "inside").symlink_to("a/b.py")
    (repository.root / "outside").symlink_to("../../etc")
    (repository.root / "absolute").symlink_to("/etc/passwd")
    repository.commit("files")
    repository.write("a/b.py", "edited afterwards")
    export_commit(Git.open(repository.root), "HEAD", tmp_path / "out")
    out = tmp_path / "out"
    assert (out / "a" / "b.py").read_text() == "x = 1\n"
    assert (out / "inside").read_text() == "x = 1\n"
    assert (out / "hidden.txt").read_text() == "data"
    assert os.access(out / "run.sh", os.X_OK)
    assert not any((out / name).is_symlink() for name in ("outside", "absolute"))


def test_the_digest_is_that_of_python_files_alone(repository: Repository) -> None:
    git = Git.open(repository.root)

    def commit(path: str, text: str) -> str:
        repository.write(path, text)
        repository.commit(text)
        return digest_code(git, git.resolve(repository.git("rev-parse", "HEAD")))

    first = commit("a.py", "x = 1")
    assert commit("data.txt", "more") == first
    second = commit("b/c.py", "x = 1")
    assert second != first
    assert commit("b/c.py", "x = 2") != second
