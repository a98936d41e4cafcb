from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from release.documents import make_document, make_version
from release.registry_suite import RegistryPlace, RegistrySuite, Sequel

from evalgate.release import sqlite_registry
from evalgate.release.registry import RegistryError
from evalgate.release.sqlite_registry import SqliteRegistry


class SqlitePlace:
    keys = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = "sqlite:kept/releases ?#%.sqlite3"
        self.path = folder / "kept" / "releases ?#%.sqlite3"

    def write_by_hand(self, name: str, data: bytes) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            last = "SELECT max(revision) FROM documents WHERE name = :name"
            statement = f"UPDATE documents SET data = :data WHERE name = :name AND revision = ({last})"
            assert connection.execute(statement, {"name": name, "data": data}).rowcount == 1


class TestSqliteRegistry(RegistrySuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> RegistryPlace:
        return SqlitePlace(tmp_path)

    def make_place(self, folder: Path) -> RegistryPlace:
        return SqlitePlace(folder)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "releases.sqlite3"


def test_reading_creates_nothing(tmp_path: Path) -> None:
    registry = SqliteRegistry(tmp_path / "folder" / "releases.sqlite3")
    assert registry.read("support") is None and registry.list_names() == []
    assert list(tmp_path.iterdir()) == []


def test_the_registry_is_one_file_with_a_log(path: Path) -> None:
    registry = SqliteRegistry(path)
    assert registry.url == f"sqlite:{path}"
    Sequel(registry).publish(make_version())
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_append_takes_a_few_milliseconds(path: Path) -> None:
    sequel = Sequel(SqliteRegistry(path))
    sequel.publish(make_version())
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        sequel.promote(make_version(), "staging")
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[10] < 0.1


def test_an_empty_file_has_nothing_yet(path: Path) -> None:
    path.touch()
    registry = SqliteRegistry(path)
    assert registry.read("support") is None
    Sequel(registry).publish(make_version())
    assert registry.list_names() == ["support"]


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_that_is_no_database_is_refused_and_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    registry = SqliteRegistry(path)
    for use in (lambda: registry.read("support"), lambda: registry.append(make_document(make_version()))):
        with pytest.raises(RegistryError, match=r"is damaged, or is not an SQLite database") as refused:
            use()
        assert str(path) in str(refused.value)
    assert path.read_bytes() == content


def test_a_damaged_page_is_told(path: Path) -> None:
    registry = SqliteRegistry(path)
    sequel = Sequel(registry)
    sequel.publish(make_version())
    for _ in range(5):
        sequel.promote(make_version(), "staging")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(RegistryError, match="is damaged"):
        registry.read("support")
    with pytest.raises(RegistryError, match="is damaged"):
        list(registry.history("support"))


def test_a_database_of_another_program_is_refused_and_stays_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE documents (name TEXT, revision INTEGER, data BLOB)")
    before = path.read_bytes()
    registry = SqliteRegistry(path)
    with pytest.raises(RegistryError, match="of another program"):
        registry.read("support")
    with pytest.raises(RegistryError, match="of another program"):
        registry.put(make_version(), "support")
    assert path.read_bytes() == before


def test_a_registry_of_a_later_format_is_refused(path: Path) -> None:
    registry = SqliteRegistry(path)
    Sequel(registry).publish(make_version())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(RegistryError, match="a later evalgate"):
        registry.read("support")


def test_a_lock_that_stays_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_registry, "_BUSY_SECONDS", 0.05)
    registry = SqliteRegistry(path)
    stored = Sequel(registry).publish(make_version())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RegistryError, match="has kept the file locked") as refused:
            Sequel(registry).promote(make_version(), "staging")
        assert registry.url in str(refused.value)
        # readers do not wait for writers
        assert registry.read("support") == stored


@pytest.mark.parametrize(("code", "free", "told"), [
    ("SQLITE_FULL", 10**9, "the disk is full"),
    ("SQLITE_IOERR_SHMSIZE", 0, "the disk is full"),
    ("SQLITE_IOERR_WRITE", 4096, "the disk is full"),
    ("SQLITE_IOERR_SHMSIZE", 10**9, "the file system has no shared locks"),
    ("SQLITE_IOERR_WRITE", 10**9, "disk I/O error"),
])  # fmt: skip
def test_a_full_disk_is_told_from_a_bad_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: str, free: int, told: str
) -> None:
    registry = SqliteRegistry(path)
    last = Sequel(registry).publish(make_version())
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = code

    def fail(self: SqliteRegistry, mode: str) -> None:
        raise error

    usage = shutil.disk_usage(path.parent)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    monkeypatch.setattr(SqliteRegistry, "_connect", fail)
    with pytest.raises(RegistryError, match=told):
        registry.append(last.document)


def test_a_file_system_without_shared_memory_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(
        sqlite_registry.sqlite3,
        "connect",
        lambda address, **options: real(f"{address}&vfs=unix-dotfile", **options),
    )
    with pytest.raises(RegistryError, match="has no write-ahead log") as refused:
        SqliteRegistry(path).append(make_document(make_version()))
    assert "several hosts" in str(refused.value) and str(path) in str(refused.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RegistryError, match="file/releases"):
        SqliteRegistry(tmp_path / "file" / "releases.sqlite3").append(make_document(make_version()))
    with pytest.raises(RegistryError, match="is a folder"):
        SqliteRegistry(tmp_path).read("support")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows ignore the permissions")
def test_readers_need_no_right_to_write(path: Path) -> None:
    registry = SqliteRegistry(path)
    stored = Sequel(registry).publish(make_version())
    path.chmod(stat.S_IRUSR)
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert registry.read("support") == stored
        with pytest.raises(RegistryError, match="cannot be written"):
            Sequel(registry).promote(make_version(), "staging")
    finally:
        path.parent.chmod(stat.S_IRWXU)


def test_a_number_that_was_edited_by_hand_is_told(path: Path) -> None:
    registry = SqliteRegistry(path)
    Sequel(registry).publish(make_version())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE documents SET revision = 9")
    with pytest.raises(RegistryError, match="revision 9"):
        registry.read("support")


@pytest.mark.parametrize("value", ["'a text'", "7", "1.5"])
def test_a_column_of_another_type_is_a_damaged_document(path: Path, value: str) -> None:
    registry = SqliteRegistry(path)
    Sequel(registry).publish(make_version())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE documents SET data = {value}")
    with pytest.raises(RegistryError, match="support is damaged"):
        registry.read("support")
    assert len(list(registry.history("support"))) == 1


def test_a_file_whose_tables_are_just_being_made_is_no_foreign_database(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = SqliteRegistry._connect
    other = threading.Thread(target=Sequel(SqliteRegistry(path), "other").publish, args=(make_version(),))

    def write_between(statement: str) -> None:
        if "sqlite_master" in statement and not other.ident:
            other.start()
            other.join(0.5)  # the lock of a reader makes it wait

    def watch(self: SqliteRegistry, mode: str) -> sqlite3.Connection:
        connection = connect(self, mode)
        if threading.current_thread() is threading.main_thread():
            connection.set_trace_callback(write_between)
        return connection

    monkeypatch.setattr(SqliteRegistry, "_connect", watch)
    Sequel(SqliteRegistry(path)).publish(make_version())
    other.join()
    assert SqliteRegistry(path).list_names() == ["other", "support"]
