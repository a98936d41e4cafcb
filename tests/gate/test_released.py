"""The version in production by the registry: what it is, and what a copy of it is used for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from release.documents import make_document, make_version

from evalgate.domain import DEFAULT_LEVELS, Config, Limits, Policy, ReleaseSettings
from evalgate.errors import InputError
from evalgate.gate.released import make_finder
from evalgate.release.registry import RegistryError
from evalgate.release.sqlite_registry import SqliteRegistry
from evalgate.store.store import Store

CONFIG = Config(
    path="evalgate.yml",
    gates=(),
    targets={},
    policy=Policy(levels=DEFAULT_LEVELS),
    limits=Limits(),
    release=ReleaseSettings(registry="sqlite:releases.sqlite3"),
)
ONE = make_version("1.0.0")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path / ".evalgate")


def fill(folder: Path) -> None:
    registry = SqliteRegistry(folder / "releases.sqlite3")
    registry.put(ONE, "support")
    registry.append(make_document(ONE, labels={"production": ONE}))


def test_without_a_registry_there_is_no_finder_and_the_pins_count(tmp_path: Path, store: Store) -> None:
    assert make_finder(replace(CONFIG, release=None), tmp_path, store) is None


def test_the_production_of_the_registry_is_found_and_its_copy_is_kept(tmp_path: Path, store: Store) -> None:
    fill(tmp_path)
    find = make_finder(CONFIG, tmp_path, store)
    assert find is not None
    found = find("support")
    assert found is not None
    assert (found.version, found.digest, found.ref, found.path) == ("1.0.0", ONE.digest, ONE.git_sha, ONE.source)
    assert str(found).endswith("by revision 1 of sqlite:releases.sqlite3")
    assert find("other") is None
    (tmp_path / "releases.sqlite3").unlink()
    copies = make_finder(CONFIG, tmp_path, store, copies=True)
    assert copies is not None and copies("support") == found


def test_copies_alone_ask_no_registry(tmp_path: Path, store: Store) -> None:
    fill(tmp_path)
    copies = make_finder(CONFIG, tmp_path, store, copies=True)
    assert copies is not None and copies("support") is None


def test_a_version_that_is_in_no_repository_is_an_error_and_no_silent_merge_base(tmp_path: Path, store: Store) -> None:
    version = make_version("1.0.0", git_sha=None)
    registry = SqliteRegistry(tmp_path / "releases.sqlite3")
    registry.append(make_document(version, labels={"production": version}))
    find = make_finder(CONFIG, tmp_path, store)
    assert find is not None
    with pytest.raises(InputError, match="in no repository"):
        find("support")


def test_a_registry_that_cannot_be_read_is_an_error(tmp_path: Path, store: Store) -> None:
    (tmp_path / "releases.sqlite3").write_bytes(b"this is no database, and long enough to look like one" * 40)
    find = make_finder(CONFIG, tmp_path, store)
    assert find is not None
    with pytest.raises(RegistryError):
        find("support")
