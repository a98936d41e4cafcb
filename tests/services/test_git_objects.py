from __future__ import annotations

import os

import pytest
from repository import Repository

from evalgate.services.git_objects import ObjectReader
from evalgate.services.git_process import GitError


@pytest.fixture
def reader(repository: Repository) -> ObjectReader:
    repository.write("a b.txt", "one\n")
    repository.commit("first")
    return ObjectReader(repository.root)


def test_an_object_is_read_by_any_of_its_names(reader: ObjectReader) -> None:
    blob = reader.read("HEAD:a b.txt")
    assert blob is not None
    assert (blob.kind, blob.data) == ("blob", b"one\n")
    assert reader.read(blob.oid) == blob
    commit = reader.read("HEAD")
    assert commit is not None and commit.kind == "commit"


@pytest.mark.parametrize("name", ["HEAD:missing", "no such ref", "HEAD blob 3", "a\nb", "a\0b", "f" * 40, ""])
def test_a_name_of_nothing_is_none_and_the_reader_goes_on(reader: ObjectReader, name: str) -> None:
    assert reader.read(name) is None
    assert reader.read("HEAD:a b.txt") is not None


def test_a_process_that_ended_is_started_again(reader: ObjectReader) -> None:
    assert reader.read("HEAD") is not None
    first = reader._process
    assert first is not None
    os.kill(first.pid, 9)
    first.wait()
    assert reader.read("HEAD") is not None


def test_after_a_read_without_an_answer_a_new_process_is_started(
    reader: ObjectReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that gave no answer may not have ended yet: it counts as running, and answers nothing more."""
    assert reader.read("HEAD") is not None
    first = reader._process
    assert first is not None and first.stdout is not None
    first.kill()
    first.wait()
    monkeypatch.setattr(first, "poll", lambda: None)
    with pytest.raises(GitError, match="ended early"):
        reader.read("HEAD")
    assert reader.read("HEAD") is not None
