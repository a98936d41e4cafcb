"""What every registry checks: bytes that it reads, and whether a document may follow the last one."""

from __future__ import annotations

from evalgate.errors import InputError
from evalgate.release.checked_value import LARGEST, DocumentError
from evalgate.release.document import PublishedVersion, ReleaseDocument, parse_document, parse_version
from evalgate.release.registry import RaceLostError, RegistryError, StoredDocument, make_bytes

_RESTORE = "restore the registry from a copy"


def load_stored(data: bytes, name: str, place: str) -> StoredDocument:
    """Return the document in the bytes of a registry. Raises RegistryError, with the place, if it is none of `name`.

    `place` is the URL of the registry and what identifies the bytes there, such as a revision or a commit.
    """
    try:
        document = parse_document(data)
        if document.name != name:
            raise DocumentError(f'name: "{document.name}" is another prompt')
    except DocumentError as error:
        raise RegistryError(
            f"{place}: the release document of {name} is damaged: {error}",
            hint=f"find the first damaged one with `evalgate release verify`, and {_RESTORE}",
        ) from None
    return StoredDocument(document=document, data=data)


def load_version(data: bytes, name: str, digest: str, place: str) -> PublishedVersion:
    """Return the version in the bytes of a registry. Raises RegistryError, with the place, for another content."""
    try:
        version = parse_version(data)
        if version.digest != digest:
            raise DocumentError(f"digest: {version.digest} is another version")
    except DocumentError as error:
        raise RegistryError(
            f"{place}: the version {digest[:12]} of {name} is damaged: {error}", hint=_RESTORE
        ) from None
    return version


def check_previous(last: StoredDocument | None, document: ReleaseDocument, url: str) -> None:
    """Raise RaceLostError unless a document follows the last one of its registry, and RegistryError if that is gone."""
    if last is not None and last.digest != document.previous:
        raise RaceLostError(last)
    if last is None and document.previous is not None:
        raise RegistryError(
            f"{url}: all documents of {document.name} are gone, and this one has a previous one", hint=_RESTORE
        )


def make_next(last: StoredDocument | None, document: ReleaseDocument) -> StoredDocument:
    """Return a document with the number after the last one. Raises InputError if it is too large for readers."""
    stored = make_bytes(document, 1 if last is None else last.document.revision + 1)
    if len(stored.data) > LARGEST:
        raise InputError(
            f"{document.name}: the release document has {len(stored.data):,} bytes; it may have {LARGEST:,}",
            hint="shorten the prompt, or its tools and response format",
        )
    return stored
