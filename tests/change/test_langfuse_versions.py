"""Which version a candidate in Langfuse is compared with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalgate.change.langfuse_versions import find_named_baseline, is_in_langfuse, load_baseline, resolve_in_langfuse
from evalgate.domain import Gate, Message, PromptVersion
from evalgate.errors import GitError, InputError
from evalgate.inputs.formats.nodes import refuse
from evalgate.inputs.tree import WorkTree

RELEASED = PromptVersion(
    name="support", path="p", source="abc:p.md", messages=(Message(role="user", content="released"),), version="4.0.0"
)


class _Tree(WorkTree):
    """A tree with texts in Langfuse, by their names. Those of `broken` have a fault."""

    def __init__(self, root: Path, texts: dict[str, str], **config: Any) -> None:
        super().__init__(root)
        self._texts = texts
        self._config = config

    def read(self, path: str) -> bytes:
        if not path.startswith("langfuse:"):
            return super().read(path)
        if path not in self._texts:
            raise refuse("does not exist at https://langfuse.test", path)
        content = {"name": "support", "prompt": self._texts[path], "config": self._config, "numbers": []}
        return json.dumps(content).encode()

    def describe(self, path: str) -> str:
        return f"{path.partition('@')[0]}@7" if path.startswith("langfuse:") else super().describe(path)


def make_gate(prompt: str = "langfuse:support@staging", baseline: str | None = None) -> Gate:
    return Gate(
        name="support", prompt=prompt, dataset="d", candidate_target="t", baseline_target="t", baseline=baseline
    )


@pytest.fixture
def tree(tmp_path: Path) -> _Tree:
    (tmp_path / "old.md").write_text("from a file {{q}}")
    names = ("staging", "production", "3", "broken")
    texts = {f"langfuse:support@{name}": f"text of {name}" for name in names}
    texts["langfuse:support@broken"] = ""
    return _Tree(tmp_path, texts, version="2.0.0")


def test_the_label_production_is_the_baseline_and_numbers_stay(tree: _Tree) -> None:
    found = resolve_in_langfuse(make_gate(), tree, None)
    assert found.candidate.messages[0].content == "text of staging" and found.baseline is not None
    assert found.baseline.messages[0].content == "text of production" and found.baseline.version == "2.0.0"
    assert found.baseline_note == "langfuse:support@production, which is langfuse:support@7,"


def test_without_a_number_of_the_candidate_the_level_follows_from_the_difference(tree: _Tree, tmp_path: Path) -> None:
    bare = _Tree(tmp_path, {"langfuse:support@staging": "a"})
    found = resolve_in_langfuse(make_gate(), bare, None, production=lambda: RELEASED)
    assert found.candidate.version is None and found.baseline is not None
    assert found.baseline.version is None and found.baseline.digest == RELEASED.digest
    assert resolve_in_langfuse(make_gate(), tree, None, production=lambda: RELEASED).baseline == RELEASED


def test_a_release_goes_before_the_label_production_and_a_named_version_before_both(tree: _Tree) -> None:
    def resolve(baseline: str | None, option: str | None = None) -> str:
        gate = make_gate(baseline=baseline)
        found = resolve_in_langfuse(gate, tree, None, baseline=option, production=lambda: RELEASED)
        assert found.baseline is not None
        return found.baseline.messages[0].content

    assert resolve(None) == "released" == resolve("langfuse:support@production")
    assert resolve("langfuse:support@3") == "text of 3" and resolve("old.md") == "from a file {{q}}"
    assert resolve("langfuse:support@3", "langfuse:support@production") == "text of production"


def test_only_a_missing_label_production_means_that_the_prompt_is_new(tmp_path: Path) -> None:
    tree = _Tree(tmp_path, {"langfuse:support@staging": "a"})
    found = resolve_in_langfuse(make_gate(), tree, None)
    assert found.baseline is None and found.baseline_note == "new: langfuse:support@production does not exist"
    broken = _Tree(tmp_path, {"langfuse:support@staging": "a", "langfuse:support@production": ""})
    with pytest.raises(InputError, match="the prompt is empty"):
        resolve_in_langfuse(make_gate(), broken, None)
    with pytest.raises(InputError, match="does not exist"):
        resolve_in_langfuse(make_gate(baseline="langfuse:support@9"), tree, None)


def test_a_prompt_that_is_a_file_needs_a_repository_or_a_baseline(tree: _Tree) -> None:
    with pytest.raises(GitError, match="has no baseline"):
        resolve_in_langfuse(make_gate("old.md"), tree, None, candidate="langfuse:support@3")
    with pytest.raises(InputError, match="--candidate"):
        resolve_in_langfuse(make_gate(), tree, None, candidate="langfuse:support")


def test_the_source_of_a_baseline_is_its_number_or_its_file(tree: _Tree) -> None:
    assert load_baseline(make_gate(baseline="langfuse:support@3"), tree).source == "langfuse:support@7"
    assert load_baseline(make_gate(baseline="old.md"), tree).source == "old.md"


def test_a_gate_is_in_langfuse_by_its_candidate() -> None:
    assert is_in_langfuse(make_gate(), None) and not is_in_langfuse(make_gate(), "HEAD")
    assert is_in_langfuse(make_gate("a.md"), "langfuse:a@1") and not is_in_langfuse(make_gate("a.md"), None)
    assert find_named_baseline(make_gate(baseline="langfuse:support@production"), None) is None
    assert find_named_baseline(make_gate(baseline="a.md"), None) == "a.md"
    assert find_named_baseline(make_gate(), "b.md") == "b.md"
