"""`release verify`: walk the ledgers of a registry, and name the first break of each."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.release.ledger import verify
from evalgate.release.registry import Registry
from evalgate.release.version_lookup import read_last


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLedger:
    """The ledger of a prompt: the number of its revisions, and its first break, which is None if it is whole."""

    name: str
    revisions: int
    first_break: str | None


def verify_ledgers(registry: Registry, name: str | None = None) -> list[VerifiedLedger]:
    """Verify the ledger of a prompt, or of all. Raises InputError for an unknown name, and RegistryError."""
    names = registry.list_names() if name is None else [name]
    return [_verify(registry, one) for one in names]


def _verify(registry: Registry, name: str) -> VerifiedLedger:
    documents = list(registry.history(name))
    if not documents:
        read_last(registry, name)
    found = verify(documents, name)
    return VerifiedLedger(name=name, revisions=len(documents), first_break=None if found is None else str(found))
