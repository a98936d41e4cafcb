"""A registry that dies at one of its writes, before or after it, or loses the answer, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.registry import Registry, RegistryError, StoredDocument

Failure: TypeAlias = Literal["before", "after", "answer"]
FAILURES: tuple[Failure, ...] = ("before", "after", "answer")


class DiedError(BaseException):
    """The process ends here: no code of the command runs after it."""


@dataclass(kw_only=True)
class FailingRegistry:
    """Hand everything on to another registry, but fail at the write with a number, which counts from 1.

    The process dies "before" or "after" the write; or the write is done and its "answer" is lost, so that the command
    continues with an error. `reads_fail` lets each read after a lost answer fail too.
    """

    inner: Registry
    at: int
    failure: Failure
    reads_fail: bool = False
    writes: int = 0
    _lost: bool = field(default=False, init=False)

    @property
    def url(self) -> str:
        return self.inner.url

    def list_names(self) -> list[str]:
        self._check_read()
        return self.inner.list_names()

    def read(self, name: str) -> StoredDocument | None:
        self._check_read()
        return self.inner.read(name)

    def history(self, name: str) -> Iterator[bytes]:
        self._check_read()
        return self.inner.history(name)

    def append(self, document: ReleaseDocument) -> StoredDocument:
        self._start()
        stored = self.inner.append(document)
        self._end()
        return stored

    def put(self, version: PublishedVersion, name: str) -> None:
        self._start()
        self.inner.put(version, name)
        self._end()

    def find_version(self, name: str, digest: str) -> PublishedVersion | None:
        self._check_read()
        return self.inner.find_version(name, digest)

    def _start(self) -> None:
        self.writes += 1
        if self.writes == self.at and self.failure == "before":
            raise DiedError

    def _end(self) -> None:
        if self.writes != self.at:
            return
        if self.failure == "after":
            raise DiedError
        self._lost = True
        raise RegistryError("the answer was lost")

    def _check_read(self) -> None:
        if self._lost and self.reads_fail:
            raise RegistryError("the registry is down")
