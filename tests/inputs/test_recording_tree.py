"""What a prompt is read from: every file that it depends on, whether it can be read or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Gate
from evalgate.errors import EvalgateError, Place
from evalgate.inputs.case_images import list_image_files, list_included_files
from evalgate.inputs.prompts import load_prompt
from evalgate.inputs.recording_tree import RecordingTree
from evalgate.inputs.tree import NoSuchFileError, WorkTree

MAIN = "prompts/main.j2"
NAMES = ["a.j2", "b.j2", "parts/c.j2"]
LINES = [
    "Be exact.",
    "{% if query %}",  # broken unless it is closed
    "{% endif %}",
    "{{ query",
    *(f"{{% include '{name}' %}}" for name in NAMES),
    *(f"{{% include '{name}' ignore missing %}}" for name in NAMES),
    "{% include ['a.j2', 'b.j2'] %}",
    "{% include '../other.j2' %}",
    "{% include query %}",
]
TEXTS = st.lists(st.sampled_from(LINES), max_size=4).map(lambda lines: "\n".join(lines).encode())
CONTENTS = TEXTS | st.just(b"\xff\xfe") | st.none()
FILES = st.fixed_dictionaries({MAIN: TEXTS, **{f"prompts/{name}": CONTENTS for name in NAMES}})


class MemoryTree:
    """Files in memory; None is a file that is missing."""

    root = "memory"

    def __init__(self, files: Mapping[str, bytes | None]) -> None:
        self._files = files

    def read(self, path: str) -> bytes:
        data = self._files.get(path)
        if data is None:
            raise NoSuchFileError("no such file", place=Place(path=path))
        return data

    def exists(self, path: str) -> bool:
        return self._files.get(path) is not None

    def list_files(self, folder: str) -> Iterator[str]:
        return (path for path in self._files if path.startswith(folder) and self.exists(path))

    def describe(self, path: str) -> str:
        return self.root


def read(tree: MemoryTree | RecordingTree) -> object:
    """Return all that is known about the prompt: its digest, or the faults."""
    try:
        return load_prompt(tree, MAIN).digest
    except EvalgateError as error:
        return [str(fault) for fault in error.faults]


@given(before=FILES, after=FILES)
def test_what_is_read_depends_on_no_other_file(before: dict[str, bytes | None], after: dict[str, bytes | None]) -> None:
    recorded = RecordingTree(MemoryTree(before))
    found = read(recorded)
    kept = before | {path: content for path, content in after.items() if path not in recorded.paths}
    assert read(MemoryTree(kept)) == found


@given(files=FILES, name=st.sampled_from(NAMES), edit=CONTENTS)
def test_an_edit_that_changes_what_is_read_is_one_of_an_included_file(
    files: dict[str, bytes | None], name: str, edit: bytes | None
) -> None:
    gate = Gate(name="g", prompt=MAIN, dataset="cases.jsonl", candidate_target="t", baseline_target="t")
    edited = files | {f"prompts/{name}": edit}
    if read(MemoryTree(files)) != read(MemoryTree(edited)):
        for one in (files, edited):
            assert f"prompts/{name}" in list_included_files(MemoryTree(one), gate)


def test_an_image_that_is_missing_is_one_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('{"id": "a", "picture": "a.png"}\n{"id": "b", "picture": "b.png"}\n')
    (tmp_path / "p.prompt.yml").write_text(
        "messages: [{role: user, content: [{type: text, text: Look}, {type: image, image: '{{picture}}'}]}]\n"
    )
    (tmp_path / "a.png").write_text("damaged")
    tree = RecordingTree(WorkTree(tmp_path))
    gate = Gate(name="g", prompt="p.prompt.yml", dataset="cases.jsonl", candidate_target="t", baseline_target="t")
    assert list_image_files(tree, gate) == {"a.png", "b.png"}
    assert tree.exists("a.png") and not tree.exists("c.png")
    assert {"p.prompt.yml", "cases.jsonl", "a.png", "b.png", "c.png"} <= tree.paths
    assert (tree.root, tree.describe("a.png")) == (str(tmp_path), "working tree")
    assert sorted(tree.list_files("")) == ["a.png", "cases.jsonl", "p.prompt.yml"]
