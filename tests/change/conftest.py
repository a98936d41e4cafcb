"""A project with recorded outputs, with and without a repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from change.recorded_project import FILES, Project


@pytest.fixture
def bare_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The files without a repository; the current folder is elsewhere."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.delenv("GIT_DIR", raising=False)
    root = tmp_path / "project"
    root.mkdir()
    project = Project(root.resolve())
    for path, content in FILES.items():
        project.write(path, content)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return project


@pytest.fixture
def project(bare_project: Project) -> Project:
    """All committed on main, and a branch `work` checked out."""
    bare_project.git("init", "--quiet", "--initial-branch", "main")
    bare_project.commit()
    bare_project.git("checkout", "--quiet", "-b", "work")
    return bare_project
