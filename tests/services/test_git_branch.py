from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from repository import Repository

from evalgate.errors import GitError
from evalgate.services import git_branch
from evalgate.services.git_branch import PushLostError, RemoteBranch, Signature
from evalgate.services.git_remote import open_remote

ADA = Signature(name="Ada", email="ada@example.com", at="2026-11-29T12:00:00Z")


@pytest.fixture
def remote(repository: Repository, tmp_path: Path) -> Repository:
    """A bare repository, which is the remote `origin` of the repository."""
    place = tmp_path / "remote.git"
    repository.git("init", "--quiet", "--bare", str(place))
    repository.git("remote", "add", "origin", str(place))
    return Repository(place)


@pytest.fixture
def branch(repository: Repository, remote: Repository) -> RemoteBranch:
    return RemoteBranch(open_remote("origin", repository.root), "a/branch")


def write(branch: RemoteBranch, files: dict[str, bytes], message: str = "a message") -> str:
    """Push a commit with these files onto the branch, and return its sha."""
    tip = branch.fetch()
    oids = {path: branch.write_content(data) for path, data in files.items()}
    commit = branch.commit(tip, oids, message, ADA)
    branch.push(commit, tip)
    return commit


def test_a_branch_that_is_not_there_has_no_tip(branch: RemoteBranch, repository: Repository) -> None:
    assert branch.fetch() is None
    repository.commit("one")
    repository.git("push", "--quiet", "origin", "HEAD:refs/heads/x/refs/heads/a/branch")
    assert branch.fetch() is None


def test_files_are_written_in_folders_and_the_others_stay(branch: RemoteBranch, remote: Repository) -> None:
    first = write(branch, {"a": b"1", "d/e/f": b"\0\xff\n", "d/x": b""})
    second = write(branch, {"a": b"2", "d/e/g": b"3"})
    assert remote.git("rev-parse", "a/branch", "a/branch^").split() == [second, first]
    assert remote.git("ls-tree", "-r", "--name-only", "a/branch").split() == ["a", "d/e/f", "d/e/g", "d/x"]
    assert remote.git("cat-file", "-p", "a/branch:a") == "2"
    assert set(branch.read_folder(second)) == {"a", "d"} and set(branch.read_folder(second, "d/e")) == {"f", "g"}
    assert branch.read_folder(second, "a") == branch.read_folder(second, "no/such") == {}
    found = branch.find_file(second, "d/e/f")
    assert found is not None and list(branch.read_contents([found.oid], 3)) == [b"\0\xff\n"]
    assert branch.find_file(second, "d/e/none") is branch.find_file(second, "a/x") is None
    remote.git("fsck", "--strict")


def test_a_file_in_place_of_a_folder_and_the_other_way_round(branch: RemoteBranch) -> None:
    write(branch, {"a": b"1", "b/c": b"2"})
    tip = write(branch, {"a/x": b"3", "b": b"4"})
    assert set(branch.read_folder(tip, "a")) == {"x"} and branch.read_folder(tip, "b") == {}


def test_a_commit_has_its_author_message_and_time(branch: RemoteBranch, remote: Repository) -> None:
    write(branch, {"a": b"1"}, "grüße\n\n# no comment\n")
    shown = remote.git("log", "-1", "--format=%an <%ae> %at %cn%n%B", "a/branch")
    assert shown == "Ada <ada@example.com> 1795953600 Ada\ngrüße\n\n# no comment"


def test_changes_are_listed_oldest_first_with_their_commits(branch: RemoteBranch) -> None:
    first = write(branch, {"a": b"1", "b": b"1"})
    write(branch, {"b": b"2"})
    third = write(branch, {"a": b"3"})
    changes = branch.list_changes(third, "a")
    assert [one.commit for one in changes] == [first, third]
    assert list(branch.read_contents([one.oid for one in changes], 10)) == [b"1", b"3"]
    assert branch.list_changes(third, "none") == []
    assert branch.list_changes(first, "a") == changes[:1]


def test_many_contents_are_read_in_parts(branch: RemoteBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [b"x" * number + b"\n" for number in range(7)]
    oids = [branch.write_content(data) for data in contents]
    monkeypatch.setattr(git_branch, "_READ_AT_ONCE", 3)
    assert list(branch.read_contents(oids, 10)) == contents
    monkeypatch.setattr(git_branch, "_BYTES_AT_ONCE", 2)
    assert list(branch.read_contents(oids * 2, 10)) == contents * 2
    assert list(branch.read_contents([], 10)) == []
    with pytest.raises(GitError, match="has 7 bytes; it may have 6"):
        list(branch.read_contents(oids, 6))
    with pytest.raises(GitError, match="is missing, or is not a file"):
        list(branch.read_contents(["1" * 40], 6))


@pytest.mark.parametrize("is_new", [True, False])
def test_a_push_needs_the_expected_tip(branch: RemoteBranch, remote: Repository, is_new: bool) -> None:
    tip = None if is_new else write(branch, {"a": b"0"})
    mine, theirs = (branch.commit(tip, {"a": branch.write_content(text)}, "one", ADA) for text in (b"1", b"2"))
    branch.push(theirs, tip)
    with pytest.raises(PushLostError, match="the branch has moved"):
        branch.push(mine, tip)
    assert remote.git("rev-parse", "a/branch") == theirs == branch.fetch()
    # the same push again: its answer was lost
    branch.push(theirs, tip)


def test_a_push_does_not_bring_back_a_branch_that_was_deleted(branch: RemoteBranch, remote: Repository) -> None:
    tip = write(branch, {"a": b"0"})
    commit = branch.commit(tip, {"a": branch.write_content(b"1")}, "one", ADA)
    remote.git("update-ref", "-d", "refs/heads/a/branch")
    with pytest.raises(PushLostError):
        branch.push(commit, tip)


def test_a_push_that_another_one_holds_back_is_lost(branch: RemoteBranch, remote: Repository) -> None:
    tip = write(branch, {"a": b"0"})
    commit = branch.commit(tip, {"a": branch.write_content(b"1")}, "one", ADA)
    lock = remote.root / "refs" / "heads" / "a" / "branch.lock"
    lock.touch()
    with pytest.raises(PushLostError):
        branch.push(commit, tip)
    lock.unlink()
    branch.push(commit, tip)


def test_a_refused_push_is_no_lost_one(branch: RemoteBranch, remote: Repository) -> None:
    hook = remote.write("hooks/update", "#!/bin/sh\necho not you >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(
        GitError, match=r"the remote refuses the push: \[remote rejected\] \(hook declined\): .*not you"
    ) as refused:
        write(branch, {"a": b"0"})
    assert not isinstance(refused.value, PushLostError)


def test_what_is_here_is_not_fetched_again(
    branch: RemoteBranch, repository: Repository, remote: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = RemoteBranch(open_remote(str(remote.root), remote.root.parent), "a/branch")
    tip = write(elsewhere, {"a": b"0"})
    asked: list[str] = []
    real = git_branch.execute

    def note(folder: Path, arguments: list[str], *rest: object, **options: object) -> object:
        asked.append(arguments[0])
        return real(folder, arguments, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(git_branch, "execute", note)
    assert branch.fetch() == branch.fetch() == tip
    assert asked.count("fetch") == 1 and asked.count("ls-remote") == 2
    assert repository.git("for-each-ref") == ""
    assert not (repository.root / ".git" / "FETCH_HEAD").exists()


def test_a_remote_that_hangs_is_given_up(
    branch: RemoteBranch, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    repository.git("config", "remote.origin.uploadpack", str(slow))
    monkeypatch.setattr(git_branch, "_SECONDS", 0.3)
    with pytest.raises(GitError, match="git ls-remote did not end within"):
        branch.fetch()


def test_a_person_is_told_what_is_waited_for(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    repository.git("config", "remote.origin.uploadpack", str(slow))
    monkeypatch.setattr(git_branch, "_SECONDS", 0.6)
    monkeypatch.setattr(git_branch, "_SILENT_SECONDS", 0.1)
    told: list[str] = []
    branch = RemoteBranch(open_remote("origin", repository.root), "a/branch", told.append)
    with pytest.raises(GitError, match="did not end within"):
        branch.fetch()
    (text,) = told
    assert text.startswith("waiting for ") and "(git ls-remote), for 1 seconds at most" in text


def test_a_remote_that_answers_is_not_announced(remote: Repository) -> None:
    told: list[str] = []
    RemoteBranch(open_remote(str(remote.root), remote.root), "a/branch", told.append).fetch()
    assert told == []


def test_a_warning_is_not_the_reason(branch: RemoteBranch, repository: Repository, tmp_path: Path) -> None:
    noisy = tmp_path / "noisy"
    noisy.write_text(
        "#!/bin/sh\necho 'Warning: Permanently added x' >&2\necho 'Permission denied (publickey).' >&2\nexit 1\n"
    )
    noisy.chmod(0o755)
    repository.git("config", "remote.origin.uploadpack", str(noisy))
    with pytest.raises(GitError, match=r"git ls-remote failed: Permission denied \(publickey\)\.$"):
        branch.fetch()


def test_a_shallow_history_is_told(branch: RemoteBranch, remote: Repository, tmp_path: Path) -> None:
    for number in range(3):
        write(branch, {"a": str(number).encode()})
    here = tmp_path / "shallow"
    command = ["git", "clone", "--quiet", "--depth=1", "--branch=a/branch", remote.root.as_uri(), str(here)]
    subprocess.run(command, check=True, capture_output=True)
    shallow = RemoteBranch(open_remote("origin", here), "a/branch")
    tip = shallow.fetch()
    assert tip is not None
    with pytest.raises(GitError, match="only the last commits"):
        shallow.list_changes(tip, "a")
