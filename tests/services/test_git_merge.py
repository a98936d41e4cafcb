"""A text is merged as a merge in a repository merges its file."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import Repository

from evalgate.services.git_merge import merge_texts

LINES = [f"{number}\n" for number in range(8)]
EDITS = st.dictionaries(st.integers(0, 7), st.sampled_from(["", "new\n", "other\n", "one\ntwo\n"]), max_size=3)


def edit(edits: dict[int, str]) -> bytes:
    return "".join(edits.get(number, line) for number, line in enumerate(LINES)).encode()


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(ours=EDITS, theirs=EDITS)
def test_a_text_is_merged_as_git_merges_it(tmp_path: Path, ours: dict[int, str], theirs: dict[int, str]) -> None:
    shutil.rmtree(tmp_path / "example", ignore_errors=True)
    (tmp_path / "example").mkdir()
    repository = Repository(tmp_path / "example")
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.commit(**{"a.txt": edit({}).decode()})
    repository.git("switch", "--quiet", "--create", "work")
    repository.commit(**{"a.txt": edit(theirs).decode()})
    repository.git("switch", "--quiet", "main")
    repository.commit(**{"a.txt": edit(ours).decode()})
    merged = merge_texts(edit({}), edit(ours), edit(theirs))
    if merged is not None:
        repository.git("merge", "--quiet", "--no-edit", "work")
        assert (repository.root / "a.txt").read_bytes() == merged


def test_what_conflicts_and_what_is_no_text_has_no_merge() -> None:
    assert merge_texts(b"a\n", b"b\n", b"c\n") is None
    assert merge_texts(b"a\0\n", b"b\0\n", b"a\0\n") is None
    assert merge_texts(b"a\nb\nc\n", b"A\nb\nc\n", b"a\nb\nC\n") == b"A\nb\nC\n"
