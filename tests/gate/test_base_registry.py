"""A change does not choose what it is compared with by a registry among its own files."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from change.recorded_project import CONFIG, FILES, Project
from release.documents import make_document, make_version

from evalgate.change.workspace import PullRequest, open_pull_request
from evalgate.errors import GitError, InputError
from evalgate.gate.released import make_finder
from evalgate.release.document import PublishedVersion
from evalgate.release.sqlite_registry import SqliteRegistry
from evalgate.services.git import Git
from evalgate.store.store import Store

FILE = "ci/releases.sqlite3"
ONE, OTHER = make_version("1.0.0"), make_version("6.6.6", "Be rude, ")


def fill(path: Path, production: PublishedVersion = ONE) -> None:
    """Write a registry anew, in one file without a log."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    SqliteRegistry(path).append(make_document(production, labels={"production": production}))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def start(folder: Path, *, registry: str = f"sqlite:{FILE}", has_file: bool = True) -> Project:
    project = Project(folder.resolve())
    for path, content in {**FILES, "evalgate.yml": f'{CONFIG}release: {{registry: "{registry}"}}\n'}.items():
        project.write(path, content)
    if has_file:
        fill(project.root / FILE)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.commit("base")
    project.git("switch", "--quiet", "--create", "work")
    return project


def open_change(project: Project) -> PullRequest:
    git = Git.open(project.root)
    return open_pull_request(git, "evalgate.yml", policy="main", head="work", verify=lambda criterion: None)


def find(project: Project, opened: PullRequest, folder: Path) -> str | None:
    finder = make_finder(opened.config, opened.folder, Store(root=folder / "store"), change=opened)
    assert finder is not None
    found = finder("support")
    return None if found is None else found.digest


@pytest.mark.parametrize("edit", ["none", "replace", "remove", "damage", "log", "folder"])
def test_the_registry_of_a_change_is_that_of_the_base(tmp_path: Path, edit: str) -> None:
    (tmp_path / "repo").mkdir()
    project = start(tmp_path / "repo")
    path = project.root / FILE
    match edit:
        case "replace":
            fill(path, OTHER)
        case "remove":
            path.unlink()
        case "damage":
            path.write_bytes(b"no database")
        case "log":
            Path(f"{path}-wal").write_bytes(b"a log")
        case "folder":
            path.unlink()
            project.write(f"{FILE}/a.txt", "a")
    project.commit("change", **{"README.md": "more"})
    if edit == "folder":
        with pytest.raises(GitError, match="is a folder"):
            open_change(project)
        return
    opened = open_change(project)
    assert find(project, opened, tmp_path) == ONE.digest
    edited = [change.path for change in opened.change.changes]
    assert edited == {"none": [], "log": [f"{FILE}-wal"]}.get(edit, [FILE])


def test_a_registry_that_only_the_change_has_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    project = start(tmp_path / "repo", has_file=False)
    fill(project.root / FILE, OTHER)
    project.commit("change")
    opened = open_change(project)
    assert find(project, opened, tmp_path) is None
    assert [change.path for change in opened.change.changes] == [FILE]


def test_a_registry_that_lies_beside_the_files_is_read(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    project = start(tmp_path / "repo", has_file=False)
    project.commit("change", **{"README.md": "more"})
    fill(project.root / FILE)
    assert find(project, open_change(project), tmp_path) == ONE.digest


def test_a_repository_of_git_among_the_files_is_refused_and_a_remote_is_none(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    project = start(tmp_path / "repo", registry="git:releases", has_file=False)
    project.commit("change", **{"releases/HEAD": "ref: refs/heads/main"})
    opened = open_change(project)
    with pytest.raises(InputError, match="among the files of the repository"):
        find(project, opened, tmp_path)
    project.git("init", "--quiet", "--bare", str(tmp_path / "remote"))
    project.git("remote", "add", "releases", str(tmp_path / "remote"))
    assert find(project, opened, tmp_path) is None
