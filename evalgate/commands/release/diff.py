"""`release diff`: two versions of a prompt, to be compared."""

from __future__ import annotations

from evalgate.release.document import PublishedVersion
from evalgate.release.registry import Registry
from evalgate.release.version_lookup import find_version, read_last


def find_pair(registry: Registry, name: str, first: str, second: str) -> tuple[PublishedVersion, PublishedVersion]:
    """Return two versions by label, semantic version or the start of their digests. Raises InputError."""
    document = read_last(registry, name).document
    return find_version(registry, document, first), find_version(registry, document, second)
