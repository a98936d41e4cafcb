"""`release diff`: two versions of a prompt, to be compared."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.release.document import PublishedVersion
from evalgate.release.registry import Registry, StoredDocument
from evalgate.release.version_lookup import find_version, read_last


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPair:
    """Two versions of a prompt, and its last document."""

    last: StoredDocument
    first: PublishedVersion
    second: PublishedVersion


def find_pair(registry: Registry, name: str, first: str, second: str) -> VersionPair:
    """Return two versions by label, semantic version or the start of their digests. Raises InputError."""
    last = read_last(registry, name)
    return VersionPair(
        last=last,
        first=find_version(registry, last.document, first),
        second=find_version(registry, last.document, second),
    )
