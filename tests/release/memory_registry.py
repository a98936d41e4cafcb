"""A registry in memory, for tests that need neither a file nor a repository."""

from __future__ import annotations

from collections.abc import Iterator

from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.registry import RaceLostError, StoredDocument, check_name, make_bytes


class MemoryRegistry:
    """Keep documents and versions in memory, by the name of their prompt."""

    def __init__(self) -> None:
        self.documents: dict[str, list[StoredDocument]] = {}
        self.versions: dict[tuple[str, str], PublishedVersion] = {}

    @property
    def url(self) -> str:
        return "memory:"

    def list_names(self) -> list[str]:
        return sorted(self.documents)

    def read(self, name: str) -> StoredDocument | None:
        known = self.documents.get(name)
        return known[-1] if known else None

    def history(self, name: str) -> Iterator[bytes]:
        return iter([one.data for one in self.documents.get(name, [])])

    def append(self, document: ReleaseDocument) -> StoredDocument:
        check_name(document.name)
        last = self.read(document.name)
        if (None if last is None else last.digest) != document.previous:
            assert last is not None, "the documents are gone"
            raise RaceLostError(last)
        stored = make_bytes(document, 1 if last is None else last.document.revision + 1)
        self.documents.setdefault(document.name, []).append(stored)
        return stored

    def put(self, version: PublishedVersion, name: str) -> None:
        self.versions.setdefault((name, version.digest), version)

    def find_version(self, name: str, digest: str) -> PublishedVersion | None:
        return self.versions.get((name, digest))
