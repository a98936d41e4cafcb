from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import make_version

from evalgate.errors import InputError
from evalgate.release.archive import read_archive, write_archive


def write(*documents: bytes, name: str = "support") -> bytes:
    return "".join(write_archive(name, documents, [make_version("1.1.0"), make_version("1.0.0")])).encode()


@given(st.lists(st.binary() | st.text().map(str.encode)), st.text(min_size=1).filter(str.strip))
def test_all_bytes_come_back_as_they_were(documents: list[bytes], name: str) -> None:
    data = write(*documents, name=name)
    read = read_archive(data, "a.jsonl")
    assert (read.name, read.documents) == (name, tuple(documents))
    assert {one.version for one in read.versions} == {"1.0.0", "1.1.0"}
    assert data.isascii() and "".join(write_archive(name, read.documents, read.versions)).encode() == data


HEAD = {"format": 1, "kind": "evalgate release export", "name": "support", "revisions": 1, "versions": 0}


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "is empty"),
        ([{"key": 1}], "a.jsonl:1: "),
        ([{**HEAD, "format": 2}], "a.jsonl:1: "),
        ([{**HEAD, "kind": "another"}], "a.jsonl:1: "),
        ([HEAD], "has 0 revisions and 0 versions, but by its first line 1 and 0"),
        ([HEAD, {"document": "x"}, {"document": "y"}], "has 2 revisions"),
        ([HEAD, {"text": "x"}], "a.jsonl:2: "),
        ([HEAD, {"document": 1}], "a.jsonl:2: "),
        ([HEAD, {"document": {"base64": "*"}}], "a.jsonl:2: "),
        ([HEAD, {"document": "\ud800"}], "a.jsonl:2: "),
        ([HEAD, {"version": "{}"}], "a.jsonl:2: "),
        ([HEAD, 1], "a.jsonl:2: "),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_line(rows: list[object], problem: str) -> None:
    with pytest.raises(InputError) as refused:
        read_archive("\n".join(json.dumps(row) for row in rows).encode(), "a.jsonl")
    assert problem in str(refused.value)


def test_a_file_that_was_cut_is_refused() -> None:
    data = write(b"one", b"two")
    for end in range(len(data) - 1):
        with pytest.raises(InputError):
            read_archive(data[:end], "a.jsonl")
