"""`release verify`: walk the ledgers of a registry, and name the first break of each."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.release.document import parse_document
from evalgate.release.ledger import verify
from evalgate.release.registry import Registry, StoredDocument, check_name
from evalgate.release.version_lookup import read_last


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLedger:
    """The ledger of a prompt: the number of its revisions, and its first break, which is None if it is whole.

    `last` is the last document of a whole ledger.
    """

    name: str
    revisions: int
    first_break: str | None
    last: StoredDocument | None


def verify_ledgers(registry: Registry, name: str | None = None) -> list[VerifiedLedger]:
    """Verify the ledger of a prompt, or of all. Raises InputError for an unknown name, and RegistryError."""
    if name is not None:
        check_name(name)
    names = registry.list_names() if name is None else [name]
    return [_verify(registry, one) for one in names]


def _verify(registry: Registry, name: str) -> VerifiedLedger:
    documents = list(registry.history(name))
    if not documents:
        read_last(registry, name)
    found = verify(documents, name)
    if found is not None:
        return VerifiedLedger(name=name, revisions=len(documents), first_break=str(found), last=None)
    last = StoredDocument(document=parse_document(documents[-1]), data=documents[-1])
    return VerifiedLedger(name=name, revisions=len(documents), first_break=None, last=last)
