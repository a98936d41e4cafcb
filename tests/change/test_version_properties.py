"""Whatever happened on the default branch: a version is never compared with itself, and no tag hides a branch."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import Repository

from evalgate.change import versions
from evalgate.domain import Gate
from evalgate.errors import GitError, InputError
from evalgate.inputs.prompts import parse_prompt
from evalgate.inputs.tree import WorkTree
from evalgate.services.git import Git

NAMES = ("p.prompt.yml", "q.prompt.yml")
TEXTS = ("One {{query}}", "One  {{query}}", "Two {{query}}", "Three {{query}}", None)


def content(text: str | None) -> str:
    return "messages: [broken" if text is None else f'messages:\n  - {{role: user, content: "{text}"}}\n'


def mark(text: str) -> str:
    return parse_prompt(content(text).encode(), "p.prompt.yml", "here").normalized_digest


@pytest.fixture
def new_repository(tmp_path: Path) -> Callable[[], Repository]:
    made: list[Path] = []

    def new() -> Repository:
        made.append(tmp_path / f"r{len(made)}")
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(made[-1])], check=True)
        return Repository(made[-1].resolve())

    return new


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5),
    moved=st.booleans(),
    tagged=st.booleans(),
    named=st.sampled_from([None, "main", "refs/heads/main"]),
)
def test_the_baseline_of_the_default_branch_is_the_last_other_content(
    new_repository: Callable[[], Repository], texts: list[str | None], moved: bool, tagged: bool, named: str | None
) -> None:
    repository, name = new_repository(), NAMES[0]
    for number, text in enumerate(texts):
        if moved and number == len(texts) - 1 and number:
            (repository.root / NAMES[0]).rename(repository.root / NAMES[1])
            repository.commit("moved")
            name = NAMES[1]
        repository.write(name, content(text))
        repository.commit(f"{number}")
        if tagged and number == 0:
            repository.git("tag", "main")
    gate = Gate(name="g", prompt=name, dataset="d", candidate_target="t", baseline_target="t")
    last = texts[-1]
    others = [mark(text) for text in texts if text is not None and last is not None and mark(text) != mark(last)]
    git = Git.open(repository.root)
    try:
        found = versions.resolve(gate, WorkTree(repository.root), git, default_branch=named)
    except InputError:
        assert last is None
    except GitError as error:
        assert "no earlier version to compare with" in str(error)
        assert not others
    else:
        assert found.baseline is not None
        assert found.baseline.normalized_digest == others[-1]
        assert found.since is not None and git.exists(found.since, found.baseline.path)
