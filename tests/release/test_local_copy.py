from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import make_document, make_version

from evalgate.release.local_copy import read_copy, write_copy
from evalgate.release.registry import StoredDocument, make_bytes
from evalgate.store.store import Store


def make_stored(name: str = "support") -> StoredDocument:
    one = make_version()
    return make_bytes(make_document(one, name=name, labels={"production": one}), 3)


@pytest.mark.parametrize("name", ["support", "a/b", "..", "x" * 200, "Überblick", "CON"])
def test_the_last_copy_of_a_prompt_is_read_by_its_name(name: str, tmp_path: Path) -> None:
    store = Store(root=tmp_path / ".evalgate")
    assert read_copy(store, name) is None
    assert write_copy(store, make_stored("another"))
    assert write_copy(store, make_stored(name))
    assert read_copy(store, name) == make_stored(name)
    assert [path.parent for path in store.root.rglob("*.json")] == [store.root / "releases"] * 2
    assert (store.root / ".gitignore").read_text() == "*\n"


@given(data=st.data())
def test_a_damaged_copy_is_none(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    store = Store(root=tmp_path_factory.mktemp("store"))
    whole = make_stored().data
    write_copy(store, make_stored())
    store.find_release("support").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 2))])
    assert read_copy(store, "support") is None


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "releases").write_text("a file")
    assert not write_copy(Store(root=tmp_path), make_stored())
    assert read_copy(Store(root=tmp_path), "support") is None


def test_the_copy_of_another_prompt_is_none(tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    write_copy(store, make_stored("another"))
    store.find_release("another").rename(store.find_release("support"))
    assert read_copy(store, "support") is None
