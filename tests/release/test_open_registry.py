"""Registries by their real URLs, and documents that are appended while answers get lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import AT, make_document, make_entry, make_version
from repository import Repository

from evalgate.errors import InputError
from evalgate.release.git_registry import GitRegistry
from evalgate.release.promotion import Actor, promote_version, publish_version
from evalgate.release.registry import (
    RaceLostError,
    Registry,
    RegistryError,
    StoredDocument,
    append_document,
    check_new_name,
)
from evalgate.release.registry_access import open_registry
from evalgate.release.sqlite_registry import SqliteRegistry

VERSION = make_version()
BY = Actor(id="7", who="ada", at=AT)


def test_a_file_may_have_to_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nope\.db: there is no such file"):
        open_registry("sqlite:nope.db", tmp_path, must_exist=True)
    open_registry("sqlite:nope.db", tmp_path).put(VERSION, "support")
    assert open_registry("sqlite:nope.db", tmp_path, must_exist=True).read("support") is None


def test_a_new_name_differs_by_more_than_case(tmp_path: Path) -> None:
    registry = open_registry("sqlite:releases.db", tmp_path)
    check_new_name(registry, "support")
    registry.append(make_document(VERSION))
    check_new_name(registry, "support")
    check_new_name(registry, "support 2")
    for name in ("Support", "SUPPORT"):
        with pytest.raises(InputError, match=f'"{name}" differs from "support" by upper and lower case alone'):
            check_new_name(registry, name)


def test_a_path_of_a_file_is_counted_from_the_folder_or_absolute(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    relative = open_registry("sqlite:../releases.sqlite3", folder)
    assert isinstance(relative, SqliteRegistry)
    relative.append(make_document(VERSION))
    assert (tmp_path / "releases.sqlite3").is_file()
    absolute = open_registry(f"sqlite:{tmp_path / 'releases.sqlite3'}", Path("/nowhere"))
    assert absolute.read("support") == relative.read("support")


def test_a_remote_is_found_by_name_address_and_path(repository: Repository, tmp_path: Path) -> None:
    repository.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    repository.git("remote", "add", "origin", "../remote.git")
    by_name = open_registry("git:origin", repository.root)
    assert isinstance(by_name, GitRegistry)
    stored = by_name.append(make_document(VERSION))
    outside = tmp_path / "outside"
    outside.mkdir()
    (repository.root / "prompts").mkdir()
    for url, folder in (
        ("git:../remote.git", outside),
        (f"git:{tmp_path / 'remote.git'}", outside),
        (f"git:{(tmp_path / 'remote.git').as_uri()}#evalgate/releases", outside),
        ("git:../remote.git", repository.root),
        ("git:origin", repository.root / "prompts"),
    ):
        assert open_registry(url, folder).read("support") == stored, url
    assert list(outside.iterdir()) == []


class Scripted:
    """A registry whose next `append` does what a test gives."""

    def __init__(self, registry: Registry, append: Callable[[Registry, object], StoredDocument]) -> None:
        self._registry = registry
        self._append = append

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    def append(self, document: object) -> StoredDocument:
        return self._append(self._registry, document)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = open_registry("sqlite:releases.sqlite3", tmp_path)
    made.append(publish_version(None, "support", VERSION, Actor(id="1", who="ada", at=AT)))
    return made


def make_promotion(registry: Registry) -> object:
    last = registry.read("support")
    assert last is not None
    return promote_version(last, VERSION, "staging", BY, "why")


def test_an_answer_that_is_lost_is_looked_up(registry: Registry) -> None:
    def lose_answer(real: Registry, document: object) -> StoredDocument:
        real.append(document)  # type: ignore[arg-type]
        raise RegistryError("the answer is lost")

    stored = append_document(Scripted(registry, lose_answer), make_promotion(registry))  # type: ignore[arg-type]
    assert registry.read("support") == stored and stored.document.entry.id == "7"


def test_a_request_that_is_lost_is_told(registry: Registry) -> None:
    def lose_request(real: Registry, document: object) -> StoredDocument:
        raise RegistryError("the request is lost")

    with pytest.raises(RegistryError, match="the request is lost"):
        append_document(Scripted(registry, lose_request), make_promotion(registry))  # type: ignore[arg-type]
    assert len(list(registry.history("support"))) == 1


def test_a_registry_that_sends_a_write_twice_has_it_once(registry: Registry) -> None:
    def send_twice(real: Registry, document: object) -> StoredDocument:
        real.append(document)  # type: ignore[arg-type]
        return real.append(document)  # type: ignore[arg-type]

    stored = append_document(Scripted(registry, send_twice), make_promotion(registry))  # type: ignore[arg-type]
    assert registry.read("support") == stored and len(list(registry.history("support"))) == 2


def test_a_race_that_is_lost_to_another_entry_stays_lost(registry: Registry) -> None:
    document = make_promotion(registry)
    last = registry.read("support")
    assert last is not None
    registry.append(make_document(VERSION, previous=last.digest, entry=make_entry(who="bob")))
    with pytest.raises(RaceLostError, match="bob was faster"):
        append_document(registry, document)  # type: ignore[arg-type]


SECRET = st.text("abcXYZ019-_.~", min_size=12, max_size=20)
FORMS = [
    "https://user:{}@x/y", "git+https://{}@x/y", "foo:{}@x", "git:https://user:{}@x/y#a b", "{}@x",
    "git:https://x/y?token={}#a b", "https://x/y?a=1&token={}", "git:-https://user:{}@x/y", "git:x#https://u:{}@a..b",
]  # fmt: skip


@given(SECRET, st.sampled_from(FORMS))
def test_a_url_that_names_no_registry_is_told_without_its_secrets(secret: str, form: str) -> None:
    with pytest.raises(InputError) as refused:
        open_registry(form.format(secret), Path("/nowhere"))
    fault = refused.value.faults[0]
    assert secret not in f"{fault.message} {fault.hint}"
