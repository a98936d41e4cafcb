"""A registry in git: a branch of its own, a file a prompt, a commit a revision. The push is the compare-and-set."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

from evalgate.domain.numbers import show_count
from evalgate.errors import GitError, InputError
from evalgate.release.checked_value import LARGEST
from evalgate.release.document import PublishedVersion, ReleaseDocument, encode_version
from evalgate.release.registry import RegistryError, StoredDocument, check_name
from evalgate.release.registry_checks import check_previous, load_stored, load_version, make_next
from evalgate.services.git_branch import REGULAR, FileAt, PushLostError, RemoteBranch, Signature
from evalgate.services.git_remote import hide_address, hide_users, open_remote

BRANCH = "evalgate/releases"
"""The branch of a registry whose URL names none."""

_SUFFIX = ".json"
_VERSIONS = "versions"
_BRANCH_NAME = re.compile(r"(?!.*(\.\.|//|/\.|\.lock(/|$)|[./]$))[A-Za-z0-9_][A-Za-z0-9._/-]*")
_PUSHES = 12
_WAIT_SECONDS = 0.05
_PUSHING_SECONDS = 60.0
"""After this time no push is repeated. With the time of each call to the remote it bounds an append."""
_CRUD = re.compile(r"^[\s.,:;<>\"\\']+|[\s.,:;<>\"\\']+$")


def open_git_registry(
    rest: str, folder: Path, token: str | None = None, note: Callable[[str], None] = lambda text: None
) -> GitRegistry:
    """Open the registry of `git:REMOTE` or `git:REMOTE#BRANCH`; `rest` is what follows the scheme.

    `note` gets a sentence about a remote that has not answered for some seconds.

    Nothing is read or created yet. Raises InputError for a branch that git does not allow.
    """
    remote, mark, branch = rest.rpartition("#")
    if not mark:
        remote, branch = rest, BRANCH
    if not remote or remote.startswith("-") or not remote.isprintable():
        raise InputError(f'"git:{hide_users(rest)}" names no remote', hint="write git:origin, git:ADDRESS or git:PATH")
    if not _BRANCH_NAME.fullmatch(branch):
        raise InputError(
            f'"{hide_address(branch)}" cannot be the branch of a registry',
            hint=f"write git:{hide_users(remote)}#{BRANCH}",
        )
    return GitRegistry(remote, branch, folder, token, note)


def name_file(name: str) -> str:
    """Return the name of the file of a prompt: percent-encoded, also a dot at its beginning, with `.json`."""
    return f"{_encode(name)}{_SUFFIX}"


class GitRegistry:
    """A branch of a remote. Versions that were put become part of the next commit that `append` makes.

    Everyone who can push to the branch can move any label: protect it by a ruleset. Of the local repository only the
    objects change.
    """

    def __init__(self, remote: str, branch: str, folder: Path, token: str | None, note: Callable[[str], None]) -> None:
        self._note = note
        self._named = remote
        self._name = branch
        self._folder = folder
        self._token = token
        self._opened: RemoteBranch | None = None
        self._staged: dict[tuple[str, str], bytes] = {}

    @property
    def url(self) -> str:
        branch = "" if self._name == BRANCH else f"#{self._name}"
        return f"git:{hide_users(self._named)}{branch}"

    def list_names(self) -> list[str]:
        with self._explain():
            tip = self._branch.fetch()
            entries = {} if tip is None else self._branch.read_folder(tip)
        names = ((unquote(file.removesuffix(_SUFFIX)), file) for file, one in entries.items() if one.mode in REGULAR)
        return sorted(name for name, file in names if name_file(name) == file)

    def read(self, name: str) -> StoredDocument | None:
        with self._explain(name):
            tip = self._branch.fetch()
            return None if tip is None else self._read_at(tip, name)

    def history(self, name: str) -> Iterator[bytes]:
        with self._explain(name):
            tip = self._branch.fetch()
            changes = [] if tip is None else self._branch.list_changes(tip, name_file(name))
            files = [one.oid for one in changes if one.mode in REGULAR]
            large = self._branch.find_too_large(files, LARGEST)
            contents = self._branch.read_contents([oid for oid in files if oid not in large], LARGEST)
            for one in changes:
                yield _describe_unreadable(one, large) or next(contents)

    def append(self, document: ReleaseDocument) -> StoredDocument:
        check_name(document.name)
        began = time.monotonic()
        for attempt in range(_PUSHES):
            with self._explain(document.name):
                tip = self._branch.fetch()
                last = None if tip is None else self._read_at(tip, document.name)
                check_previous(last, document, self.url)
                stored = make_next(last, document)
                commit = self._commit(tip, stored)
                try:
                    self._branch.push(commit, tip)
                except PushLostError as error:
                    # another prompt's revision, or another push in progress: see what is there, and try again
                    lost = error
                else:
                    self._forget_staged(document.name)
                    return stored
            if time.monotonic() - began > _PUSHING_SECONDS:
                break
            time.sleep(random.uniform(0, _WAIT_SECONDS * 2 ** min(attempt, 5)))
        raise RegistryError(
            f"{self.url}: {show_count(attempt + 1, 'push was', 'pushes were')} lost to other ones: {lost}",
            hint="repeat the command later",
        )

    def put(self, version: PublishedVersion, name: str) -> None:
        check_name(name)
        self._staged.setdefault((name, version.digest), encode_version(version))

    def find_version(self, name: str, digest: str) -> PublishedVersion | None:
        with self._explain(name):
            tip = self._branch.fetch()
            found = None if tip is None else self._branch.find_file(tip, _name_version(name, digest))
            if found is not None:
                self._require_file(found, name)
                (data,) = self._branch.read_contents([found.oid], LARGEST)
                return load_version(data, name, digest, f"{self.url}, commit {found.commit[:12]}")
        staged = self._staged.get((name, digest))
        return None if staged is None else load_version(staged, name, digest, self.url)

    @property
    def _branch(self) -> RemoteBranch:
        if self._opened is None:
            remote = open_remote(self._named, self._folder, token=self._token)
            self._opened = RemoteBranch(remote, self._name, self._note)
        return self._opened

    def _read_at(self, tip: str, name: str) -> StoredDocument | None:
        found = self._branch.find_file(tip, name_file(name))
        if found is None:
            return None
        self._require_file(found, name)
        (data,) = self._branch.read_contents([found.oid], LARGEST)
        return load_stored(data, name, f"{self.url}, commit {tip[:12]}")

    def _require_file(self, found: FileAt, name: str) -> None:
        if found.mode not in REGULAR:
            raise RegistryError(
                f"{self.url}, commit {found.commit[:12]}: {name} is not a regular file there (mode {found.mode:o})",
                hint="revert that commit of the branch",
            )

    def _commit(self, tip: str | None, stored: StoredDocument) -> str:
        document = stored.document
        files = {name_file(document.name): self._branch.write_content(stored.data)}
        kept = {digest: data for (name, digest), data in self._staged.items() if name == document.name}
        published = document.versions.get(document.entry.target or "")
        if published is not None:  # the process that puts it later may end before the next append
            kept.setdefault(published.digest, encode_version(published))
        for digest, data in kept.items():
            path = _name_version(document.name, digest)
            if tip is None or self._branch.find_file(tip, path) is None:
                files[path] = self._branch.write_content(data)
        return self._branch.commit(tip, files, _write_message(document), _make_signature(document))

    def _forget_staged(self, name: str) -> None:
        self._staged = {key: data for key, data in self._staged.items() if key[0] != name}

    @contextlib.contextmanager
    def _explain(self, name: str | None = None) -> Iterator[None]:
        """Turn the errors of git into RegistryError, with the URL of the registry."""
        try:
            yield
        except GitError as error:
            about = f"{self.url}: {name}" if name else self.url
            hint = error.faults[0].hint or "check the remote and the access to it: git ls-remote"
            raise RegistryError(f"{about}: {error.faults[0].message}", hint=hint) from None


def _describe_unreadable(found: FileAt, large: Mapping[str, int]) -> bytes:
    """Return what a revision has in place of a document, which `verify` names; empty if it has a file."""
    if found.mode not in REGULAR:
        return f"commit {found.commit[:12]}: no regular file (mode {found.mode:o})".encode()
    if found.oid in large:
        return f"commit {found.commit[:12]}: {large[found.oid]:,} bytes; it may have {LARGEST:,}".encode()
    return b""


def _encode(name: str) -> str:
    encoded = quote(name, safe="")
    return f"%2E{encoded[1:]}" if encoded.startswith(".") else encoded


def _name_version(name: str, digest: str) -> str:
    # git refuses a folder that Windows takes for `.git`: `git~1`
    return f"{_VERSIONS}/{_encode(name).replace('~', '%7E')}/{digest}{_SUFFIX}"


def _write_message(document: ReleaseDocument) -> str:
    entry = document.entry
    version = document.versions.get(entry.target or "")
    what = [entry.verb, *([version.version] if version is not None else [])]
    what += ["to", entry.label] if entry.label is not None else []
    subject = f"{document.name}: {' '.join(what)} (revision {document.revision})"
    body = [_make_plain(entry.why, 500), *([f"Run: {_make_plain(entry.run_url, 500)}"] if entry.run_url else [])]
    return "\n\n".join([_make_plain(subject, 300), *(row for row in body if row)]) + "\n"


def _make_signature(document: ReleaseDocument) -> Signature:
    """Return the author of a commit: `NAME <ADDRESS>`, or an account's name, without what git does not allow."""
    who = _make_plain(document.entry.who, 200)
    found = re.fullmatch(r"([^<>]*)<([^<>\s]+@[^<>\s]+)>", who)
    name, email = (found[1], found[2]) if found else (who, "")
    name = _CRUD.sub("", re.sub(r"[<>]", "", name)) or "evalgate"
    return Signature(name=name, email=_CRUD.sub("", email) or "evalgate@localhost", at=_make_time(document.at))


def _make_time(at: str) -> str:
    """Return a time as seconds since 1970, which git reads for every year; the first one if it is none."""
    try:
        seconds = int(datetime.fromisoformat(at).timestamp())
    except ValueError:
        seconds = 0
    return f"@{max(seconds, 0)} +0000"


def _make_plain(text: str, most: int) -> str:
    """Return text on one line without characters that are not shown, cut to a length."""
    one = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return one if len(one) <= most else f"{one[:most]} ..."
