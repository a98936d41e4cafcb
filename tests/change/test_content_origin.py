"""The commit that gave a prompt its content."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from repository import Repository

from evalgate.change.commit_prompts import load_prompt_at
from evalgate.change.content_origin import find_origin
from evalgate.domain import NO_SETTINGS
from evalgate.services.git import Git

PATH = "prompts/p.prompt.yml"


def write(text: str, head: str = "") -> str:
    return f"{head}messages:\n  - {{role: user, content: {text}}}\n"


def find(root: Path, path: str = PATH) -> str:
    git = Git.open(root)
    head = git.resolve("HEAD")
    version = load_prompt_at(git, head, path, NO_SETTINGS)
    note, file = find_origin(git, version, head, NO_SETTINGS)
    assert load_prompt_at(git, note.commit, file, NO_SETTINGS).digest == version.digest
    return note.subject


def test_a_commit_that_changed_no_content_does_not_count(repository: Repository) -> None:
    repository.commit("one", **{PATH: write("a")})
    repository.commit("two", **{PATH: write("b")})
    repository.commit("number", **{PATH: write("b", "version: 2.0.0\n")})
    repository.commit("other", readme="x")
    assert find(repository.root) == "two"


def test_a_content_that_came_back_is_of_the_commit_that_brought_it_back(repository: Repository) -> None:
    for message, text in (("one", "a"), ("two", "b"), ("back", "a")):
        repository.commit(message, **{PATH: write(text)})
    assert find(repository.root) == "back"


def test_a_moved_file_is_of_the_commit_before(repository: Repository) -> None:
    repository.commit("one", **{PATH: write("a")})
    repository.commit("two", **{PATH: write("b")})
    repository.git("mv", PATH, "moved.prompt.yml")
    repository.commit("move")
    assert find(repository.root, "moved.prompt.yml") == "two"


def test_a_merge_gives_way_to_the_commit_of_the_branch(repository: Repository) -> None:
    repository.commit("one", **{PATH: write("a")})
    repository.git("switch", "--quiet", "--create", "topic")
    repository.commit("of the branch", **{PATH: write("b")})
    repository.git("switch", "--quiet", "-")
    repository.commit("aside", readme="x")
    repository.git("merge", "--quiet", "--no-ff", "-m", "merge", "topic")
    assert find(repository.root) == "of the branch"


def test_an_included_file_counts_as_content(repository: Repository) -> None:
    repository.write("p.j2", "{% include 'rules.j2' %} {{ a }}")
    repository.write("rules.j2", "Be exact.")
    repository.commit("one")
    repository.commit("rules", **{"rules.j2": "Be brief."})
    repository.commit("aside", readme="x")
    assert find(repository.root, "p.j2") == "rules"


@pytest.mark.parametrize("depth", [1, 2])
def test_a_shallow_clone_names_the_oldest_commit_that_it_has(
    repository: Repository, tmp_path: Path, depth: int
) -> None:
    repository.commit("one", **{PATH: write("a")})
    repository.commit("two", readme="x")
    repository.commit("three", readme="y")
    clone = tmp_path / "clone"
    source = f"file://{repository.root}"
    subprocess.run(["git", "clone", "--quiet", f"--depth={depth}", source, str(clone)], check=True)
    assert find(clone) == ("three" if depth == 1 else "two")
