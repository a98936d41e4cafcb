"""Registries with a story in them, and actors, for tests of the verbs."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from release.documents import AT, make_version

from evalgate.release.document import PublishedVersion
from evalgate.release.ledger import verify
from evalgate.release.promotion import Actor, promote_version, publish_version, roll_back
from evalgate.release.registry import Registry, StoredDocument, append_document
from evalgate.release.registry_access import open_registry

KINDS = ("sqlite", "git")
ONE, TWO, THREE = (make_version(f"1.{number}.0", f"Hello {number}, ") for number in range(3))
_ids: Iterator[int] = itertools.count(1)


def make_actor(who: str = "ada", *, after: StoredDocument | None = None) -> Actor:
    """Return an actor with an id of its own, who acts at `AT`, or when a later document was appended."""
    at = AT if after is None else max(AT, after.document.at)
    return Actor(id=f"entry-{next(_ids)}", who=who, at=at)


def make_url(kind: str, folder: Path) -> str:
    """Return the URL of an empty registry below a folder."""
    if kind == "sqlite":
        return f"sqlite:{folder / 'releases.sqlite3'}"
    remote = folder / "releases.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    return f"git:{remote}"


def open_empty(kind: str, folder: Path) -> Registry:
    return open_registry(make_url(kind, folder), folder)


def publish(registry: Registry, version: PublishedVersion, by: Actor | None = None) -> StoredDocument:
    """Put a version and append the document that publishes it, unless it is published."""
    last = registry.read("support")
    if last is not None and version.digest in last.document.versions:
        return last
    registry.put(version, "support")
    return append_document(registry, publish_version(last, "support", version, by or make_actor(after=last)))


def promote(registry: Registry, version: PublishedVersion, label: str = "production") -> StoredDocument:
    last = registry.read("support")
    assert last is not None
    return registry.append(promote_version(last, version, label, make_actor(after=last), "good"))


def roll_back_to(registry: Registry, version: PublishedVersion) -> StoredDocument:
    last = registry.read("support")
    assert last is not None
    return registry.append(roll_back(last, version, make_actor(), "bad"))


def tell_story(registry: Registry, *versions: PublishedVersion) -> StoredDocument:
    """Publish each version, and promote it to production."""
    for version in versions:
        publish(registry, version)
        last = promote(registry, version)
    return last


def list_entries(registry: Registry) -> list[tuple[str, str | None]]:
    """Return the verbs and labels of the ledger, which is whole."""
    from evalgate.release.document import parse_document

    data = list(registry.history("support"))
    assert verify(data, "support") is None
    return [(one.entry.verb, one.entry.label) for one in map(parse_document, data)]


@dataclass(kw_only=True)
class InterleavedRegistry:
    """Hand everything on to another registry, but run `meanwhile` once before the first append."""

    inner: Registry
    meanwhile: Callable[[Registry], object] | None

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def append(self, document):  # type: ignore[no-untyped-def]
        first, self.meanwhile = self.meanwhile, None
        if first is not None:
            first(self.inner)
        return self.inner.append(document)
