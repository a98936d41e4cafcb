"""Read commits, files at commits, history and renames from git. Uses plumbing commands only; never writes.

Names of commits, paths and object ids go to one long-lived `git cat-file --batch` over its standard input. So a ref or
a path can never be taken for an option, and a run starts only a few processes. Trees are walked here, component by
component, because only a walk detects a symbolic link in the middle of a path.
"""

from __future__ import annotations

import operator
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from evalgate.errors import GitError
from evalgate.services import git_lfs
from evalgate.services.git_names import branch_of, find_meanings, fold_path, is_branch, shorten_name
from evalgate.services.git_objects import COMPLETE, AbsentError, ObjectReader, UnavailableError
from evalgate.services.git_process import execute, first_line
from evalgate.services.git_submodules import Submodules
from evalgate.services.git_trees import LINK, SUBMODULE, TREE, TreeEntry, find_renames, read_entries

DEEPEN = "fetch the history: `fetch-depth: 0` for actions/checkout, or `git fetch --unshallow`"
INSTEAD = "`evalgate run` and `evalgate plan` also take --baseline FILE"

_TREES_KEPT = 512
# Rename detection with the file limit of a merge: that of a plain diff is lower.
_RENAMED = ("-M", "-l7000", "-z", "--name-status", "--diff-filter=R")


class Git:
    """One repository with a working tree. `root` is its top level; paths are relative to it, with forward slashes.

    A commit argument is any name of a commit: `HEAD`, `origin/main`, a sha, a tag. Each name is resolved only once, so
    that a run sees one state of the repository.
    """

    def __init__(self, root: Path, *, shallow: bool = False) -> None:
        self.root = root
        self.shallow = shallow
        self._objects = ObjectReader(root)
        self._submodules = Submodules(root, Git.find)
        self._owners: dict[str, Git] = {}
        self._trees: dict[str, Mapping[str, TreeEntry]] = {}
        self._commits: dict[str, str | None] = {}

    @classmethod
    def open(cls, folder: Path) -> Git:
        """Open the repository around a folder. Raises GitError: no git, no repository, another user's, a bare one."""
        # One line each, the path last, because only the path can contain a line break.
        done = execute(folder, ["rev-parse", "--is-shallow-repository", "--show-toplevel"])
        if done.returncode == 0:
            shallow, _, top = os.fsdecode(done.stdout).partition("\n")
            return cls(Path(top.removesuffix("\n")), shallow=shallow == "true")
        said = done.stderr.decode("utf-8", "replace").strip()
        if "safe.directory" in said:
            raise GitError(
                f"git does not trust the repository at {folder}: it belongs to another user",
                hint=f"if you trust it: git config --global --add safe.directory {folder}",
            )
        if "work tree" in said:
            raise GitError(f"{folder} is in a bare git repository", hint="run evalgate in a checkout of it")
        if "not a git repository" in said:
            raise GitError(f"{folder} is not in a git repository", hint="run evalgate in a checkout, or git init")
        raise GitError(f"git cannot open the repository at {folder}: {first_line(said)}")

    @classmethod
    def find(cls, folder: Path) -> Git | None:
        """Return the repository around a folder, or None if `open` raises GitError."""
        try:
            return cls.open(folder)
        except GitError:
            return None

    def head(self) -> str | None:
        """Return the sha of HEAD, detached or not; None before the first commit."""
        return self._commit("HEAD")

    def resolve(self, ref: str) -> str:
        """Return the full sha of a commit's name. Raises GitError for an unknown one."""
        if (sha := self._commit(ref)) is not None:
            return sha
        if ref == "HEAD":
            raise GitError("the repository has no commit yet", hint="commit the prompt that is in use first")
        raise GitError(f'git knows no commit named "{ref}"', hint=DEEPEN if self.shallow else "see git branch --all")

    def knows(self, ref: str) -> bool:
        """Return True if a name is that of a commit."""
        return self._commit(ref) is not None

    def default_branch(self, name: str | None = None) -> str:
        """Return the branch that changes are merged into: `name` (or origin's), else origin/HEAD, main or master.

        A branch goes before a tag of that name, and origin's branch before a local one that is behind it. Raises
        GitError if there is none, or if origin has both main and master and does not tell which one is the default:
        an author who can push a branch could add the other one.
        """
        if name is not None:
            full = find_meanings(name)
            names = [*(full[:-1] or full), f"refs/remotes/origin/{name}", name]
        else:
            names = [f"refs/remotes/origin/{branch}" for branch in ("HEAD", "main", "master")]
            names += ["refs/heads/main", "refs/heads/master"]
        known = [ref for ref in names if self.knows(ref)]
        if name is None and known[:2] == names[1:3] and self.resolve(known[0]) != self.resolve(known[1]):
            message = "origin has both main and master, and this clone does not know which one is the default branch"
            raise GitError(message, hint="name it with --default-branch, or: git remote set-head origin --auto")
        if known:
            return next((ref for ref in known[1:] if self._is_behind(known[0], ref)), known[0])
        what = f'there is no branch "{name}"' if name else "there is no default branch (origin/HEAD, main or master)"
        raise GitError(what, hint=DEEPEN if self.shallow else f"name it with --default-branch; {INSTEAD}")

    def _is_behind(self, local: str, ref: str) -> bool:
        """Return True if a local branch is behind origin's branch of the same name."""
        same = local.startswith("refs/heads/") and ref == f"refs/remotes/origin/{local.removeprefix('refs/heads/')}"
        return same and self.is_ancestor(local, ref)

    def is_on(self, default: str | None = None) -> bool:
        """Return True if the default branch or none is checked out, or `default` names a commit alone, such as `@`."""
        on, branch = branch_of(self._follow_symbolic_ref("HEAD")), self.default_branch(default)
        default_one = branch_of(self._follow_symbolic_ref(branch)) if is_branch(branch) else "HEAD"
        return on in ("HEAD", default_one) or default_one == "HEAD"  # another branch may be at the same commit

    def parent(self, commit: str) -> str | None:
        """Return the first parent of a commit, or None if it has none. Raises GitError if a shallow clone lacks it."""
        sha = self.resolve(commit)
        first = next(iter(self._list_parents(sha, known=False)), None)
        if first is not None and not self.knows(first):
            raise GitError(f"this clone lacks the commit before {sha[:7]}", hint=DEEPEN)
        return first

    def merge_base(self, one: str, other: str, *, sole: bool = False) -> str:
        """Return the sha of the best common ancestor of two commits. Raises GitError if there is none or it is cut off.

        Criss-cross histories have several. A merge uses all of them, so with `sole` several are a GitError. Otherwise
        it is the last one that `other` itself was: a commit merged into it may belong to the change under test.
        """
        left, right = self.resolve(one), self.resolve(other)
        if left == right:
            return left
        bases = self._run(["merge-base", "--all", left, right], good=(0, 1)).stdout.decode().split()
        names = f"{shorten_name(one)} and {shorten_name(other)}"
        if sole and len(bases) > 1:
            raise GitError(f"{names} have {len(bases)} merge bases", hint="merge the branch it goes to into the change")
        if len(bases) > 1:
            own = self._run(["rev-list", "--first-parent", right, f"^{left}"]).stdout.decode().split()
            return self.parent(own[-1]) or bases[0]
        if bases:
            return bases[0]
        if self.shallow:
            raise GitError(f"this shallow clone does not reach the merge base of {names}", hint=DEEPEN)
        raise GitError(f"{names} have no common history", hint=INSTEAD)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Return True if a commit is part of another's history, or that commit itself; a shallow clone may not know."""
        commits = self.resolve(older), self.resolve(newer)
        return self._run(["merge-base", "--is-ancestor", *commits], good=(0, 1)).returncode == 0

    def blob(self, commit: str, path: str) -> str | None:
        """Return the id of the regular file at a path, or None if there is nothing.

        A path inside a submodule is looked up in the submodule's own repository. Raises GitError for a symbolic link,
        there or in a parent folder, for a submodule itself, and for a folder.
        """
        sha = self.resolve(commit)
        tree = f"{sha}^{{tree}}"
        parts = path.split("/")
        for depth, part in enumerate(parts, start=1):
            entry = self.read_tree(tree).get(part)
            if entry is None:
                return None
            here = "/".join(parts[:depth])
            if entry.mode == LINK:
                raise GitError(f"{sha[:7]}:{here} is a symbolic link", hint="commit the file itself")
            if entry.mode == SUBMODULE:
                if depth == len(parts):
                    raise GitError(f"{sha[:7]}:{here} is a submodule, not a file")
                return self._find_in_submodule(here, entry.oid, "/".join(parts[depth:]))
            if (entry.mode == TREE) != (depth < len(parts)):
                if depth < len(parts):
                    return None
                raise GitError(f"{sha[:7]}:{here} is a folder")
            tree = entry.oid
        return tree

    def exists(self, commit: str, path: str) -> bool:
        """Return True if there is anything at a path, even what `read` refuses (a link, a submodule, a folder)."""
        try:
            return self.blob(commit, path) is not None
        except GitError:
            self.resolve(commit)
            return True

    def read(self, commit: str, path: str) -> bytes:
        """Return the content of a regular file at a commit, also of one in Git LFS.

        Raises GitError for anything else, and UnavailableError if the content is not here.
        """
        oid = self.blob(commit, path)
        sha = self.resolve(commit)
        if oid is None:
            raise AbsentError(f"{sha[:7]}:{path} does not exist")
        return self.read_blob(oid, sha, path)

    def read_blob(self, oid: str, commit: str, path: str) -> bytes:
        """Return the content of a blob, which is `path` at `commit`, also of one in Git LFS. Raises as `read` does."""
        data = self.blobs([oid])[oid]
        if not git_lfs.is_pointer(data):
            return data
        content = git_lfs.read_content(self._owners.get(oid, self).root, data, path)
        if content is None:
            hint = f"git lfs fetch origin {commit} --include {path}; in a workflow: actions/checkout with `lfs: true`"
            raise UnavailableError(f"{commit[:7]}:{path} {git_lfs.ABSENT}", hint=hint)
        return content

    def _find_in_submodule(self, folder: str, commit: str, path: str) -> str | None:
        """Return the id of a file in a submodule at one of its commits. Raises UnavailableError if it is not here."""
        module = self._submodules.open(folder, commit)
        oid = module.blob(commit, path)
        if oid is not None:
            self._owners[oid] = module._owners.get(oid, module)
        return oid

    def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of blobs by their ids. Raises GitError for a missing one."""
        found = {}
        for oid in ids:
            blob = self._owners.get(oid, self)._objects.read(oid)
            if blob is None or blob.kind != "blob":
                raise GitError(f"the repository lacks the object {oid}", hint=DEEPEN if self.shallow else "git fsck")
            found[oid] = blob.data
        return found

    def working_blobs(self, paths: Sequence[str]) -> dict[str, str]:
        """Return the blob ids that working tree files would be committed as, after line endings and filters."""
        files = [path for path in paths if "\n" not in path and (self.root / path).is_file()]
        if not files:
            return {}
        done = self._run(["hash-object", "--stdin-paths"], data=b"".join(os.fsencode(file) + b"\n" for file in files))
        return dict(zip(files, done.stdout.decode().split(), strict=True))

    def tracks(self, folder: Path) -> bool:
        """Return True if this folder, or a file in it, is under version control, even in a submodule.

        Names are compared case-insensitively, as the file systems of macOS and Windows do.
        """
        top = self.root.resolve()
        places = [place for place in {folder.absolute(), folder.resolve()} if place.is_relative_to(top)]
        wanted = [[part.casefold() for part in place.relative_to(top).parts] for place in places]
        files = os.fsdecode(self._run(["ls-files", "-z"]).stdout).casefold().split("\0")[:-1] if wanted else []
        return any(all(map(operator.eq, file.split("/"), parts)) for file in files for parts in wanted)

    def history(
        self, paths: str | Sequence[str], tips: Sequence[str], *, first_parent: bool = False
    ) -> list[tuple[str, str]]:
        """Return (commit sha, blob id) of every commit reachable from the tips that changed one of the paths.

        Oldest first. Exact renames are followed back. A merge counts if it differs from all of its parents.
        `first_parent` follows only each tip's own branch, not the commits that were merged into it. Commits at which a
        path is not a regular file are omitted.
        """
        wanted = [paths] if isinstance(paths, str) else list(paths)
        starts = [self.resolve(tip) for tip in tips]
        # --parents: without it the remaining commits are ordered by their dates alone
        walk = ["--reverse", "--topo-order", "--parents", "--first-parent" if first_parent else "--full-history"]
        known = set(wanted)
        result: list[tuple[str, str]] = []
        while wanted:
            places = dict.fromkeys(self._find_pathspec(path, starts) for path in wanted)
            rows = self._run(["rev-list", *walk, *starts, "--", *places]).stdout.decode().splitlines()
            found, added = [], []
            for commit in [row.split(" ", 1)[0] for row in rows]:
                parents = self._list_parents(commit)[: 1 if first_parent else None]
                for path in wanted:
                    oid = self._find_regular(commit, path)
                    before = [self._find_regular(parent, path) for parent in parents]
                    if oid is not None and oid not in before:
                        found.append((commit, oid))
                    if oid is not None and not any(before):
                        added.append(commit)
            result = [*found, *result]
            older = {old for old, new in self._find_exact_renames(added) if new in wanted}
            wanted = sorted(older - known)
            known |= older
        return list(dict.fromkeys(result))

    def find_renamed_from(self, base: str, path: str, *, commit: str | None = None) -> str | None:
        """Return the path at `base` of a file that was renamed since; None if it is new, or still has its name.

        Compares with the working tree, or with `commit`. A file that git does not track yet counts as renamed if it has
        exactly the content of a file that is gone.
        """
        if commit is not None:
            return self.list_renames(base, commit).get(path)
        renamed = find_renames(self._run(["diff-index", *_RENAMED, start := self.resolve(base), "--"]).stdout)
        return next((old for old, new in renamed if new == path), None) or self._find_removed_copy(start, path)

    def list_renames(self, base: str, commit: str) -> dict[str, str]:
        """Return the paths at `base` of the files that are renamed in a commit, by their new paths."""
        order = ["diff-tree", "-r", *_RENAMED, self.resolve(base), self.resolve(commit), "--"]
        return {new: old for old, new in find_renames(self._run(order).stdout)}

    def added(self, base: str, commit: str, *, kinds: str = "A") -> list[str]:
        """Return the paths that a commit has and `base` has not; with the `kinds` "MT" those with changed content."""
        order = ["--ignore-submodules=none", "--no-renames", "--name-only", f"--diff-filter={kinds}"]  # not .gitmodules
        done = self._run(["diff-tree", "-r", "-z", *order, self.resolve(base), self.resolve(commit), "--"])
        return os.fsdecode(done.stdout).split("\0")[:-1]

    def spelt_otherwise(self, commit: str, path: str) -> str | None:
        """Return the path of a commit that equals this one by `fold_path`: many disks take both for one file."""
        files = os.fsdecode(self._run(["ls-tree", "-r", "-z", "--name-only", self.resolve(commit)]).stdout).split("\0")
        return next((one for one in files if one != path and fold_path(one) == fold_path(path)), None)

    def subject(self, commit: str, path: str) -> str:
        """Return the subject of the last commit, up to this one, that changed a path; empty if none did."""
        order = ["log", "-1", "--no-show-signature", "--format=%s", self.resolve(commit), "--", path]
        return self._run(order).stdout.decode("utf-8", "replace").strip()

    def _find_pathspec(self, path: str, commits: Sequence[str]) -> str:
        """Return what the history of a path is found by: the path, or the submodule that it is in."""
        parts = path.split("/")
        for commit in commits:
            tree = f"{commit}^{{tree}}"
            for depth, part in enumerate(parts[:-1], start=1):
                entry = self.read_tree(tree).get(part)
                if entry is not None and entry.mode == SUBMODULE:
                    return "/".join(parts[:depth])
                if entry is None or entry.mode != TREE:
                    break
                tree = entry.oid
        return path

    def _find_removed_copy(self, base: str, path: str) -> str | None:
        oid = self.working_blobs([path]).get(path)
        if oid is None:
            return None
        listing = self._run(["ls-tree", "-r", "-z", base]).stdout
        copies = []
        for row in filter(None, listing.split(b"\0")):
            about, _, file = row.partition(b"\t")
            if about.split()[2].decode() == oid:
                old = os.fsdecode(file)
                if not os.path.lexists(self.root / old):
                    copies.append(old)
        name = PurePosixPath(path).name
        return min(copies, key=lambda old: (PurePosixPath(old).name != name, old), default=None)

    def _find_regular(self, commit: str, path: str) -> str | None:
        try:
            return self.blob(commit, path)
        except GitError:
            return None

    def _follow_symbolic_ref(self, ref: str) -> str:
        """Return the ref that a symbolic one points to; any other is returned unchanged."""
        return self._run(["symbolic-ref", "--quiet", ref], good=(0, 1)).stdout.decode().strip() or ref

    def _list_parents(self, commit: str, *, known: bool = True) -> list[str]:
        """Return the parents of a commit; with `known` only those that are present: a shallow clone may lack some."""
        lines = found.data.partition(b"\n\n")[0].split(b"\n") if (found := self._objects.read(commit)) else []
        parents = [line[7:].decode() for line in lines if line.startswith(b"parent ")]
        return [parent for parent in parents if not known or self.knows(parent)]

    def _find_exact_renames(self, commits: Sequence[str]) -> list[tuple[str, str]]:
        if not commits:
            return []
        order = ["diff-tree", "--stdin", "-r", "-m", "-z", "-M100%", "--name-status", "--diff-filter=R"]
        return find_renames(self._run(order, data="".join(f"{c}\n" for c in commits).encode()).stdout)

    def read_tree(self, name: str) -> Mapping[str, TreeEntry]:
        """Return the entries of a folder by name. Raises GitError if there is no such tree object."""
        if name in self._trees:
            return self._trees[name]
        found = self._objects.read(name)
        if found is None or found.kind != "tree":
            raise GitError(f"the repository lacks the folder {name}", hint=DEEPEN if self.shallow else "git fsck")
        entries = read_entries(found.data, id_bytes=len(found.oid) // 2)
        if len(self._trees) >= _TREES_KEPT:
            self._trees.clear()
        self._trees[name] = entries
        return entries

    def _commit(self, ref: str) -> str | None:
        if ref not in self._commits:
            found = (self._objects.read(f"{name}^{{commit}}") for name in (find_meanings(ref) if ref.strip() else ()))
            self._commits[ref] = next((commit.oid for commit in found if commit is not None), None)
        return self._commits[ref]

    def _run(
        self, arguments: Sequence[str], *, data: bytes | None = None, good: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[bytes]:
        done = execute(self.root, arguments, data)
        if done.returncode not in good:
            said = first_line(done.stderr.decode("utf-8", "replace"))
            if b"promisor remote" in done.stderr:
                raise UnavailableError(f"git {arguments[0]} failed in this partial clone: {said}", hint=COMPLETE)
            raise GitError(f"git {arguments[0]} failed: {said}", hint=DEEPEN if self.shallow else None)
        return done
