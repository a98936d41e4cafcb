from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from release.chains import make_chain

from evalgate.release.runtime.file_names import make_file_name
from evalgate.release.runtime.http_source import HttpSource
from evalgate.release.runtime.prompt_error import PromptError, SourceError
from evalgate.release.runtime.sources import open_source


def make_registry(path: Path, *rows: tuple[str, int, bytes]) -> None:
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("CREATE TABLE documents (name TEXT, revision INTEGER, data BLOB, PRIMARY KEY (name, revision))")
        opened.executemany("INSERT INTO documents VALUES (?, ?, ?)", rows)


def test_a_file_and_a_folder_of_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a%2Fb.json").write_bytes(b"one")
    assert open_source(f"file:{tmp_path}").read("a/b") == b"one"
    assert open_source(f"file:{tmp_path / 'a%2Fb.json'}").read("any") == b"one"
    monkeypatch.chdir(tmp_path)
    relative = open_source("file:a%2Fb.json")
    monkeypatch.chdir("/")
    assert relative.read("any") == b"one"
    with pytest.raises(SourceError, match=r'other\.json does not exist; check the path, and whether "other"'):
        open_source(f"file:{tmp_path}").read("other")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(f"file:{tmp_path}").read("folder")


def test_the_last_revision_in_sqlite_is_read(tmp_path: Path) -> None:
    path = tmp_path / "re gistry?.db"
    make_registry(path, ("support", 2, b"two"), ("support", 10, b"ten"), ("other", 11, b"eleven"))
    source = open_source(f"sqlite:{path}")
    assert source.read("support") == b"ten"
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("INSERT INTO documents VALUES ('support', 11, ?)", (b"new",))
        opened.execute("INSERT INTO documents VALUES ('text', 1, 'ü')")
    assert source.read("support") == b"new"
    assert source.read("text") == "ü".encode()
    with pytest.raises(SourceError, match='has no document of "unknown"; publish'):
        source.read("unknown")


def test_an_unreadable_registry_in_sqlite_is_named_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing\.db does not exist"):
        open_source(f"sqlite:{tmp_path / 'missing.db'}").read("support")
    assert not (tmp_path / "missing.db").exists()
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(SourceError, match=r"text\.db cannot be read: file is not a database"):
        open_source(f"sqlite:{tmp_path / 'text.db'}").read("support")


@pytest.mark.parametrize(
    "url", ["", "git:origin", "file:", "sqlite:", "ftp://a/b", "/a/b", "langfuse\n:x", "langfuse:"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(PromptError, match="write file:PATH, sqlite:PATH, https://ADDRESS or lang"):
        open_source(url)


def test_headers_are_for_http() -> None:
    assert isinstance(open_source("https://example.com/x", headers={}), HttpSource)
    with pytest.raises(PromptError, match="headers are for a registry by HTTP"):
        open_source("file:x", headers={"a": "b"})


def test_prompts_are_listed_by_all_that_can(tmp_path: Path) -> None:
    make_registry(tmp_path / "registry.db", ("b", 1, b"x"), ("a/b", 1, b"x"), ("b", 2, b"x"))
    assert open_source(f"sqlite:{tmp_path / 'registry.db'}").list_names() == ["a/b", "b"]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in (".a/b", "ü"):
        (folder / make_file_name(name)).write_bytes(make_chain(1, name=name)[0])
    assert open_source(f"file:{folder}").list_names() == [".a/b", "ü"]
    assert open_source(f"file:{folder / '%C3%BC.json'}").list_names() == ["ü"]
    (folder / "wrong.json").write_text("{}")
    with pytest.raises(SourceError, match=r'wrong\.json is not a release document: .*"name" is missing'):
        open_source(f"file:{folder / 'wrong.json'}").list_names()
    with pytest.raises(SourceError, match="cannot be listed by HTTP; give their names"):
        open_source("https://example.com/x").list_names()


@pytest.mark.parametrize("url", ["foo:s3cret@x", "git+https://user:s3cret@x/y", "s3cret@x", "x?token=s3cret"])
def test_an_unknown_registry_is_named_without_what_may_be_a_token(url: str) -> None:
    with pytest.raises(PromptError, match="names no registry that can be read") as refused:
        open_source(url)
    assert "s3cret" not in str(refused.value)
