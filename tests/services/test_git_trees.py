"""Git's tree objects and its list of renames."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import Repository

from evalgate.services.git_trees import LINK, SUBMODULE, TREE, TreeEntry, find_renames, read_entries

NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name and b"/" not in name)


@pytest.mark.parametrize("id_bytes", [20, 32])
@given(names=st.lists(NAMES, unique=True, max_size=8), mode=st.sampled_from([0o100644, TREE, LINK, SUBMODULE]))
def test_every_entry_reads_back_by_its_name(names: list[bytes], mode: int, id_bytes: int) -> None:
    ids = [hashlib.sha256(name).digest()[:id_bytes] for name in names]
    data = b"".join(b"%o %s\0%s" % (mode, name, oid) for name, oid in zip(names, ids, strict=True))
    found = read_entries(data, id_bytes=id_bytes)
    assert list(found.values()) == [TreeEntry(mode, oid.hex()) for oid in ids]
    assert [name.encode("utf-8", "surrogateescape") for name in found] == names


def test_what_git_writes_is_read(repository: Repository) -> None:
    repository.commit("first", **{"a file.txt": "x" * 400})
    repository.git("mv", "a file.txt", "b\u00e4.txt")
    repository.commit("second")
    import subprocess

    listing = subprocess.run(
        ["git", "-C", str(repository.root), "diff", "-z", "--name-status", "-M", "HEAD~1", "HEAD"],
        capture_output=True,
        check=True,
    ).stdout
    assert find_renames(listing) == [("a file.txt", "b\u00e4.txt")]
