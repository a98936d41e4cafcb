"""The sources of release documents, by the scheme of a URL: files and SQLite here, others in their own modules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from evalgate.release.checked_value import DocumentError, load_value
from evalgate.release.runtime.bounded_file import read_bounded
from evalgate.release.runtime.file_names import make_file_name, parse_file_name
from evalgate.release.runtime.prompt_error import PromptError, SourceError, make_printable

if TYPE_CHECKING:
    from evalgate.release.runtime.http_source import Headers

_FORMS = "file:PATH, sqlite:PATH, https://ADDRESS or langfuse:https://HOST"


class Source(Protocol):
    """A place that the last document of a prompt is read from."""

    def read(self, name: str) -> bytes:
        """Return the bytes of the last document of a prompt, unchecked. Raises SourceError."""
        ...

    def list_names(self) -> list[str]:
        """Return the names of all prompts. Raises SourceError, also where a registry cannot list them."""
        ...


def open_source(
    url: str, *, headers: Headers | None = None, keys: tuple[str, str] | None = None, timeout: float = 5.0
) -> Source:
    """Return the source that a URL names; nothing is read yet. `timeout` is for one request, in seconds.

    `keys` are the public and the secret key of a project in Langfuse. Raises PromptError for a URL of another scheme.
    Relative paths are counted from the present working directory.
    """
    scheme, _, rest = url.partition(":")
    if keys is not None and scheme != "langfuse":
        raise PromptError(f"keys are for a registry in Langfuse, and this one is {scheme}:")
    if scheme in ("http", "https"):
        from evalgate.release.runtime.http_source import HttpSource

        return HttpSource(url, headers=headers, timeout=timeout)
    if headers is not None:
        raise PromptError(f"headers are for a registry by HTTP, and this one is {scheme}:")
    if scheme == "langfuse" and rest:
        from evalgate.release.runtime.langfuse_source import LangfuseSource

        return LangfuseSource(rest, keys=keys, timeout=timeout)
    if scheme == "file" and rest:
        return FileSource(Path(rest).absolute())
    if scheme == "sqlite" and rest:
        return SqliteSource(Path(rest).absolute(), timeout=timeout)
    # what follows the scheme may be a token
    shown = f"{scheme}:..." if rest else scheme.rpartition("@")[2].partition("?")[0]
    raise PromptError(f'"{make_printable(shown)}" names no registry that can be read', hint=f"write {_FORMS}")


class FileSource:
    """A document in a file, or a folder of documents such as a clone of a registry's branch."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes:
        path = self._path / make_file_name(name) if self._path.is_dir() else self._path
        try:
            return read_bounded(path)
        except FileNotFoundError:
            raise SourceError(
                f"{path} does not exist", hint=f'check the path, and whether "{make_printable(name)}" was published'
            ) from None
        except (OSError, ValueError) as error:
            raise SourceError(f"{path} cannot be read: {error}") from None

    def list_names(self) -> list[str]:
        if self._path.is_dir():
            return sorted(parse_file_name(one.name) for one in self._path.glob("*.json"))
        try:
            return [load_value(self.read(""))["name"].text()]
        except DocumentError as error:
            raise SourceError(f"{self._path} is not a release document: {make_printable(error)}") from None


class SqliteSource:
    """The registry in SQLite. Each read opens the file, so that no connection outlives a fork."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        self._path = path
        self._timeout = timeout

    def read(self, name: str) -> bytes:
        query = "SELECT data FROM documents WHERE name = ? ORDER BY revision DESC LIMIT 1"
        rows = self._select(query, (name,))
        if not rows:
            raise SourceError(f'{self._path} has no document of "{make_printable(name)}"', hint="publish the prompt")
        return rows[0] if isinstance(rows[0], bytes) else str(rows[0]).encode("utf-8", "replace")

    def list_names(self) -> list[str]:
        return [str(name) for name in self._select("SELECT DISTINCT name FROM documents ORDER BY name", ())]

    def _select(self, query: str, values: tuple[str, ...]) -> list[bytes | str]:
        """Return the first column of the rows."""
        import sqlite3
        from contextlib import closing

        if not self._path.is_file():
            raise SourceError(f"{self._path} does not exist", hint="check the path of the registry")
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=self._timeout)) as opened:
                return [row[0] for row in opened.execute(query, values)]
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise SourceError(
                f"{self._path} cannot be read: {error}",
                hint="it must be a registry of evalgate, and its folder must let SQLite write its -shm file",
            ) from None
