"""Which refs a hook looks at, from git's lines, pre-commit's variables and the current branch."""

from __future__ import annotations

import pytest
from repository import Repository

from evalgate.change.pushed_refs import Pushed, find_pushed
from evalgate.errors import GitError
from evalgate.services.git import Git
from evalgate.services.git_hooks import Push

ZEROS = "0" * 40


def find(repository: Repository, lines: str | None = "", **environment: str) -> Pushed:
    return find_pushed(Git.open(repository.root), environment, lines)


def test_the_lines_of_git_are_taken_as_they_are(repository: Repository) -> None:
    sha = repository.commit()
    lines = f"refs/heads/a {sha} refs/heads/b {ZEROS}\nrefs/heads/c {sha} refs/heads/d {ZEROS}\n"
    found = find(repository, lines)
    assert [push.remote for push in found.refs] == ["refs/heads/b", "refs/heads/d"] and found.said == ()
    with pytest.raises(GitError, match="not an input line"):
        find(repository, "something else\n")


@pytest.mark.parametrize("lines", ["", None])
def test_without_lines_the_current_branch_is_looked_at_and_named(repository: Repository, lines: str | None) -> None:
    repository.commit()
    found = find(repository, lines)
    assert found.refs == (Push(local="HEAD", sha="HEAD", remote="main"),)
    assert "looking at main" in found.said[0]
    repository.git("switch", "--quiet", "--detach")
    assert "looking at HEAD" in find(repository, lines).said[0]


def test_what_is_pushed_already_is_not_looked_at_and_that_is_said(repository: Repository, tmp_path) -> None:
    repository.commit()
    repository.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    repository.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    repository.git("push", "--quiet", "--set-upstream", "origin", "main")
    found = find(repository)
    assert found.refs == () and "the upstream of main has all its commits" in found.said[0]


def test_without_a_commit_there_is_nothing_to_look_at(repository: Repository) -> None:
    found = find(repository)
    assert found.refs == () and "nothing was looked at" in found.said[0]


def test_pre_commit_names_one_ref_and_standard_input_the_others(repository: Repository) -> None:
    sha = repository.commit()
    repository.git("switch", "--quiet", "--create", "other")
    more = repository.commit()
    named = {"PRE_COMMIT": "1", "PRE_COMMIT_TO_REF": sha, "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/work"}
    found = find(repository, **named)
    assert [push.sha for push in found.refs] == [sha]
    assert "names one ref of a push, work; not looked at, if also pushed: other" in found.said[0]
    both = find(repository, f"refs/heads/other {more} refs/heads/other {ZEROS}\n", **named)
    assert [push.sha for push in both.refs] == [sha, more] and both.said == ()
    first = find(repository, PRE_COMMIT="1", PRE_COMMIT_LOCAL_BRANCH="refs/heads/main")
    assert [push.sha for push in first.refs] == ["refs/heads/main"]


def test_pre_commit_without_a_push_is_like_no_lines_whatever_the_input_is(repository: Repository) -> None:
    repository.commit()
    for lines in ("", None, "something else\n"):
        assert "looking at main" in find(repository, lines, PRE_COMMIT="1").said[0]


def test_only_a_few_other_branches_are_named(repository: Repository) -> None:
    sha = repository.commit()
    for number in range(5):
        repository.git("switch", "--quiet", "--create", f"b{number}", "main")
        repository.commit(str(number))
    assert find(repository, PRE_COMMIT="1", PRE_COMMIT_TO_REF=sha).said[0].endswith("b0, b1, b2 and 2 more")
