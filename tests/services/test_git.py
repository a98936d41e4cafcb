"""Git as a source of facts, on real repositories."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalgate.errors import ExitCode, GitError
from evalgate.services import git_objects, git_process
from evalgate.services.git import Git


def opened(repository: Any) -> Git:
    return Git.open(repository.root)


def message(error: pytest.ExceptionInfo[GitError]) -> str:
    assert error.value.exit_code is ExitCode.USAGE
    return str(error.value)


def test_root_is_the_top_level_from_any_folder_below(repository: Any) -> None:
    repository.write("a/b/x.txt", "x")
    assert Git.open(repository.root / "a" / "b").root.samefile(repository.root)


def test_no_repository(tmp_path: Path, git_environment: None) -> None:
    with pytest.raises(GitError) as error:
        Git.open(tmp_path)
    assert "is not in a git repository" in message(error)
    assert Git.find(tmp_path) is None


def test_no_git_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError) as error:
        Git.open(tmp_path)
    assert "git is not installed" in message(error)
    assert Git.find(tmp_path) is None


def test_bare_repository(tmp_path: Path, git_environment: None) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "bare")], check=True)
    with pytest.raises(GitError, match="bare git repository"):
        Git.open(tmp_path / "bare")


def test_repository_of_another_user(repository: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError) as error:
        opened(repository)
    assert "does not trust" in message(error)
    assert "safe.directory" in message(error)


def test_before_the_first_commit(repository: Any) -> None:
    git = opened(repository)
    assert git.head() is None
    with pytest.raises(GitError, match="no commit yet"):
        git.resolve("HEAD")


def test_resolve_every_kind_of_name(repository: Any) -> None:
    first = repository.commit("one", a="1")
    repository.git("tag", "-a", "v1", "-m", "annotated")
    repository.git("branch", "side")
    second = repository.commit("two", a="2")
    git = opened(repository)
    names = ["v1", "side", "HEAD~1", "refs/heads/side", first, first[:9]]
    assert [git.resolve(name) for name in names] == [first] * len(names)
    assert git.resolve("HEAD") == git.resolve("main") == git.head() == second


@pytest.mark.parametrize(
    "ref", ["nowhere", "", "  ", "-n", "--help", "--upload-pack=touch x", "a\nHEAD", "a\0b", "HEAD:a", "HEAD blob 1"]
)
def test_unknown_ref_is_one_clear_error(repository: Any, ref: str) -> None:
    repository.commit("one", a="1")
    with pytest.raises(GitError, match="git knows no commit named"):
        opened(repository).resolve(ref)


def test_ref_that_begins_with_a_dash_is_a_ref(repository: Any) -> None:
    sha = repository.commit("one", a="1")
    repository.git("update-ref", "refs/heads/-n", sha)
    git = opened(repository)
    repository.commit("two", a="2")
    assert git.merge_base("refs/heads/-n", "HEAD") == sha


def test_detached_head(repository: Any) -> None:
    first = repository.commit("one", a="1")
    repository.commit("two", a="2")
    repository.git("checkout", "--quiet", "--detach", first)
    assert opened(repository).head() == first


@pytest.mark.parametrize(
    ("refs", "asked", "expected"),
    [
        (["refs/heads/main"], None, "refs/heads/main"),
        (["refs/heads/master"], None, "refs/heads/master"),
        (["refs/heads/main", "refs/remotes/origin/master"], None, "refs/remotes/origin/master"),
        (["refs/remotes/origin/main", "refs/remotes/origin/master"], None, "refs/remotes/origin/main"),
        (["refs/remotes/origin/main", "refs/heads/trunk"], "trunk", "refs/heads/trunk"),
        (["refs/remotes/origin/main", "refs/remotes/origin/trunk"], "trunk", "refs/remotes/origin/trunk"),
    ],
)
def test_default_branch(repository: Any, refs: list[str], asked: str | None, expected: str) -> None:
    sha = repository.commit("one", a="1")
    repository.git("checkout", "--quiet", "--detach")
    repository.git("branch", "-D", "main")
    for ref in refs:
        repository.git("update-ref", ref, sha)
    assert opened(repository).default_branch(asked) == expected


def test_default_branch_follows_origin_head(repository: Any) -> None:
    sha = repository.commit("one", a="1")
    repository.git("update-ref", "refs/remotes/origin/develop", sha)
    repository.git("update-ref", "refs/remotes/origin/main", sha)
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    assert opened(repository).default_branch() == "refs/remotes/origin/HEAD"
    repository.git("update-ref", "-d", "refs/remotes/origin/develop")
    assert opened(repository).default_branch() == "refs/remotes/origin/main"


def test_main_and_master_of_origin_are_not_guessed_between(repository: Any) -> None:
    repository.git("update-ref", "refs/remotes/origin/master", repository.commit("one", a="1"))
    repository.git("update-ref", "refs/remotes/origin/main", repository.commit("two", a="2"))
    with pytest.raises(GitError, match="has both main and master") as error:
        opened(repository).default_branch()
    assert "--default-branch" in message(error)
    assert opened(repository).default_branch("master") == "refs/remotes/origin/master"
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/master")
    assert opened(repository).default_branch() == "refs/remotes/origin/HEAD"


def test_a_branch_that_is_behind_origins_is_not_the_one_changes_are_merged_into(repository: Any) -> None:
    first = repository.commit("one", a="1")
    second = repository.commit("two", a="2")
    repository.git("checkout", "--quiet", "--detach")
    expected = {(first, second): "refs/remotes/origin/main", (second, first): "refs/heads/main"}
    for (local, origin), found in expected.items():
        repository.git("update-ref", "refs/heads/main", local)
        repository.git("update-ref", "refs/remotes/origin/main", origin)
        assert opened(repository).default_branch("main") == found
        assert opened(repository).default_branch("refs/heads/main") == "refs/heads/main"


@pytest.mark.parametrize("remote", ["origin", "upstream"])
@pytest.mark.parametrize("kind", ["heads", "tags"])
def test_what_is_named_like_a_branch_of_a_remote_does_not_hide_it(repository: Any, remote: str, kind: str) -> None:
    merged, mine = repository.commit("one", a="1"), repository.commit("two", a="2")
    repository.git("update-ref", f"refs/remotes/{remote}/main", merged)
    repository.git("update-ref", f"refs/{kind}/{remote}/main", mine)
    git = opened(repository)
    assert git.resolve(git.default_branch(f"{remote}/main")) == git.resolve(f"{remote}/main") == merged


@pytest.mark.parametrize("remote", ["origin", "upstream"])
@pytest.mark.parametrize("asked", [None, "main", "{remote}/main", "refs/heads/main", "refs/remotes/{remote}/main"])
@pytest.mark.parametrize(
    ("checkout", "expected"), [("main", True), ("--detach", True), ("-B work", False), ("-B team/main", False)]
)
def test_which_branch_is_checked_out(
    repository: Any, remote: str, asked: str | None, checkout: str, expected: bool
) -> None:
    sha = repository.commit("one", a="1")
    repository.git("update-ref", f"refs/remotes/{remote}/main", sha)
    repository.git("symbolic-ref", f"refs/remotes/{remote}/HEAD", f"refs/remotes/{remote}/main")
    repository.git("checkout", "--quiet", *checkout.split())
    assert opened(repository).is_on(asked and asked.format(remote=remote)) is expected


@pytest.mark.parametrize("asked", ["@", "HEAD~0", "@{{0}}", "{sha}", "v1", "work~0", "refs/heads/work^{{}}"])
def test_a_commit_that_is_no_branch_is_on_none(repository: Any, asked: str) -> None:
    """Its commit may be the one that is checked out: then a change would be compared with itself."""
    sha = repository.commit("one", a="1")
    repository.git("tag", "v1")
    repository.git("checkout", "--quiet", "-B", "work")
    assert opened(repository).is_on(asked.format(sha=sha))


def test_the_parent_of_a_commit(repository: Any, tmp_path: Path) -> None:
    first, second = repository.commit("one", a="1"), repository.commit("two", a="2")
    assert (opened(repository).parent("HEAD"), opened(repository).parent(first)) == (first, None)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", repository.root.as_uri(), str(clone)], check=True)
    with pytest.raises(GitError, match=f"lacks the commit before {second[:7]}") as error:
        Git.open(clone).parent("HEAD")
    assert "fetch-depth: 0" in message(error)


def test_a_commit_has_its_own_parents_whatever_a_graft_says(repository: Any) -> None:
    base = repository.commit("base", a="1")
    repository.git("switch", "--quiet", "--create", "work")
    head = repository.commit("edit", a="2")
    other = repository.git("commit-tree", f"{head}^{{tree}}", "-m", "the same files")
    grafts = repository.root / ".git/info/grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{head} {other}\n{base} {other}\n")
    git = Git.open(repository.root)
    assert git.merge_base("work", "main") == base
    assert git.is_ancestor(base, head) and not git.is_ancestor(other, head)
    assert [commit for commit, _ in git.history("a", [head])] == [base, head]


def test_an_object_that_is_replaced_is_itself(repository: Any) -> None:
    repository.commit("one", a="good", b="bad")
    repository.git("replace", repository.git("rev-parse", "HEAD:b"), repository.git("rev-parse", "HEAD:a"))
    assert opened(repository).read("HEAD", "b") == b"bad"


def test_no_default_branch(repository: Any) -> None:
    repository.commit("one", a="1")
    repository.git("branch", "-m", "main", "work")
    with pytest.raises(GitError, match="--default-branch"):
        opened(repository).default_branch()
    with pytest.raises(GitError, match='no branch "trunk"'):
        opened(repository).default_branch("trunk")


def test_merge_base(repository: Any) -> None:
    fork = repository.commit("fork", a="1")
    repository.git("checkout", "--quiet", "-b", "work")
    head = repository.commit("work", a="2")
    repository.git("checkout", "--quiet", "main")
    repository.commit("main", b="3")
    git = opened(repository)
    assert git.merge_base("work", "main") == fork
    assert git.merge_base("work", head) == head
    repository.git("checkout", "--quiet", "--orphan", "island")
    repository.commit("island")
    with pytest.raises(GitError, match="island and main have no common history"):
        opened(repository).merge_base("island", "main")


@pytest.mark.parametrize("strategy", ["ours", "ort"])
def test_where_histories_cross_the_base_is_what_the_branch_itself_was(repository: Any, strategy: str) -> None:
    repository.commit("fork", a="1")
    repository.git("checkout", "--quiet", "-b", "work")
    change = repository.commit("work", a="2")
    repository.git("checkout", "--quiet", "main")
    before = repository.commit("main", b="3")
    repository.git("checkout", "--quiet", "work")
    repository.git("merge", "--quiet", "-m", "to work", before)
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "-s", strategy, "-m", "to main", change)
    assert set(repository.git("merge-base", "--all", "work", "main").split()) == {change, before}
    assert opened(repository).merge_base("work", "main") == before
    with pytest.raises(GitError, match="2 merge bases"):
        opened(repository).merge_base("work", "main", sole=True)


def test_shallow_clone_says_how_to_deepen(repository: Any, tmp_path: Path) -> None:
    repository.commit("fork", a="1")
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit("work", a="2")
    repository.git("checkout", "--quiet", "main")
    repository.commit("main", b="3")
    clone = tmp_path / "clone"
    url = repository.root.as_uri()
    subprocess.run(["git", "clone", "--quiet", "--depth=1", "--no-single-branch", url, str(clone)], check=True)
    git = Git.open(clone)
    assert git.shallow
    with pytest.raises(GitError) as error:
        git.merge_base("origin/work", "origin/main")
    assert "does not reach the merge base of origin/work and origin/main" in message(error)
    assert "fetch-depth: 0" in message(error) and "git fetch --unshallow" in message(error)
    with pytest.raises(GitError, match="fetch-depth: 0"):
        git.resolve("HEAD~1")
    tip = git.resolve("origin/main")
    assert git.history("b", [tip]) == [(tip, git.blob(tip, "b"))]


def test_read_gives_the_bytes_as_committed(repository: Any) -> None:
    content = bytes(range(256)) * 3 + b"no newline"
    repository.write("dir/with space/ünï *:[x].bin", content)
    sha = repository.commit()
    repository.write("dir/with space/ünï *:[x].bin", b"changed later")
    git = opened(repository)
    assert git.read("HEAD", "dir/with space/ünï *:[x].bin") == content
    assert git.read(sha[:8], "dir/with space/ünï *:[x].bin") == content


def test_read_of_nothing(repository: Any) -> None:
    sha = repository.commit("one", a="1")
    git = opened(repository)
    for path in ("b", "a/b", "../a", "/a", "", "./a"):
        assert not git.exists("HEAD", path)
        with pytest.raises(GitError, match=f"{sha[:7]}:.* does not exist"):
            git.read("HEAD", path)


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a privilege there")
@pytest.mark.parametrize("path", ["link", "folder/x"])
def test_symbolic_links_are_refused_anywhere_on_the_way(repository: Any, path: str) -> None:
    repository.write("real/x", "x")
    (repository.root / "link").symlink_to("real/x")
    (repository.root / "folder").symlink_to("real")
    repository.commit()
    git = opened(repository)
    assert git.exists("HEAD", path), "what is refused is not silently absent"
    with pytest.raises(GitError, match="is a symbolic link"):
        git.read("HEAD", path)


def test_submodules_and_folders_are_refused(repository: Any) -> None:
    sha = repository.commit("one")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{sha},module")
    repository.write("folder/x", "x")
    repository.git("add", "folder")
    repository.git("commit", "--quiet", "-m", "module")
    git = opened(repository)
    for path, reason in (("module", "a submodule"), ("module/x", "a submodule"), ("folder", "a folder")):
        assert git.exists("HEAD", path)
        with pytest.raises(GitError, match=reason):
            git.read("HEAD", path)


def test_blobs_in_one_go_and_a_missing_one(repository: Any) -> None:
    repository.write("empty", "")
    repository.write("big", b"x" * 3_000_000)
    repository.commit()
    git = opened(repository)
    ids = [git.blob("HEAD", "empty"), git.blob("HEAD", "big")]
    assert [len(data) for data in git.blobs([i for i in ids if i]).values()] == [0, 3_000_000]
    with pytest.raises(GitError, match="lacks the object"):
        git.blobs(["0" * 40])


def test_sha256_repository(tmp_path: Path, git_environment: None, repository: Any) -> None:
    root = tmp_path / "wide"
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(root)], check=True)
    repository.root = root
    repository.write("a/b", "wide")
    assert len(repository.commit()) == 64
    assert opened(repository).read("HEAD", "a/b") == b"wide"


def test_history_is_every_commit_that_touched_the_file_on_any_branch(repository: Any) -> None:
    one = repository.commit("one", p="1")
    repository.commit("other", q="1")
    repository.git("checkout", "--quiet", "-b", "work")
    two = repository.commit("two", p="2")
    back = repository.commit("back", p="1")
    repository.git("checkout", "--quiet", "main")
    git = opened(repository)
    blob = {text: git.working_blobs([name])[name] for text, name in (("1", "p"), ("1b", "q"))}["1"]
    assert git.history("p", ["HEAD"]) == [(one, blob)]
    found = git.history("p", ["HEAD", "work"])
    assert [commit for commit, _ in found] == [one, two, back]
    assert [git.blobs([oid])[oid] for _, oid in found] == [b"1", b"2", b"1"]


def test_history_sees_what_a_merge_dropped_and_what_a_merge_made(repository: Any) -> None:
    repository.commit("one", p="1\n")
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit("dropped", p="2\n")
    repository.git("checkout", "--quiet", "main")
    repository.commit("other", q="1")
    repository.git("merge", "--quiet", "--no-commit", "--strategy=ours", "work")
    repository.commit("merge that keeps ours")
    repository.git("checkout", "--quiet", "-b", "again")
    repository.commit("three", p="3\n")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-commit", "--no-ff", "again")
    repository.commit("evil merge", p="evil\n")
    git = opened(repository)

    def contents(first_parent: bool) -> set[bytes]:
        return set(git.blobs(oid for _, oid in git.history("p", ["HEAD"], first_parent=first_parent)).values())

    assert contents(False) == {b"1\n", b"2\n", b"3\n", b"evil\n"}
    assert contents(True) == {b"1\n", b"evil\n"}


def test_history_follows_exact_renames_back(repository: Any) -> None:
    a = repository.commit("a", old="content 1\n", gate_at_base="other\n")
    b = repository.commit("b", old="content 2\n")
    (repository.root / "prompts").mkdir()
    repository.git("mv", "old", "prompts/mid")
    c = repository.commit("c")
    repository.git("mv", "prompts/mid", "prompts/new")
    d = repository.commit("d")
    e = repository.commit("e", **{"prompts/new": "content 3\n"})
    found = opened(repository).history("prompts/new", ["HEAD"])
    assert [commit for commit, _ in found] == [a, b, c, d, e]


def test_history_survives_deletion_and_a_symbolic_link(repository: Any) -> None:
    one = repository.commit("one", p="1")
    repository.git("rm", "--quiet", "p")
    repository.commit("gone")
    two = repository.commit("again", p="2")
    assert [commit for commit, _ in opened(repository).history("p", ["HEAD"])] == [one, two]


TEXT = "".join(f"line {number} of a prompt that is long enough\n" for number in range(30))


def test_renamed_in_a_commit_with_an_edit(repository: Any) -> None:
    base = repository.commit("one", old=TEXT)
    repository.git("mv", "old", "new")
    head = repository.commit("two", new=TEXT + "one line more\n")
    git = opened(repository)
    assert git.find_renamed_from(base, "new") == "old"
    assert git.find_renamed_from(base, "new", commit=head) == "old"
    assert git.find_renamed_from(base, "other") is None


def test_renamed_and_staged_only(repository: Any) -> None:
    base = repository.commit("one", old=TEXT)
    repository.git("mv", "old", "new")
    repository.write("new", TEXT + "edited, not staged\n")
    assert opened(repository).find_renamed_from(base, "new") == "old"


def test_renamed_without_git_knowing(repository: Any) -> None:
    base = repository.commit("one", **{"a/p": TEXT, "b/other": TEXT})
    repository.write("c/p", TEXT)
    git = opened(repository)
    assert git.find_renamed_from(base, "c/p") is None, "both originals are still there: a copy"
    (repository.root / "a/p").unlink()
    (repository.root / "b/other").unlink()
    assert git.find_renamed_from(base, "c/p") == "a/p", "of two, the one with the same file name"
    repository.write("c/p", TEXT + "edited\n")
    assert git.find_renamed_from(base, "c/p") is None


def test_working_blobs_apply_the_filters_of_a_commit(repository: Any) -> None:
    repository.write(".gitattributes", "*.txt text\n")
    repository.write("p.txt", "one\ntwo\n")
    repository.commit()
    repository.write("p.txt", "one\r\ntwo\r\n")
    git = opened(repository)
    assert git.working_blobs(["p.txt", "absent"]) == {"p.txt": git.blob("HEAD", "p.txt")}


def test_nothing_is_ever_written(repository: Any) -> None:
    base = repository.commit("one", p=TEXT)
    repository.write("q", TEXT)
    os.utime(repository.root / "p", (1, 1))
    before = {path: path.stat().st_mtime_ns for path in (repository.root / ".git").rglob("*") if path.is_file()}
    git = opened(repository)
    git.history("p", ["HEAD"])
    git.find_renamed_from(base, "q")
    git.working_blobs(["p", "q"])
    git.merge_base("HEAD", git.default_branch())
    assert {p: p.stat().st_mtime_ns for p in (repository.root / ".git").rglob("*") if p.is_file()} == before


def test_a_killed_reader_is_started_again(repository: Any) -> None:
    repository.commit("one", p="1", q="2")
    git = opened(repository)
    assert git.read("HEAD", "p") == b"1"
    reader = git._objects._process
    assert reader is not None
    reader.kill()
    reader.wait()
    assert git.read("HEAD", "q") == b"2"


def test_the_reader_ends_with_its_owner(repository: Any) -> None:
    repository.commit("one", p="1")
    git = opened(repository)
    git.read("HEAD", "p")
    reader = git._objects._process
    del git
    gc.collect()
    assert reader is not None and reader.poll() is not None


def test_processes_of_an_ordinary_look_are_few(repository: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit("fork", p="1", q="2")
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit("work", q="3")
    started = []
    real = git_process.command_line

    def counted(folder: Path, arguments: Any) -> list[str]:
        started.append(arguments[0])
        return real(folder, arguments)

    for module in (git_objects, git_process):
        monkeypatch.setattr(module, "command_line", counted)
    git = opened(repository)
    base = git.merge_base("HEAD", git.default_branch())
    git.read(base, "p")
    git.read(base, "q")
    assert started == ["rev-parse", "cat-file", "merge-base"]


@pytest.mark.parametrize("tracked", ["store/verdicts/a.json", "Store/x", "store"])
def test_a_folder_is_tracked_by_any_file_of_it_whatever_its_case(repository: Any, tracked: str) -> None:
    repository.commit("one", **{tracked: "1", "storey/x": "2"})
    git = opened(repository)
    assert git.tracks(repository.root / "store")
    assert git.tracks(repository.root)
    assert not git.tracks(repository.root / "stor")
    assert not git.tracks(repository.root.parent)


def test_a_folder_in_a_submodule_or_behind_a_link_is_tracked(repository: Any, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    subprocess.run(["git", "init", "--quiet", str(inner)], check=True)
    (inner / "store").mkdir()
    (inner / "store" / "a.json").write_text("{}")
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
    subprocess.run(["git", "-C", str(inner), "add", "--all"], check=True)
    subprocess.run(["git", "-C", str(inner), *identity, "commit", "--quiet", "-m", "one"], check=True)
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.as_uri(), "cache")
    (repository.root / "link").symlink_to(tmp_path)
    repository.commit("two")
    git = opened(repository)
    assert git.tracks(repository.root / "cache" / "store")
    assert git.tracks(repository.root / "link" / "elsewhere")
