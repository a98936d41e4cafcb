"""Registries: where release documents are kept. The operations, and their errors."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from evalgate.errors import EvalgateError, ExitCode, InputError, ServiceError
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import (
    PublishedVersion,
    ReleaseDocument,
    digest_document,
    encode_document,
    parse_document,
)


class RegistryError(ServiceError):
    """A registry cannot be reached, or what it holds cannot be read. Nothing was changed, as far as is known."""


class RaceLostError(ServiceError):
    """Another command has appended a revision in the meantime, which `winner` is. Nothing was changed."""

    def __init__(self, winner: StoredDocument) -> None:
        entry = winner.document.entry
        what = f"{entry.verb} {entry.label}" if entry.label else entry.verb
        super().__init__(
            f"{winner.document.name}: {entry.who} was faster: revision {winner.document.revision}, {what} "
            f"at {winner.document.at} ({entry.why})",
            hint="look at it with `evalgate release show`, and repeat the command if it is still wanted",
        )
        self.winner = winner


class RefusedError(EvalgateError):
    """A release that its evidence does not allow."""

    exit_code = ExitCode.FAIL


class PersonNeededError(EvalgateError):
    """A command that could mean two things, or a state that no command mends. Nothing was changed."""

    exit_code = ExitCode.INCONCLUSIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document as a registry has it: the bytes, their digest, and what they say."""

    document: ReleaseDocument
    data: bytes

    @property
    def digest(self) -> str:
        return digest_document(self.data)


class Registry(Protocol):
    """A place that keeps the release documents of prompts. All texts from it are untrusted.

    Only `append` changes what readers see. Each method raises RegistryError if the registry cannot be reached.
    """

    @property
    def url(self) -> str:
        """The address that `open_registry` opens the registry by, without secrets."""
        ...

    def list_names(self) -> list[str]:
        """Return the names of all prompts that have a document, sorted."""
        ...

    def read(self, name: str) -> StoredDocument | None:
        """Return the last document that counts; None if there is none. Raises RegistryError for a damaged one."""
        ...

    def history(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of all documents that count, oldest first, unchecked: `ledger.verify` checks them."""
        ...

    def append(self, document: ReleaseDocument) -> StoredDocument:
        """Append a document with the next number, which the registry gives: its own `revision` is ignored.

        Raises RaceLostError if its `previous` is not the digest of the last document that counts. After any other error
        it is not known whether the document was written: see `append_document`.
        """
        ...

    def put(self, version: PublishedVersion, name: str) -> None:
        """Keep a version of a prompt for `find_version`. A version with this digest stays as it is."""
        ...

    def find_version(self, name: str, digest: str) -> PublishedVersion | None:
        """Return a version that was put, also one that no document has any more; None if there is none."""
        ...


def append_document(registry: Registry, document: ReleaseDocument) -> StoredDocument:
    """Append a document and return what the registry has then, also if the answer of the registry was lost.

    An entry's id is unique, so that a document that was written before an error is recognised, also if others were
    appended since. Raises RaceLostError and RegistryError.
    """
    try:
        return registry.append(document)
    except EvalgateError as error:
        try:
            found = _find_entry(registry, document)
        except EvalgateError:
            if not isinstance(error, RegistryError):
                raise error from None
            raise RegistryError(
                f"{error.faults[0].message}; it is not known whether this was written",
                hint="give the same command again: it does nothing twice",
            ) from None
        if found is None:
            raise
        return found


def _find_entry(registry: Registry, wanted: ReleaseDocument) -> StoredDocument | None:
    """Return the document that a registry has of an entry; None if it has none after the one that it follows."""
    last = registry.read(wanted.name)
    if last is None or last.digest == wanted.previous:
        return None
    if last.document.entry.id == wanted.entry.id:
        return last
    mark = wanted.entry.id.encode()
    for data in registry.history(wanted.name):
        if mark in data:
            with contextlib.suppress(DocumentError):
                document = parse_document(data)
                if document.entry.id == wanted.entry.id:
                    return StoredDocument(document=document, data=data)
    return None


def check_name(name: str) -> None:
    """Raise InputError for a name that no registry can keep: blank, with control characters, or longer than 200."""
    if not name.strip() or name != name.strip() or len(name) > 200 or not name.isprintable():
        raise InputError(f'"{name}" cannot be the name of a released prompt', hint="give the gate a plain `name:`")


def check_new_name(registry: Registry, name: str) -> None:
    """Raise InputError for a new name that differs from another one by upper and lower case alone.

    In a clone or an export on macOS and Windows both would have the same file.
    """
    for other in registry.list_names():
        if other != name and quote(other, safe="").lower() == quote(name, safe="").lower():
            raise InputError(
                f'"{name}" differs from "{other}" by upper and lower case alone; on some systems both have one file',
                hint="give the gate another `name:`",
            )


def make_bytes(document: ReleaseDocument, revision: int) -> StoredDocument:
    """Return a document with its number, and its bytes. Raises InputError for one that readers would refuse."""
    numbered = dataclasses.replace(document, revision=revision)
    try:
        data = encode_document(numbered)
    except DocumentError as error:
        raise InputError(
            f"{document.name}: the release document cannot be written: {error}",
            hint="nest parameters, tools, response format and evidence less deeply",
        ) from None
    return StoredDocument(document=numbered, data=data)
