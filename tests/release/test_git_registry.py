from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from release.documents import AT, make_document, make_entry, make_version
from release.registry_suite import RegistryPlace, RegistrySuite, Sequel
from repository import Repository

from evalgate.commands.release.verify import verify_ledgers
from evalgate.errors import InputError
from evalgate.release import git_registry
from evalgate.release.git_registry import BRANCH, GitRegistry, name_file, open_git_registry
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, promote_version
from evalgate.release.registry import RaceLostError, RegistryError, append_document

pytestmark = pytest.mark.usefixtures("git_environment")


def git(folder: Path, *arguments: str, data: bytes = b"") -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


def make_remote(folder: Path) -> Path:
    remote = folder / "remote.git"
    git(folder, "init", "--quiet", "--bare", str(remote))
    git(remote, "config", "receive.fsckObjects", "true")
    return remote


def commit_by_hand(remote: Path, entry: str, message: str = "by hand") -> str:
    """Commit an entry of `git update-index --index-info` onto the branch, and return the sha."""
    index = {**os.environ, "GIT_INDEX_FILE": str(remote / "by-hand.index")}

    def run(*arguments: str, data: str = "") -> str:
        command = ["git", "-C", str(remote), *arguments]
        return subprocess.run(command, input=data, capture_output=True, text=True, check=True, env=index).stdout.strip()

    run("read-tree", BRANCH)
    run("update-index", "--index-info", data=entry)
    made = run("commit-tree", run("write-tree"), "-p", BRANCH, "-m", message)
    run("update-ref", f"refs/heads/{BRANCH}", made)
    return made


class GitPlace:
    keys = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = make_remote(folder)
        self.url = "git:remote.git"

    def write_by_hand(self, name: str, data: bytes) -> None:
        oid = git(self.remote, "hash-object", "-w", "--stdin", data=data)
        commit_by_hand(self.remote, f"100644 {oid}\t{name_file(name)}\n")


class TestGitRegistry(RegistrySuite):
    machine_settings: ClassVar[settings] = settings(max_examples=5, stateful_step_count=12)
    kill_after: ClassVar[float] = 0.25

    @pytest.fixture
    def place(self, tmp_path: Path) -> RegistryPlace:
        return GitPlace(tmp_path)

    def make_place(self, folder: Path) -> RegistryPlace:
        return GitPlace(folder)

    @pytest.mark.parametrize(
        "kills", [pytest.param(6, id="short"), pytest.param(40, id="long", marks=pytest.mark.long)]
    )
    def test_a_process_that_is_killed_leaves_the_state_before_or_after(self, place: RegistryPlace, kills: int) -> None:
        # a server of its own, as every real one: a kill of a client with its processes does not end it
        assert isinstance(place, GitPlace)
        with serve(place):
            super().test_a_process_that_is_killed_leaves_the_state_before_or_after(place, kills)


class serve:  # noqa: N801
    """Serve a remote by git's own server, on loopback, and change the URL of its place to it."""

    def __init__(self, place: GitPlace) -> None:
        self._place = place

    def __enter__(self) -> None:
        program = Path(git(self._place.folder, "--exec-path")) / "git-daemon"
        if not program.is_file():
            pytest.skip("this git has no git-daemon")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(program), "--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1"]
        command += [f"--port={port}", f"--base-path={self._place.folder}", str(self._place.folder)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        self._place.url = f"git:git://127.0.0.1:{port}/remote.git"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def place(tmp_path: Path) -> GitPlace:
    return GitPlace(tmp_path)


@pytest.fixture
def registry(place: GitPlace) -> GitRegistry:
    return open_git_registry("remote.git", place.folder)


@pytest.fixture
def clone(place: GitPlace, repository: Repository) -> Repository:
    """A working repository with a remote `origin`, a staged file and one that git does not know."""
    repository.commit("one", **{"prompt.yml": "a"})
    repository.git("remote", "add", "origin", str(place.remote))
    repository.git("push", "--quiet", "origin", "main")
    repository.write("prompt.yml", "staged")
    repository.git("add", "prompt.yml")
    repository.write("prompt.yml", "changed")
    repository.write("unknown.txt", "unknown")
    return repository


def test_nothing_of_a_clone_changes_but_its_objects(clone: Repository, place: GitPlace) -> None:
    hook = clone.write(".git/hooks/pre-push", "#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)

    def look() -> list[object]:
        files = [path for path in sorted(clone.root.rglob("*")) if path.is_file() and "objects" not in path.parts]
        return [(path, path.read_bytes()) for path in files]

    before = look()
    registry = open_git_registry("origin", clone.root)
    version = make_version()
    Sequel(registry).publish(version)
    stored = Sequel(registry).promote(version, "staging")
    assert registry.read("support") == stored and len(list(registry.history("support"))) == 2
    assert look() == before
    assert git(place.remote, "for-each-ref", "--format=%(refname)").split() == [
        f"refs/heads/{BRANCH}",
        "refs/heads/main",
    ]
    # another clone reads what this one has written, and a plain fetch gets it as any branch
    clone.git("fetch", "--quiet", "origin")
    assert clone.git("show", f"origin/{BRANCH}:support.json").encode() + b"\n" == stored.data


@pytest.mark.parametrize("setting", ["push.followTags=true", "push.gpgSign=true", "fetch.prune=true",
                                     "push.recurseSubmodules=only", "commit.gpgSign=true", "i18n.commitEncoding=latin1",
                                     "fetch.recurseSubmodules=true", "core.hooksPath=hooks"])  # fmt: skip
def test_settings_of_a_user_do_not_matter(clone: Repository, setting: str) -> None:
    clone.git("config", *setting.split("="))
    clone.git("tag", "-a", "v1", "-m", "a tag")
    registry = open_git_registry("origin", clone.root)
    stored = Sequel(registry, "grüße").publish(make_version())
    assert open_git_registry("origin", clone.root).read("grüße") == stored
    assert clone.git("ls-remote", "--tags", "origin") == ""


def test_the_log_is_readable(registry: GitRegistry, place: GitPlace) -> None:
    first, second = make_version("1.0.0"), make_version("1.2.0")
    sequel = Sequel(registry)
    sequel.publish(first)
    sequel.publish(second)
    sequel.promote(second, "staging", why="A reason\nof two lines.\n\nSigned-off-by: nobody")
    log = git(place.remote, "log", "--format=%s|%an <%ae>|%ad", "--date=iso-strict", BRANCH).splitlines()
    assert log == [
        "support: promote 1.2.0 to staging (revision 3)|ada <evalgate@localhost>|2026-11-29T12:00:00+00:00",
        "support: publish 1.2.0 (revision 2)|ada <evalgate@localhost>|2026-11-29T12:00:00+00:00",
        "support: publish 1.0.0 (revision 1)|ada <evalgate@localhost>|2026-11-29T12:00:00+00:00",
    ]
    assert git(place.remote, "log", "-1", "--format=%b", BRANCH) == "A reason of two lines. Signed-off-by: nobody"
    assert git(place.remote, "ls-tree", "-r", "--name-only", BRANCH).split() == [
        "support.json",
        *sorted(f"versions/support/{one.digest}.json" for one in (first, second)),
    ]


@pytest.mark.parametrize(("who", "author"), [
    ("Ada Lovelace <ada@example.com>", "Ada Lovelace <ada@example.com>"),
    ("ada", "ada <evalgate@localhost>"),
    ("github-actions[bot]", "github-actions[bot] <evalgate@localhost>"),
    ("<>", "evalgate <evalgate@localhost>"),
    ("...", "evalgate <evalgate@localhost>"),
    ("a\nb <x> \x00\x1b[31m <c@d>", "a b x [31m c@d <evalgate@localhost>"),
    ("-- <-f@x>", "-- <-f@x>"),
])  # fmt: skip
def test_the_author_is_who_the_entry_names(registry: GitRegistry, place: GitPlace, who: str, author: str) -> None:
    registry.append(make_document(make_version(), entry=make_entry(who=who, why="\0 \x1b[31m\u202e")))
    found = git(place.remote, "log", "-1", "--format=%an <%ae>", BRANCH)
    assert " ".join(found.split()) == author
    assert "\x1b" not in git(place.remote, "log", "-1", BRANCH)


@pytest.mark.parametrize(("at", "seconds"), [
    ("2026-11-29T12:00:00.123456Z", 1795953600), ("0001-01-01T00:00:00Z", 0), ("2026-13-45T99:00:00Z", 0),
    ("9999-12-31T23:59:59Z", 253402300799),
])  # fmt: skip
def test_a_time_that_git_does_not_read_is_no_reason_to_fail(
    registry: GitRegistry, place: GitPlace, at: str, seconds: int
) -> None:
    registry.append(make_document(make_version(), at=at))
    assert git(place.remote, "log", "-1", "--format=%at", BRANCH) == str(seconds)


def test_what_was_put_is_written_by_the_next_append_alone(registry: GitRegistry, place: GitPlace) -> None:
    version = make_version()
    registry.put(version, "support")
    assert git(place.remote, "for-each-ref") == ""
    assert registry.find_version("support", version.digest) == version
    assert open_git_registry("remote.git", place.folder).find_version("support", version.digest) is None
    # and by no document of another prompt
    Sequel(registry, "other").publish(make_version("2.0.0"))
    assert version.digest not in git(place.remote, "ls-tree", "-r", "--name-only", BRANCH)


def test_a_published_version_is_kept_also_if_its_process_ends_before_it_is_put(
    registry: GitRegistry, place: GitPlace
) -> None:
    one, two = make_version("1.0.0"), make_version("1.1.0")
    first = registry.append(make_document(one, entry=make_entry(target=one.digest)))
    registry.append(make_document(two, entry=make_entry(target=two.digest), previous=first.digest))
    assert open_git_registry("remote.git", place.folder).find_version("support", one.digest) == one


def test_a_branch_of_another_name(place: GitPlace) -> None:
    registry = open_git_registry("remote.git#team/prompts", place.folder)
    assert registry.url == "git:remote.git#team/prompts"
    Sequel(registry).publish(make_version())
    assert git(place.remote, "for-each-ref", "--format=%(refname)") == "refs/heads/team/prompts"
    assert open_git_registry("remote.git", place.folder).read("support") is None


@pytest.mark.parametrize("rest", ["origin#", "origin#a..b", "origin#-a", "origin#a b", "origin#a.lock", "origin#a/.b",
                                  "origin#a/", "#a", "--upload-pack=x", "a\nb"])  # fmt: skip
def test_what_git_does_not_allow_is_refused(rest: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be the branch|names no remote"):
        open_git_registry(rest, tmp_path)


def test_users_and_passwords_are_not_shown(tmp_path: Path) -> None:
    registry = open_git_registry("https://ada:s3cret@127.0.0.1:9/acme.git", tmp_path, token="t0ken")
    assert registry.url == "git:https://127.0.0.1:9/acme.git"
    with pytest.raises(RegistryError, match="git ls-remote failed") as refused:
        registry.read("support")
    assert "s3cret" not in str(refused.value) and "t0ken" not in str(refused.value)


@pytest.mark.parametrize("rest", ["origin", "nowhere/remote.git", "ssh://127.0.0.1:9/x", "ext::sh -c touch%20pwned"])
def test_a_remote_that_cannot_be_reached_is_told(tmp_path: Path, rest: str) -> None:
    registry = open_git_registry(rest, tmp_path)
    for use in (lambda: registry.read("support"), lambda: list(registry.history("support")), registry.list_names):
        with pytest.raises(RegistryError, match="failed: ") as refused:
            use()
        assert registry.url in str(refused.value)
    with pytest.raises(RegistryError):
        registry.append(make_document(make_version()))
    assert list(tmp_path.iterdir()) == []


def test_revisions_of_two_prompts_at_once_both_count(place: GitPlace) -> None:
    stored = {}

    def publish(name: str) -> None:
        registry = open_git_registry("remote.git", place.folder)
        for number in range(3):
            stored[name] = Sequel(registry, name).publish(make_version(f"1.{number}.0"))

    threads = [threading.Thread(target=publish, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registry = open_git_registry("remote.git", place.folder)
    assert registry.list_names() == ["a", "b", "c"]
    for name in "abc":
        assert registry.read(name) == stored[name]
        assert stored[name].document.revision == 3


def test_a_push_that_is_lost_to_another_prompt_is_repeated(
    place: GitPlace, registry: GitRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequel = Sequel(registry)
    sequel.publish(make_version())
    other = open_git_registry("remote.git", place.folder)
    pushed = git_registry.RemoteBranch.push
    interruptions = iter(["b", "c"])

    def push(self: git_registry.RemoteBranch, commit: str, expected: str | None) -> None:
        if self is registry._opened and (name := next(interruptions, None)):
            Sequel(other, name).publish(make_version())
        pushed(self, commit, expected)

    monkeypatch.setattr(git_registry.RemoteBranch, "push", push)
    assert sequel.promote(make_version(), "staging").document.revision == 2
    assert other.list_names() == ["b", "c", "support"]
    assert verify(other.history("support")) is None


def test_a_push_that_is_lost_to_the_same_prompt_names_the_winner(
    place: GitPlace, registry: GitRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = Sequel(registry).publish(make_version())
    other = open_git_registry("remote.git", place.folder)
    pushed = git_registry.RemoteBranch.push
    by = Actor(id="bob", who="bob", at=AT)

    def push(self: git_registry.RemoteBranch, commit: str, expected: str | None) -> None:
        monkeypatch.setattr(git_registry.RemoteBranch, "push", pushed)
        other.append(promote_version(last, make_version(), "canary", by, "first"))
        pushed(self, commit, expected)

    monkeypatch.setattr(git_registry.RemoteBranch, "push", push)
    with pytest.raises(RaceLostError, match=r"bob was faster: revision 2, promote canary"):
        Sequel(registry).promote(make_version(), "staging")
    assert len(list(registry.history("support"))) == 2


def test_pushes_that_are_lost_again_and_again_end(registry: GitRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> None:
        raise git_registry.PushLostError("the branch has moved")

    monkeypatch.setattr(git_registry.RemoteBranch, "push", lose)
    monkeypatch.setattr(git_registry, "_WAIT_SECONDS", 0)
    with pytest.raises(RegistryError, match="12 pushes were lost"):
        Sequel(registry).publish(make_version())


@pytest.mark.parametrize(("state", "is_written"), [("committed", True), ("prepared", False)])
def test_a_server_that_dies_in_the_middle_of_a_push(
    place: GitPlace, registry: GitRegistry, state: str, is_written: bool
) -> None:
    last = Sequel(registry).publish(make_version())
    hook = place.remote / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\n[ "$1" = {state} ] && kill -9 $PPID\nexit 0\n')
    hook.chmod(0o755)
    document = promote_version(last, make_version(), "staging", Actor(id="7", who="ada", at=AT), "why")
    if is_written:
        assert append_document(registry, document).document.revision == 2
    else:
        with pytest.raises(RegistryError):
            append_document(registry, document)
        assert registry.read("support") == last
    hook.unlink()
    for lock in place.remote.rglob("*.lock"):
        lock.unlink()
    assert append_document(registry, document).document.entry.id == "7"
    assert len(list(registry.history("support"))) == 2


def test_a_refusal_of_the_server_is_told_with_its_reason(place: GitPlace, registry: GitRegistry) -> None:
    hook = place.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'error: GH013: Repository rule violations found' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RegistryError, match=r"pre-receive hook declined\): error: GH013: Repository rule") as refused:
        Sequel(registry).publish(make_version())
    assert "let this account push to evalgate/releases" in str(refused.value)


def test_other_entries_of_the_branch_are_no_documents(place: GitPlace, registry: GitRegistry) -> None:
    stored = Sequel(registry).publish(make_version())
    oid = git(place.remote, "hash-object", "-w", "--stdin", data=stored.data)
    link = git(place.remote, "hash-object", "-w", "--stdin", data=b"support.json")
    for entry in ("README.md", "a b.json", "%zz.json", "%41.json", "folder/x.json", "%FF.json"):
        commit_by_hand(place.remote, f"100644 {oid}\t{entry}\n")
    commit_by_hand(place.remote, f"120000 {link}\tlink.json\n")
    commit_by_hand(place.remote, f"160000 {'1' * 40}\tmodule.json\n")
    assert registry.list_names() == ["support"]
    for name in ("link", "module"):
        with pytest.raises(RegistryError, match=f"{name} is not a regular file"):
            registry.read(name)
        found = verify(registry.history(name), name)
        assert found is not None and "are not a release document" in found.problem
    promoted = Sequel(registry).promote(make_version(), "staging")
    assert registry.read("support") == promoted
    kept = git(place.remote, "ls-tree", "--name-only", "-z", BRANCH).split("\0")
    assert {"README.md", "link.json", "module.json", "folder"} <= set(kept)


def test_a_file_that_is_too_large_is_not_read(place: GitPlace, registry: GitRegistry) -> None:
    Sequel(registry).publish(make_version())
    place.write_by_hand("support", b" " * (16 * 1024 * 1024 + 1))
    with pytest.raises(RegistryError, match="it may have 16,777,216"):
        registry.read("support")
    found = verify(registry.history("support"))
    assert found is not None and found.revision == 2


def test_a_version_that_was_edited_by_hand_is_told(place: GitPlace, registry: GitRegistry) -> None:
    one, two = make_version("1.0.0"), make_version("2.0.0")
    Sequel(registry).publish(one)
    Sequel(registry).publish(two)
    oid = git(place.remote, "rev-parse", f"{BRANCH}:versions/support/{two.digest}.json")
    commit_by_hand(place.remote, f"100644 {oid}\tversions/support/{one.digest}.json\n")
    with pytest.raises(RegistryError, match="is another version"):
        registry.find_version("support", one.digest)


def test_a_history_that_was_cut_by_force_breaks_the_ledger(place: GitPlace, registry: GitRegistry) -> None:
    sequel = Sequel(registry)
    sequel.publish(make_version())
    for label in ("staging", "canary"):
        sequel.promote(make_version(), label)
    tree = git(place.remote, "rev-parse", f"{BRANCH}^{{tree}}")
    root = git(place.remote, "commit-tree", tree, "-m", "start again")
    git(place.remote, "update-ref", f"refs/heads/{BRANCH}", root)
    found = verify(registry.history("support"))
    assert found is not None and found.revision == 3 and "is missing" in found.problem


def test_a_file_that_was_removed_by_hand_is_gone_and_its_history_stays(place: GitPlace, registry: GitRegistry) -> None:
    Sequel(registry).publish(make_version())
    commit_by_hand(place.remote, f"0 {'0' * 40}\tsupport.json\n")
    assert registry.read("support") is None and registry.list_names() == []
    assert len(list(registry.history("support"))) == 1
    Sequel(registry).publish(make_version("2.0.0"))
    found = verify(registry.history("support"))
    assert found is not None and "follows nothing" in found.problem


def test_of_a_merge_by_hand_only_the_states_of_the_branch_count(place: GitPlace, registry: GitRegistry) -> None:
    first = Sequel(registry).publish(make_version())
    base = git(place.remote, "rev-parse", BRANCH)
    Sequel(registry).promote(make_version(), "staging")
    side = Sequel(registry).promote(make_version(), "canary")
    other = git(place.remote, "rev-parse", BRANCH)
    tree = git(place.remote, "rev-parse", f"{BRANCH}^{{tree}}")
    merge = git(place.remote, "commit-tree", tree, "-p", base, "-p", other, "-m", "merge")
    git(place.remote, "update-ref", f"refs/heads/{BRANCH}", merge)
    assert list(registry.history("support")) == [first.data, side.data]
    found = verify(registry.history("support"))
    assert found is not None and "revisions between them are missing" in found.problem


def test_a_shallow_clone_of_the_branch_is_told(place: GitPlace, registry: GitRegistry, tmp_path: Path) -> None:
    Sequel(registry).publish(make_version())
    stored = Sequel(registry).promote(make_version(), "staging")
    here = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"--branch={BRANCH}", place.remote.as_uri(), str(here))
    shallow = open_git_registry("origin", here)
    assert shallow.read("support") == stored
    with pytest.raises(RegistryError, match="only the last commits") as refused:
        list(shallow.history("support"))
    assert "git fetch --unshallow" in str(refused.value)
    git(here, "fetch", "--quiet", "--unshallow")
    assert len(list(shallow.history("support"))) == 2


def test_a_shallow_clone_of_another_branch_has_the_whole_history(clone: Repository, place: GitPlace) -> None:
    registry = open_git_registry("origin", clone.root)
    Sequel(registry).publish(make_version())
    Sequel(registry).promote(make_version(), "staging")
    here = place.folder / "shallow"
    git(place.folder, "clone", "--quiet", "--depth=1", "--branch=main", place.remote.as_uri(), str(here))
    assert len(list(open_git_registry("origin", here).history("support"))) == 2
    assert git(here, "rev-parse", "--is-shallow-repository") == "true"


def test_a_partial_clone_reads_and_writes(clone: Repository, place: GitPlace) -> None:
    git(place.remote, "config", "uploadpack.allowFilter", "true")
    registry = open_git_registry("origin", clone.root)
    Sequel(registry).publish(make_version())
    here = place.folder / "partial"
    git(place.folder, "clone", "--quiet", "--filter=blob:none", "--branch=main", place.remote.as_uri(), str(here))
    partial = open_git_registry("origin", here)
    stored = Sequel(partial).promote(make_version(), "staging")
    assert registry.read("support") == stored
    assert len(list(partial.history("support"))) == 2


def test_a_hook_of_another_repository_does_not_matter(
    place: GitPlace, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    monkeypatch.setenv("GIT_INDEX_FILE", str(outside / "index"))
    registry = open_git_registry(str(place.remote), outside)
    Sequel(registry).publish(make_version())
    assert registry.list_names() == ["support"]
    assert list(outside.iterdir()) == []


def test_an_append_takes_well_under_a_second(registry: GitRegistry) -> None:
    sequel = Sequel(registry)
    sequel.publish(make_version())
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        sequel.promote(make_version(), "staging")
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[2] < 1


def test_a_file_name_is_plain() -> None:
    assert [name_file(one) for one in ("support", "a/b", ".", "a b", "é", "..x", "~a")] == [
        "support.json", "a%2Fb.json", "%2E.json", "a%20b.json", "%C3%A9.json", "%2E.x.json", "~a.json",
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["link", "module", "large"])
def test_a_revision_that_is_no_document_is_the_break_of_its_ledger(
    place: GitPlace, registry: GitRegistry, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequel = Sequel(registry)
    first = sequel.publish(make_version())
    monkeypatch.setattr(git_registry, "LARGEST", 20_000)
    oid = git(place.remote, "hash-object", "-w", "--stdin", data=first.data + b" " * 20_000)
    entry = {"link": f"120000 {oid}", "module": f"160000 {'1' * 40}", "large": f"100644 {oid}"}[what]
    commit_by_hand(place.remote, f"{entry}\tsupport.json\n")
    place.write_by_hand("support", first.data)
    promoted = sequel.promote(make_version(), "staging")
    (broken,) = verify_ledgers(registry)
    assert broken.first_break is not None and broken.first_break.startswith("revision 2: the bytes are not a release")
    assert broken.revisions == 4 and registry.read("support") == promoted
