"""The copy of a prompt's last release document in the project's store, which the hook reads without waiting."""

from __future__ import annotations

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import parse_document
from evalgate.release.registry import StoredDocument
from evalgate.store.atomic import write_file
from evalgate.store.store import Store


def write_copy(store: Store, stored: StoredDocument) -> bool:
    """Keep the bytes of a document as the last one that is known of its prompt. Return whether that was possible."""
    store.prepare()
    try:
        write_file(store.find_release(stored.document.name), stored.data)
    except OSError:
        return False
    return True


def read_copy(store: Store, name: str) -> StoredDocument | None:
    """Return the last known document of a prompt; None if there is none, or if the file is damaged."""
    try:
        data = store.find_release(name).read_bytes()
        document = parse_document(data)
    except (OSError, DocumentError):
        return None
    return StoredDocument(document=document, data=data) if document.name == name else None
