"""`release import`: append an exported ledger to a registry that is empty, or that has its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.domain.numbers import show_count
from evalgate.release.archive import ReleaseArchive, read_archive
from evalgate.release.document import ReleaseDocument, parse_document
from evalgate.release.ledger import verify
from evalgate.release.registry import (
    PersonNeededError,
    RefusedError,
    Registry,
    StoredDocument,
    append_document,
    check_name,
    check_new_name,
    make_bytes,
)
from evalgate.services.user_files import read_user_file


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseImport:
    """What an import added to a prompt; `stored` is the last document of the registry, or None in a dry run."""

    name: str
    added: int
    present: int
    versions: int
    stored: StoredDocument | None


def import_ledger(registry: Registry, path: Path, *, dry_run: bool = False) -> ReleaseImport:
    """Append the revisions of a file that a registry does not have, with their bytes, so that their digests stay.

    The ledger in the file is verified first. Nothing is written unless the registry has a beginning of this ledger, or
    nothing, and gives each revision the same bytes: numbers from 1 in order, and no key that this version of evalgate
    does not know. An import that was interrupted is continued by the same command.

    Raises RefusedError, InputError for a file that is none, RaceLostError and RegistryError.
    """
    archive = _read(path)
    documents = _check_bytes(archive, path)
    present = list(registry.history(archive.name))
    _check_beginning(registry, archive, present)
    if not present:
        check_new_name(registry, archive.name)
    versions = [one for one in archive.versions if registry.find_version(archive.name, one.digest) is None]
    left = documents[len(present) :]
    done = ReleaseImport(name=archive.name, added=len(left), present=len(present), versions=len(versions), stored=None)
    if dry_run:
        return done
    for version in versions:
        registry.put(version, archive.name)
    for document, data in zip(left, archive.documents[len(present) :], strict=True):
        stored = append_document(registry, document)
        if stored.data != data:
            raise PersonNeededError(
                f"{archive.name}: {registry.url} gave revision {document.revision} other bytes than the file",
                hint="import into a registry that numbers revisions from 1, and remove this prompt from this one",
            )
    return ReleaseImport(
        name=done.name,
        added=done.added,
        present=done.present,
        versions=done.versions,
        stored=registry.read(archive.name),
    )


def _read(path: Path) -> ReleaseArchive:
    archive = read_archive(read_user_file(path), str(path))
    check_name(archive.name)
    return archive


def _check_bytes(archive: ReleaseArchive, path: Path) -> list[ReleaseDocument]:
    """Return the documents of a ledger that is whole, and that a registry would write with the same bytes."""
    found = verify(archive.documents, archive.name)
    if found is not None:
        raise RefusedError(f"{path}: the ledger of {archive.name} is broken: {found}")
    documents = [parse_document(data) for data in archive.documents]
    for number, (document, data) in enumerate(zip(documents, archive.documents, strict=True), start=1):
        if document.name != archive.name:
            raise RefusedError(f"{path}: revision {number} is of another prompt, {document.name}")
        if make_bytes(document, number).data != data:
            reason = (
                f"it has the number {document.revision}"
                if document.revision != number
                else "another version of evalgate wrote it"
            )
            raise RefusedError(
                f"{path}: revision {number} of {archive.name} would not keep its bytes: {reason}",
                hint="import it with the version of evalgate that exported it",
            )
    return documents


def _check_beginning(registry: Registry, archive: ReleaseArchive, present: Sequence[bytes]) -> None:
    for number, data in enumerate(present, start=1):
        if number > len(archive.documents):
            raise RefusedError(
                f"{archive.name}: {registry.url} has {show_count(len(present), 'revision')}, and the file only "
                f"{number - 1} of them",
                hint="export the ledger again",
            )
        if archive.documents[number - 1] != data:
            raise RefusedError(
                f"{archive.name}: {registry.url} has another revision {number} than the file; nothing is overwritten",
                hint="import into an empty registry, or compare them with `evalgate release history`",
            )
