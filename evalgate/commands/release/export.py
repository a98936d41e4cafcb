"""`release export`: the ledger of a prompt and the contents of its versions, as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evalgate.release.archive import write_archive
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PublishedVersion, parse_document
from evalgate.release.ledger import verify
from evalgate.release.registry import Registry, StoredDocument, check_name
from evalgate.release.version_lookup import read_last


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseExport:
    """The lines of an exported file, what they have, and the first break of the ledger; None if it is whole.

    `last` is the last document of a whole ledger.
    """

    lines: Iterable[str]
    revisions: int
    versions: int
    first_break: str | None
    last: StoredDocument | None


def export_ledger(registry: Registry, name: str) -> ReleaseExport:
    """Return the ledger of a prompt for a file, damaged revisions included. Raises InputError and RegistryError."""
    check_name(name)
    documents = list(registry.history(name))
    if not documents:
        read_last(registry, name)
    versions: dict[str, PublishedVersion] = {}
    named: set[str] = set()
    for data in documents:
        try:
            document = parse_document(data)
        except DocumentError:
            continue
        versions |= document.versions
        named |= {*document.past, *(one for one in (document.entry.origin, document.entry.target) if one is not None)}
    put = {digest: registry.find_version(name, digest) for digest in sorted(named - versions.keys())}
    versions |= {digest: version for digest, version in put.items() if version is not None}
    found = verify(documents, name)
    return ReleaseExport(
        lines=write_archive(name, documents, versions.values()),
        revisions=len(documents),
        versions=len(versions),
        first_break=None if found is None else str(found),
        last=None if found is not None else StoredDocument(document=parse_document(documents[-1]), data=documents[-1]),
    )
