"""A registry in one SQLite file."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from evalgate.release.document import PublishedVersion, ReleaseDocument, encode_version
from evalgate.release.registry import RegistryError, StoredDocument, check_name
from evalgate.release.registry_checks import check_previous, load_stored, load_version, make_next

APPLICATION: int = 0x65766772
"""The application id in the header of the file, which tells it from any other database: `evgr`."""

_FORMAT = 1
_BUSY_SECONDS = 10.0
_TABLES = (
    "CREATE TABLE documents (name TEXT NOT NULL, revision INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY (name, revision))",
    "CREATE TABLE versions (name TEXT NOT NULL, digest TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (name, digest))",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {_FORMAT}",
)
_LAST = "SELECT data, revision FROM documents WHERE name = ? ORDER BY revision DESC LIMIT 1"


class SqliteRegistry:
    """One SQLite file with a write-ahead log (WAL), for all processes of one host.

    It serves one host: the log needs memory that all processes share, which network file systems do not have. The
    first write creates the file. Each operation has a connection of its own, so that threads and forks can share a
    registry. Everyone who can write the file can move any label.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        return f"sqlite:{self.path}"

    def list_names(self) -> list[str]:
        with self._read() as connection:
            if connection is None:
                return []
            rows = connection.execute("SELECT DISTINCT name FROM documents").fetchall()
        return sorted(_as_bytes(name).decode("utf-8", "replace") for (name,) in rows)

    def read(self, name: str) -> StoredDocument | None:
        with self._read() as connection:
            return None if connection is None else self._find_last(connection, name)

    def history(self, name: str) -> Iterator[bytes]:
        with self._read() as connection:
            if connection is None:
                return
            query = "SELECT data FROM documents WHERE name = ? ORDER BY revision"
            for (data,) in connection.execute(query, (name,)):
                yield _as_bytes(data)

    def append(self, document: ReleaseDocument) -> StoredDocument:
        check_name(document.name)
        with self._write() as connection:
            last = self._find_last(connection, document.name)
            check_previous(last, document, self.url)
            stored = make_next(last, document)
            row = (document.name, stored.document.revision, stored.data)
            connection.execute("INSERT INTO documents VALUES (?, ?, ?)", row)
        return stored

    def put(self, version: PublishedVersion, name: str) -> None:
        check_name(name)
        with self._write() as connection:
            row = (name, version.digest, encode_version(version))
            connection.execute("INSERT OR IGNORE INTO versions VALUES (?, ?, ?)", row)

    def find_version(self, name: str, digest: str) -> PublishedVersion | None:
        with self._read() as connection:
            if connection is None:
                return None
            query = "SELECT data FROM versions WHERE name = ? AND digest = ?"
            row = connection.execute(query, (name, digest)).fetchone()
        return None if row is None else load_version(_as_bytes(row[0]), name, digest, self.url)

    def _find_last(self, connection: sqlite3.Connection, name: str) -> StoredDocument | None:
        row = connection.execute(_LAST, (name,)).fetchone()
        if row is None:
            return None
        stored = load_stored(_as_bytes(row[0]), name, f"{self.url}, revision {row[1]}")
        if stored.document.revision != row[1]:
            raise RegistryError(
                f"{self.url}, revision {row[1]}: the release document of {name} says that it is revision "
                f"{stored.document.revision}",
                hint="restore the registry from a copy",
            )
        return stored

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection | None]:
        """Open the file for reading; None if it does not exist, or nothing was written to it yet."""
        with self._explain():
            if not self.path.exists():
                yield None
                return
            with contextlib.closing(self._open_readable()) as connection:
                yield connection if self._is_ready(connection) else None

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """Open the file, create it if necessary, and write in one transaction, which an exception rolls back."""
        with self._explain():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(self._connect("rwc")) as connection:
                self._is_ready(connection)  # a foreign file stays as it is
                self._start_log(connection)
                # FULL: an answer means that the document also survives the crash of the machine
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    if not self._is_ready(connection):
                        for statement in _TABLES:
                            connection.execute(statement)
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise

    def _connect(self, mode: str) -> sqlite3.Connection:
        if self.path.is_dir():
            raise RegistryError(f"{self.url}: is a folder", hint="name a file in it")
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)

    def _open_readable(self) -> sqlite3.Connection:
        connection = self._connect("ro")
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if error.sqlite_errorname not in {"SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY"} or log.exists():
                raise
            # in a folder that cannot be written there is no log: nothing changes the file
            return self._connect("ro&immutable=1")
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_ready(self, connection: sqlite3.Connection) -> bool:
        """Return whether the tables are there. Raises RegistryError for a database of another program."""
        application, written, tables = self._read_header(connection)
        if application == APPLICATION:
            if written > _FORMAT:
                raise RegistryError(
                    f"{self.url}: a later evalgate made this registry (format {written})", hint="upgrade evalgate"
                )
            return True
        if tables:
            raise RegistryError(
                f"{self.url}: the file is a database of another program", hint="choose another path for the registry"
            )
        return False

    def _read_header(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        """Return the application id, the format and the number of tables, all of one moment.

        Another process may be creating the tables. Read one by one, its file looks like a database of another program.
        """
        if connection.in_transaction:
            return self._select_header(connection)
        connection.execute("BEGIN")
        try:
            return self._select_header(connection)
        finally:
            connection.execute("ROLLBACK")

    def _select_header(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        written = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return application, written, tables

    def _start_log(self, connection: sqlite3.Connection) -> None:
        """Switch the file to the write-ahead log, which it keeps. Other processes may do so at the same moment."""
        end = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > end:
                    raise
                time.sleep(0.01)
                continue
            if mode == "wal":
                return
            raise RegistryError(
                f"{self.url}: the file system has no write-ahead log for SQLite (it offers {mode})", hint=_LOCAL_DISK
            )

    @contextlib.contextmanager
    def _explain(self) -> Iterator[None]:
        """Turn the errors of SQLite and of the file system into RegistryError, with the path."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._make_error(error) from None
        except OSError as error:
            hint = "choose a path that can be written"
            raise RegistryError(f"{self.url}: {error.strerror or error}", hint=hint) from None

    def _make_error(self, error: sqlite3.Error) -> RegistryError:
        name = getattr(error, "sqlite_errorname", "")
        if name in {"SQLITE_NOTADB", "SQLITE_CORRUPT"} or name.startswith("SQLITE_CORRUPT_"):
            return RegistryError(
                f"{self.url}: the file is damaged, or is not an SQLite database: {error}",
                hint="restore it from a copy, or choose another path",
            )
        if name.startswith("SQLITE_BUSY"):
            return RegistryError(
                f"{self.url}: another process has kept the file locked for {_BUSY_SECONDS:.0f} seconds",
                hint="repeat the command when that process has ended",
            )
        if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and self._is_disk_full()):
            return RegistryError(f"{self.url}: the disk is full: {error}", hint="make room, and repeat the command")
        if name == "SQLITE_PROTOCOL" or name.startswith("SQLITE_IOERR_SHM") or name == "SQLITE_IOERR_LOCK":
            return RegistryError(f"{self.url}: the file system has no shared locks: {error}", hint=_LOCAL_DISK)
        if name.startswith("SQLITE_READONLY"):
            return RegistryError(f"{self.url}: the file cannot be written: {error}", hint="check its permissions")
        return RegistryError(f"{self.url}: {error}", hint="check that the path names a file that can be used")

    def _is_disk_full(self) -> bool:
        try:
            return shutil.disk_usage(self.path.parent).free < _LEAST_FREE
        except OSError:
            return False


_LEAST_FREE = 64 * 1024
"""Bytes that SQLite needs at least for a log: the memory that processes share has 32 kB, and a page of it more."""
_LOCAL_DISK = "keep the file on a local disk, or use a registry in git for several hosts"


def _as_bytes(value: object) -> bytes:
    """Return a value as bytes: a column that was edited by hand may have any type."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
