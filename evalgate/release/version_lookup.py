"""Find a version of a prompt by what people call it: a label, a semantic version, or the start of a digest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalgate.errors import InputError
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import LABELS, PublishedVersion, ReleaseDocument, parse_document
from evalgate.release.registry import Registry, StoredDocument, check_name

_DIGEST = re.compile("[0-9a-f]{7,64}")


def read_last(registry: Registry, name: str) -> StoredDocument:
    """Return the last document of a prompt. Raises InputError, with the known names, if there is none."""
    check_name(name)
    last = registry.read(name)
    if last is not None:
        return last
    names = registry.list_names()
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    raise InputError(
        f'{registry.url} has no prompt "{name}"',
        hint=f"it has: {shown}" if names else "it is empty: evalgate release publish",
    )


def read_documents(registry: Registry, name: str) -> Iterator[StoredDocument]:
    """Yield the documents of a prompt, oldest first, without those that cannot be read, which `verify` names."""
    for data in registry.history(name):
        try:
            yield StoredDocument(document=parse_document(data), data=data)
        except DocumentError:
            continue


def find_version(registry: Registry, document: ReleaseDocument, called: str) -> PublishedVersion:
    """Return the version of a prompt that has a label or a semantic version, or whose digest starts so.

    `document` is the last one. A version that it does not have is looked up by its digest, and then in all earlier
    documents. Raises InputError if there is none, or if several digests start so.
    """
    name = document.name
    if called in LABELS:
        version = document.find_label(called)
        if version is None:
            has = ", ".join(sorted(document.labels)) or "none"
            raise InputError(f"{name}: no version has the label {called}", hint=f"the labels that are set: {has}")
        return version
    same = [one for one in document.versions.values() if called in (one.version, one.digest)]
    if same:
        return same[0]
    put = registry.find_version(name, called) if len(called) == 64 and _DIGEST.fullmatch(called) else None
    return put if put is not None else _find_earlier(registry, name, called)


def find_content(registry: Registry, document: ReleaseDocument, digest: str) -> PublishedVersion:
    """Return the content of a version that the ledger names. Raises InputError if the registry has lost it."""
    return document.versions.get(digest) or find_version(registry, document, digest)


def find_last_move(
    registry: Registry, last: StoredDocument, label: str, digest: str | None = None
) -> ReleaseDocument | None:
    """Return the last document that moved a label, to or from the version with a digest if one is given; else None."""

    def is_move(document: ReleaseDocument) -> bool:
        entry = document.entry
        return entry.label == label and (digest is None or digest in (entry.origin, entry.target))

    if is_move(last.document):
        return last.document
    moves = [one.document for one in read_documents(registry, last.document.name) if is_move(one.document)]
    return moves[-1] if moves else None


def _find_earlier(registry: Registry, name: str, called: str) -> PublishedVersion:
    known: dict[str, PublishedVersion] = {}
    for one in read_documents(registry, name):
        known |= one.document.versions
    exact = [one for one in known.values() if called in (one.version, one.digest)]
    found = exact or [one for one in known.values() if _DIGEST.fullmatch(called) and one.digest.startswith(called)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f'{name}: "{called}" names {len(found)} versions: {", ".join(map(str, found[:5]))}',
            hint="name one by its whole digest",
        )
    versions = ", ".join(one.version for one in list(known.values())[-10:])
    raise InputError(
        f'{name}: no version "{called}" was published',
        hint=f"name a label, a version, or 7 digits of a digest at least; the last versions are {versions}",
    )
