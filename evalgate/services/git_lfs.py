"""Files in Git LFS: git has a pointer, and the content is in a separate store."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalgate.errors import GitError
from evalgate.services.git_process import command_line, environment, execute

ABSENT = "is a pointer of Git LFS, and its content is not here"
MAX_POINTER_BYTES = 1024
MAX_OBJECT_BYTES = 256 * 1024 * 1024
_SECONDS = 300
_START = re.compile(rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com|git-media\.io)/")
_OID = re.compile(rb"^oid sha256:([0-9a-f]{64})\r?$", re.MULTILINE)
_SIZE = re.compile(rb"^size ([0-9]{1,15})\r?$", re.MULTILINE)
# for a path whose attributes are not at hand: those of the tree go before it
_ATTRIBUTES = b"* filter=lfs -text\n"


@dataclass(frozen=True, slots=True)
class LfsPointer:
    """What git holds instead of a file: the sha256 of the content, and its size in bytes."""

    oid: str
    size: int


def is_pointer(data: bytes) -> bool:
    """Return whether a file is a pointer of Git LFS, also a damaged one."""
    return len(data) < MAX_POINTER_BYTES and _START.match(data) is not None


def read_content(folder: Path, data: bytes, path: str) -> bytes | None:
    """Return the content that the pointer `data` in the repository around `folder` stands for; None if it is not there.

    Looks in the repository's own store first, then asks the filter `lfs` of git's configuration, which may download it.
    `path` is relative to `folder`. The content is returned only if its digest is that of the pointer.
    """
    pointer = _parse(data)
    if pointer is None or pointer.size > MAX_OBJECT_BYTES:
        return None
    for content in _find_contents(folder, data, path, pointer):
        if len(content) == pointer.size and hashlib.sha256(content).hexdigest() == pointer.oid:
            return content
    return None


def _parse(data: bytes) -> LfsPointer | None:
    oid, size = _OID.search(data), _SIZE.search(data)
    return None if oid is None or size is None else LfsPointer(oid.group(1).decode(), int(size.group(1)))


def _find_contents(folder: Path, data: bytes, path: str, pointer: LfsPointer) -> Iterator[bytes]:
    try:
        found = execute(folder, ["rev-parse", "--git-common-dir", "--show-prefix"])
        blob = execute(folder, ["hash-object", "--no-filters", "--stdin"], data).stdout.decode().strip()
    except GitError:
        return
    if found.returncode != 0:
        return
    shared, prefix = os.fsdecode(found.stdout).removesuffix("\n").rsplit("\n", 1)
    try:
        kept = (folder / shared / "lfs" / "objects" / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid).read_bytes()
    except OSError:
        kept = b""
    yield kept
    yield _filter(folder, prefix + path, blob)


def _filter(folder: Path, path: str, blob: str) -> bytes:
    """Return a blob as the filters of git's configuration give it; empty if they fail."""
    with tempfile.TemporaryDirectory() as scratch:
        attributes = Path(scratch) / "attributes"
        attributes.write_bytes(_ATTRIBUTES)
        settings = ["-c", f"core.attributesFile={attributes}"]
        arguments = [*settings, "cat-file", "--filters", f"--path={path}", blob]
        try:
            done = subprocess.run(
                command_line(folder, arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_SECONDS,
                env=environment(),
            )
        except (OSError, subprocess.TimeoutExpired):
            return b""
    return done.stdout if done.returncode == 0 else b""
