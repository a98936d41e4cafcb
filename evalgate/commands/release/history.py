"""`release history`: all revisions of a prompt, with the versions that they name."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PublishedVersion, parse_document
from evalgate.release.registry import Registry, StoredDocument
from evalgate.release.version_lookup import read_last


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHistory:
    """The revisions of a prompt, oldest first, and all versions that were published, by digest.

    `unreadable` are the positions, from 1, of revisions that cannot be read.
    """

    name: str
    last: StoredDocument
    revisions: tuple[StoredDocument, ...]
    versions: dict[str, PublishedVersion]
    unreadable: tuple[int, ...]


def read_history(registry: Registry, name: str) -> ReleaseHistory:
    """Return the history of a prompt. Raises InputError if there is none, and RegistryError."""
    last = read_last(registry, name)
    revisions: list[StoredDocument] = []
    versions: dict[str, PublishedVersion] = {}
    unreadable = []
    for position, data in enumerate(registry.history(name), start=1):
        try:
            document = parse_document(data)
        except DocumentError:
            unreadable.append(position)
            continue
        revisions.append(StoredDocument(document=document, data=data))
        versions |= document.versions
    return ReleaseHistory(
        name=name, last=last, revisions=tuple(revisions), versions=versions, unreadable=tuple(unreadable)
    )
