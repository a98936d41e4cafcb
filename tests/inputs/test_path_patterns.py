"""Patterns of paths, in the working tree and in commits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository import Repository

from evalgate.inputs.path_patterns import (
    compile_pattern,
    fill,
    find_folder,
    find_matches,
    is_pattern,
    matches_any,
    may_hold_match,
)
from evalgate.inputs.tree import CommitTree, WorkTree
from evalgate.services.git import Git


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("prompts/**/*.md", ["prompts/a.md", "prompts/x/y/a.md"], ["a.md", "prompts/a.txt", "prompts/a.md.bak"]),
        ("prompts/*.md", ["prompts/a.md"], ["prompts/x/a.md"]),
        ("**/p?.md", ["p1.md", "x/p2.md"], ["p10.md", "p/.md"]),
        ("prompts/[ab!]*.md", ["prompts/a1.md", "prompts/!.md"], ["prompts/c.md"]),
        ("prompts/[!ab].md", ["prompts/c.md"], ["prompts/a.md", "prompts//.md"]),
        ("prompts/**", ["prompts/a", "prompts/x/a"], ["prompt/a"]),
        ("a.b/*(1).md", ["a.b/x(1).md"], ["axb/x(1).md", "a.b/x1.md"]),
        ("prompts/[x.md", ["prompts/[x.md"], ["prompts/x.md"]),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, matching: list[str], others: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [path for path in matching if not compiled.fullmatch(path)] == []
    assert [path for path in others if compiled.fullmatch(path)] == []
    assert all(matches_any(path, ["none", pattern]) for path in matching)


def test_the_folder_of_a_pattern_is_its_fixed_part() -> None:
    assert [find_folder(p) for p in ("prompts/a/**/*.md", "*.md", "a/b*.md", "a/b.md")] == ["prompts/a", "", "a", "a"]
    assert [is_pattern(p) for p in ("a*.md", "a?.md", "[a].md", "a{dir}.md", "a.md")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_folder_and_name_of_a_prompt_fill_a_path() -> None:
    pattern = "prompts/**/*.prompt.yml"
    assert fill("golden/{dir}/{stem}.jsonl", "prompts/a/b/one.prompt.yml", pattern) == "golden/a/b/one.jsonl"
    assert fill("golden/{dir}/{stem}.jsonl", "prompts/one.prompt.yml", pattern) == "golden/./one.jsonl"


def test_a_commit_has_the_matches_of_its_working_tree(repository: Repository) -> None:
    files = ["p/a.md", "p/x/b.md", "p/x/c.txt", "p/.hidden/d.md", "p/node_modules/e.md", "q/f.md", "p/data.bin"]
    for file in files:
        repository.write(file, "x")
    (repository.root / "p/link.md").symlink_to("a.md")
    (repository.root / "p/linked").symlink_to("../q")
    repository.commit()
    commit = CommitTree(Git.open(repository.root), Git.open(repository.root).resolve("HEAD"))
    for tree in (WorkTree(repository.root), commit):
        assert list(find_matches(tree, "p/**/*", (".md", ".txt"))) == ["p/a.md", "p/x/b.md", "p/x/c.txt"]
        assert list(find_matches(tree, "p/linked/*.md", (".md",))) == []
        assert list(find_matches(tree, "none/**/*.md", (".md",))) == []
        assert list(find_matches(tree, "p/.hidden/*.md", (".md",))) == ["p/.hidden/d.md"]
    inner = CommitTree(Git.open(repository.root), Git.open(repository.root).resolve("HEAD"), prefix="p")
    assert list(find_matches(inner, "**/*.md", (".md",))) == ["a.md", "x/b.md"]


PARTS = st.lists(st.sampled_from(["a", "b", "ab", "ba.md"]), min_size=1, max_size=4)
PATTERNS = st.lists(
    st.sampled_from(["a", "*", "**", "a**b", "?", "[ab]", "[!b]*", "**.md", "*.md"]), min_size=1, max_size=4
)


@given(PARTS, PATTERNS, st.data())
def test_a_folder_of_a_match_may_hold_it(parts: list[str], steps: list[str], data: st.DataObject) -> None:
    pattern = "/".join(steps)
    if matches_any("/".join(parts), [pattern]) and len(parts) > 1:
        assert may_hold_match("/".join(parts[: data.draw(st.integers(1, len(parts) - 1))]), ["none", pattern])


@pytest.mark.parametrize(
    "pattern", ["prompts/*.md", "prompts/x/*/y.md", "prompts/sub.md", "other/**", "prompts/[!s]*/**"]
)
def test_a_folder_that_no_match_can_be_in_holds_none(pattern: str) -> None:
    assert not may_hold_match("prompts/sub", [pattern])
    assert may_hold_match("prompts/sub", [pattern, "prompts/**/*.md"])
