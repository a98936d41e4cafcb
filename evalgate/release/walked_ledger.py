"""The ledger that a command builds on: walked up to the last document, with its first break."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from evalgate.release.document import ReleaseDocument, encode_document
from evalgate.release.ledger import LedgerBreak, LedgerWalk
from evalgate.release.promotion import Actor
from evalgate.release.registry import RefusedError, Registry, RegistryError, StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkedLedger:
    """The walk along a ledger, as far as it is whole, and the first break; None if all of it is whole."""

    walk: LedgerWalk
    first_break: LedgerBreak | None

    def settle(self, by: Actor) -> Actor:
        """Return who acts, at a time that is not before that of the last document, whose clock may be ahead."""
        last = self.walk.last
        return by if last is None or last.at <= by.at else replace(by, at=last.at)

    def follow(self, document: ReleaseDocument) -> ReleaseDocument:
        """Return the document as it can follow: not before the time of the last one, whose clock may be ahead.

        Raises RefusedError if the ledger is broken, or would be with this document.
        """
        last = self.walk.last
        if last is not None and document.at < last.at:
            document = replace(document, at=last.at)
        found = self.first_break or self.walk.step(encode_document(document))
        if found is not None:
            raise _make_error(document.name, found)
        return document


def walk_ledger(registry: Registry, last: StoredDocument) -> WalkedLedger:
    """Walk the ledger of a prompt up to its last document. Raises RegistryError."""
    walk = LedgerWalk(last.document.name)
    for data in registry.history(last.document.name):
        found = walk.step(data)
        if found is not None:
            return WalkedLedger(walk=walk, first_break=found)
        if data == last.data:
            return WalkedLedger(walk=walk, first_break=None)
    raise RegistryError(
        f"{registry.url}: the history of {last.document.name} has no revision {last.document.revision}, which was just "
        "read",
        hint="repeat the command",
    )


def require_whole(registry: Registry, last: StoredDocument) -> WalkedLedger:
    """Walk the ledger of a prompt up to its last document. Raises RefusedError if it is broken, and RegistryError."""
    ledger = walk_ledger(registry, last)
    if ledger.first_break is not None:
        raise _make_error(last.document.name, ledger.first_break)
    return ledger


def _make_error(name: str, found: LedgerBreak) -> RefusedError:
    return RefusedError(
        f"{name}: nothing is built on a broken ledger: {found}",
        hint=f"look at it with `evalgate release verify {shlex.quote(name)}`, and restore the registry from a copy",
    )
