"""How git reaches a remote: by a name of a repository or by an address, with which settings, and with which token."""

from __future__ import annotations

import base64
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evalgate.errors import GitError
from evalgate.mask import HIDDEN, Mask
from evalgate.services.git_process import environment, execute, first_line
from evalgate.services.git_settings import add_settings

_PROTOCOLS = ("https", "http", "ssh", "git", "file")
# what a calling git sets, so that a hook works in its repository
_LOCAL = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_SCP = re.compile(r"[^/\\:]{2,}:")
_USER = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*)://([^/\s]+)@")
_QUERY = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s?'\"]*\?)[^\s#'\"]+")
_LOOPBACK = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])[:/]")


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class RemoteAccess:
    """A remote: its name or address, the repository that git runs in, and the environment of git.

    `push_address` is never a name: a push to a name would update the ref that follows the remote's branch.
    The environment may have a token, so that it is in no command line, where other processes could read it.
    """

    folder: Path
    address: str
    push_address: str
    environment: Mapping[str, str] = field(repr=False)
    token: str | None = field(default=None, repr=False)

    def hide_secrets(self, text: str) -> str:
        """Return a text of git without the token, and without the secrets in addresses."""
        if not self.token:
            return hide_users(text)
        return hide_users(Mask((self.token, f"x-access-token:{self.token}")).text(text).replace(self.token, HIDDEN))


def hide_users(text: str) -> str:
    """Return a text without the passwords and queries of the addresses in it, nor users but those of SSH.

    All of these may be tokens.
    """
    shown = _USER.sub(lambda found: f"{found[1]}://{_keep_user(found[1], found[2])}", text)
    return _QUERY.sub(r"\1***", shown)


def hide_address(address: str) -> str:
    """Return a text that should be one address, of any form, without what may be a token in it."""
    shown = hide_users(address)
    scheme, mark, rest = shown.partition(":")
    if "://" in shown:
        return shown
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else shown.rpartition("@")[2]


def open_remote(named: str, folder: Path, *, token: str | None = None) -> RemoteAccess:
    """Find a remote by its name in the repository around a folder, or by its address or path, which starts there.

    Without a repository around the folder, git runs in an empty one in a temporary folder, which is removed at the end
    of the process or with the last use. Raises GitError.
    """
    if named.startswith("-"):
        raise GitError(f'"{hide_users(named)}" is not a remote of git', hint="name a remote, an address or a path")
    repository = _is_in_repository(folder)
    address = named
    url = _find_url(folder, named) if repository else None
    push_url = url and _find_url(folder, named, "--push")
    if url is None or push_url is None:
        url = push_url = address = named if _URL.match(named) or _SCP.match(named) else str(folder.absolute() / named)
    settings = [("core.hooksPath", os.devnull), ("gc.auto", "0"), ("maintenance.auto", "false")]
    settings += [("protocol.allow", "never"), *((f"protocol.{name}.allow", "always") for name in _PROTOCOLS)]
    settings += [("fetch.writeCommitGraph", "false"), ("push.gpgSign", "false"), ("push.followTags", "false")]
    # a process of git that is given up ends by itself, though its server never answers
    settings += [("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "30")]
    if token and (url.startswith("https://") or _LOOPBACK.match(url)):
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        # the empty value removes the headers of less specific addresses, which git would send as well
        settings += [(f"http.{url}.extraheader", ""), (f"http.{url}.extraheader", f"AUTHORIZATION: basic {basic}")]
    around = add_settings(environment(), settings)
    if repository:
        return RemoteAccess(folder=folder, address=address, push_address=push_url, environment=around, token=token)
    around = {key: value for key, value in around.items() if key not in _LOCAL}
    place = Path(tempfile.mkdtemp(prefix="evalgate-release-"))
    made = RemoteAccess(folder=place, address=address, push_address=push_url, environment=around, token=token)
    weakref.finalize(made, shutil.rmtree, place, ignore_errors=True)
    done = execute(place, ["init", "--quiet", "--bare", "--template="], surroundings=around)
    if done.returncode:
        raise GitError(f"git cannot create a repository at {place}: {first_line(_decode(done.stderr))}")
    return made


def is_remote(name: str, folder: Path) -> bool:
    """Return whether the repository around a folder has a remote of this name."""
    return _is_in_repository(folder) and _find_url(folder, name) is not None


def _is_in_repository(folder: Path) -> bool:
    done = execute(folder, ["rev-parse", "--git-dir"])
    said = _decode(done.stderr)
    if done.returncode and not ("not a git repository" in said or "cannot change to" in said):
        raise GitError(f"git cannot open the repository at {folder}: {first_line(said)}")
    return done.returncode == 0


def _find_url(folder: Path, name: str, *options: str) -> str | None:
    """Return the address of a remote of a repository by its name; None if it has no such remote."""
    done = execute(folder, ["remote", "get-url", *options, "--", name])
    return os.fsdecode(done.stdout).removesuffix("\n") if done.returncode == 0 else None


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _keep_user(scheme: str, given: str) -> str:
    return f"{given.partition(':')[0]}@" if "ssh" in scheme.lower() else ""
