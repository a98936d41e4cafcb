"""Read and write one branch of a remote with plumbing: no checkout, no index, and no ref of the local repository."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalgate.errors import GitError
from evalgate.services.git_process import execute, first_line
from evalgate.services.git_remote import RemoteAccess, hide_users
from evalgate.services.git_trees import TREE, TreeEntry, read_entries

REGULAR = (0o100644, 0o100755)

_SECONDS = 30.0
_SILENT_SECONDS = 3.0
_READ_AT_ONCE = 50
_BYTES_AT_ONCE = 32 * 1024 * 1024
_STALE = ("stale info", "cannot lock ref", "failed to update ref", "fetch first", "non-fast-forward", "already exists")


class PushLostError(GitError):
    """A push that the remote refused because the branch has moved in the meantime, or another push holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAt:
    """A file of a commit: its mode, the id of its content, and the commit."""

    commit: str
    mode: int
    oid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The author of a commit, and the time in a form that git reads."""

    name: str
    email: str
    at: str


class RemoteBranch:
    """A branch of a remote, through the objects of a local repository, which gets what is fetched and written.

    No file of a work tree changes, nor the index or a ref. Each method raises GitError, also for a remote that does not
    answer within 30 seconds. `note` gets a sentence for a person after 3 of them.
    """

    def __init__(self, remote: RemoteAccess, branch: str, note: Callable[[str], None] = lambda text: None) -> None:
        self._remote = remote
        self._note = note
        self._ref = f"refs/heads/{branch}"

    def fetch(self) -> str | None:
        """Return the sha of the branch's last commit, whose history is here then; None if there is no such branch."""
        tip = self._find_tip()
        if tip is None or self._run(["cat-file", "-e", f"{tip}^{{commit}}"], good=(0, 1, 128)).returncode == 0:
            return tip
        command = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap="]
        command += ["--no-prune", "--no-recurse-submodules", "--no-filter"]
        self._run([*command, "--", self._remote.address, self._ref], is_remote=True)
        return tip

    def _find_tip(self) -> str | None:
        said = self._run(["ls-remote", "--quiet", "--", self._remote.address, self._ref], is_remote=True)
        for line in said.stdout.decode("utf-8", "replace").splitlines():
            sha, _, name = line.partition("\t")
            if name == self._ref:
                return sha
        return None

    def read_folder(self, commit: str, folder: str = "") -> dict[str, TreeEntry]:
        """Return the entries of a folder of a commit by name; empty if there is no such folder."""
        tree = self._find_tree(commit, folder)
        return {} if tree is None else self._read_tree(tree)

    def find_file(self, commit: str, path: str) -> FileAt | None:
        """Return what a commit has at a path, of any mode; None if there is nothing."""
        folder, _, name = path.rpartition("/")
        entry = self.read_folder(commit, folder).get(name)
        return None if entry is None else FileAt(commit=commit, mode=entry.mode, oid=entry.oid)

    def list_changes(self, commit: str, path: str) -> list[FileAt]:
        """Return what a path was in each commit that changed it, up to this commit, oldest first.

        Of a merge, only the first parent counts. Commits that removed the path are left out. Raises GitError as well if
        the clone is shallow, so that the first commits are missing.
        """
        self._require_all(commit)
        order = ["rev-list", "--first-parent", "--reverse", "--parents", commit, "--", path]
        commits = [row.split()[:2] for row in self._run(order).stdout.decode().splitlines()]
        data = "".join(f"{' '.join(row)}\n" for row in commits).encode()
        order = ["diff-tree", "--stdin", "--root", "--raw", "-z", "--no-renames", "--no-abbrev", "--", path]
        fields = self._run(order, data=data).stdout.split(b"\0")
        found, at = [], ""
        for field in fields:
            if not field.startswith(b":"):
                at = field.decode().strip() if re.fullmatch(rb"\s*[0-9a-f]{40,64}\s*", field) else at
                continue
            _, mode, _, oid, status = field[1:].decode().split(" ")
            if status != "D":
                found.append(FileAt(commit=at, mode=int(mode, 8), oid=oid))
        return found

    def _require_all(self, commit: str) -> None:
        place = os.fsdecode(self._run(["rev-parse", "--git-path", "shallow"]).stdout).removesuffix("\n")
        file = self._remote.folder / place
        if not file.is_file():
            return
        order = ["rev-list", "--first-parent", "--max-parents=0", commit]
        if set(self._run(order).stdout.split()) & set(file.read_bytes().split()):
            raise GitError("this clone has only the last commits of the branch", hint="git fetch --unshallow")

    def find_too_large(self, oids: Sequence[str], most: int) -> dict[str, int]:
        """Return the files of more than `most` bytes by their ids, and their sizes."""
        sizes = self._measure(oids)
        return {oid: size for oid, size in zip(oids, sizes, strict=True) if size > most}

    def read_contents(self, oids: Sequence[str], most: int) -> Iterator[bytes]:
        """Yield contents of files by their ids. Raises GitError for one of more than `most` bytes, and reads none."""
        sizes = self._measure(oids)
        for oid, size in zip(oids, sizes, strict=True):
            if size > most:
                raise GitError(f"the file {oid[:12]} has {size:,} bytes; it may have {most:,}")
        waiting: list[tuple[str, int]] = []
        for oid, size in zip(oids, sizes, strict=True):
            waiting.append((oid, size))
            if len(waiting) >= _READ_AT_ONCE or sum(one for _, one in waiting) >= _BYTES_AT_ONCE:
                yield from self._read_some(waiting)
                waiting = []
        yield from self._read_some(waiting)

    def _measure(self, oids: Sequence[str]) -> list[int]:
        """Return the sizes of files."""
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        rows = self._run(["cat-file", "--batch-check"], data=asked).stdout.decode().splitlines() if oids else []
        sizes = []
        for oid, row in zip(oids, rows, strict=True):
            words = row.split()
            if len(words) != 3 or words[1] != "blob":
                raise GitError(f"the object {oid[:12]} is missing, or is not a file", hint="git fsck")
            sizes.append(int(words[2]))
        return sizes

    def _read_some(self, measured: Sequence[tuple[str, int]]) -> Iterator[bytes]:
        if not measured:
            return
        data = self._run(["cat-file", "--batch"], data="".join(f"{oid}\n" for oid, _ in measured).encode()).stdout
        at = 0
        for _, size in measured:
            at = data.index(b"\n", at) + 1
            yield data[at : at + size]
            at += size + 1

    def write_content(self, data: bytes) -> str:
        """Write the content of a file and return its id."""
        return self._run(["hash-object", "-w", "-t", "blob", "--stdin"], data=data).stdout.decode().strip()

    def commit(self, parent: str | None, files: Mapping[str, str], message: str, author: Signature) -> str:
        """Write a commit on top of a parent, with these files (paths to ids of contents), and return its sha."""
        tree = None if parent is None else self._find_tree(parent, "")
        for path, oid in files.items():
            tree = self._replace(tree, path.split("/"), TreeEntry(REGULAR[0], oid))
        assert tree is not None
        names = {"NAME": author.name, "EMAIL": author.email}
        given = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in names.items()}
        given["GIT_AUTHOR_DATE"] = author.at
        order = ["-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, *(["-p", parent] if parent else [])]
        return self._run(order, data=message.encode(), extra=given).stdout.decode().strip()

    def _replace(self, tree: str | None, path: Sequence[str], entry: TreeEntry) -> str:
        """Write a tree with one entry replaced, and return its id."""
        entries = {} if tree is None else self._read_tree(tree)
        name, *rest = path
        if rest:
            below = entries.get(name)
            inner = self._replace(below.oid if below is not None and below.mode == TREE else None, rest, entry)
            entry = TreeEntry(TREE, inner)
        entries[name] = entry
        kinds = {0o040000: "tree", 0o160000: "commit"}
        rows = (f"{one.mode:06o} {kinds.get(one.mode, 'blob')} {one.oid}\t{key}\0" for key, one in entries.items())
        return self._run(["mktree", "-z", "--missing"], data=os.fsencode("".join(rows))).stdout.decode().strip()

    def push(self, commit: str, expected: str | None) -> None:
        """Make a commit the branch's last one, if the last one is still the expected one (None: no branch yet).

        Raises PushLostError if it is not. After any other error it is not known whether the branch has moved.
        """
        command = ["push", "--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"]
        command += [f"--force-with-lease={self._ref}:{expected or ''}", "--", self._remote.push_address]
        done = self._run([*command, f"{commit}:{self._ref}"], is_remote=True, good=None)
        if done.returncode == 0:
            return
        refused = next(
            (row for row in done.stdout.decode("utf-8", "replace").splitlines() if row.startswith("!")), None
        )
        if refused is None:
            raise self._make_error("push", done.stderr)
        reason = refused.rpartition("\t")[2]
        tip = self._find_tip()
        if tip != expected or any(one in reason for one in _STALE):
            raise PushLostError(f"the branch has moved: {reason}")
        said = done.stderr.decode("utf-8", "replace").splitlines()
        told = next((f": {row[8:].strip()}" for row in said if row.startswith("remote: ") and row[8:].strip()), "")
        raise GitError(
            self._remote.hide_secrets(f"the remote refuses the push: {reason}{told}"),
            hint=f"let this account push to {self._ref.removeprefix('refs/heads/')}: see the rules of the repository",
        )

    def _find_tree(self, commit: str, folder: str) -> str | None:
        done = self._run(["rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}"])
        tree = done.stdout.decode().strip()
        for part in folder.split("/") if folder else ():
            entry = self._read_tree(tree).get(part)
            if entry is None or entry.mode != TREE:
                return None
            tree = entry.oid
        return tree

    def _read_tree(self, tree: str) -> dict[str, TreeEntry]:
        data = self._run(["cat-file", "tree", tree]).stdout
        with contextlib.suppress(ValueError):
            return read_entries(data, id_bytes=len(tree) // 2)
        raise GitError(f"the folder {tree[:12]} is damaged", hint="git fsck")

    def _run(
        self,
        arguments: Sequence[str],
        *,
        data: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        is_remote: bool = False,
        good: tuple[int, ...] | None = (0,),
    ) -> subprocess.CompletedProcess[bytes]:
        surroundings = {**self._remote.environment, **(extra or {})}
        seconds = _SECONDS if is_remote else None
        with self._tell_waiting(arguments[0]) if is_remote else contextlib.nullcontext():
            done = execute(self._remote.folder, arguments, data, surroundings=surroundings, seconds=seconds)
        if good is not None and done.returncode not in good:
            raise self._make_error(next(one for one in arguments if one[0] != "-"), done.stderr)
        return done

    @contextlib.contextmanager
    def _tell_waiting(self, command: str) -> Iterator[None]:
        address = hide_users(self._remote.push_address)
        text = f"waiting for {address} (git {command}), for {_SECONDS:.0f} seconds at most"
        timer = threading.Timer(_SILENT_SECONDS, self._note, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _make_error(self, command: str, stderr: bytes) -> GitError:
        rows = stderr.decode("utf-8", "replace").splitlines()
        said = first_line("\n".join(row for row in rows if not row.lower().startswith("warning:")))
        return GitError(self._remote.hide_secrets(f"git {command} failed: {said}"))
