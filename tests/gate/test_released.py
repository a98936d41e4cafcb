"""The version in production by the registry: what it is, and what a copy of it is used for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from release.documents import make_document, make_version

from evalgate.change.production import ProductionVersions, load_production
from evalgate.domain import DEFAULT_LEVELS, Config, Gate, Limits, Message, Policy, PromptVersion, ReleaseSettings
from evalgate.errors import InputError
from evalgate.gate.released import make_finder
from evalgate.inputs.tree import WorkTree
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


def test_a_version_that_is_in_no_repository_is_the_content_of_its_document(tmp_path: Path, store: Store) -> None:
    made = make_version("1.0.0", git_sha=None, source="langfuse:support@7")
    messages = (
        Message(role="system", content="You are support."),
        Message(role="user", content="Hello {{name}}!"),
    )
    prompt = PromptVersion(name="support", path="x", source="x", messages=messages, model=made.model)
    version = replace(made, digest=prompt.digest)
    registry = SqliteRegistry(tmp_path / "releases.sqlite3")
    registry.append(make_document(version, labels={"production": version}))
    find = make_finder(CONFIG, tmp_path, store)
    found = None if find is None else find("support")
    assert found is not None and found.ref is None and found.content is not None
    assert found.content.digest == version.digest and found.content.parameters == {}
    assert str(found).startswith("1.0.0 (langfuse:support@7), in production since")
    gate = Gate(name="support", prompt="p.md", dataset="d", candidate_target="t", baseline_target="t")
    assert load_production(gate, WorkTree(tmp_path), ProductionVersions(find=find, git=None), _fail) == found.content


def _fail() -> PromptVersion:
    raise AssertionError("there is a version in production")


def test_a_document_that_is_not_the_prompt_is_an_error_and_no_silent_merge_base(tmp_path: Path, store: Store) -> None:
    version = make_version("1.0.0", git_sha=None)
    registry = SqliteRegistry(tmp_path / "releases.sqlite3")
    registry.append(make_document(version, labels={"production": version}))
    find = make_finder(CONFIG, tmp_path, store)
    assert find is not None
    with pytest.raises(InputError, match=r"no repository.* is not the prompt with this digest"):
        find("support")


def test_a_registry_that_cannot_be_read_is_an_error(tmp_path: Path, store: Store) -> None:
    (tmp_path / "releases.sqlite3").write_bytes(b"this is no database, and long enough to look like one" * 40)
    find = make_finder(CONFIG, tmp_path, store)
    assert find is not None
    with pytest.raises(RegistryError):
        find("support")
