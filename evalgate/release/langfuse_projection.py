"""The projection of a release document: ordinary versions and labels in Langfuse, for people and for its own SDK.

It follows the documents and decides nothing. Readers of evalgate never look at it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from evalgate.errors import InputError
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import PublishedVersion, ReleaseDocument, parse_document
from evalgate.release.langfuse_chain import FOLDER, make_label_name, make_version_label
from evalgate.release.langfuse_contents import LangfuseContents, is_own_source, make_langfuse_contents, make_source
from evalgate.release.langfuse_registry import LangfuseRegistry
from evalgate.release.promotion import find_highest
from evalgate.release.registry import Registry, RegistryError
from evalgate.services.langfuse_errors import LangfuseError, LangfuseLostError, LangfuseRaceError
from evalgate.services.langfuse_prompts import LangfusePrompt

READ_BACK_SECONDS = 2.0
"""A save beside the move of a label may take it off again, after a first read that finds it."""

_ROUNDS = 4
_TRIES = 3
_SCANNED = 50
"""Versions that are read at most, newest first, to find one that has lost its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """The labels that Langfuse has now, and the numbers of their versions there. `changed` is what was written."""

    name: str
    revision: int
    labels: Mapping[str, int]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFinding:
    """A label in Langfuse that differs from the document. `versions` are the numbers of its holders.

    "moved" is by hand; "lost" and "doubled" are what a race leaves; "proposal" is `staging` on a version that no
    document knows.
    """

    label: str
    kind: Literal["moved", "lost", "doubled", "proposal"]
    versions: tuple[int, ...]


def find_projection(registry: Registry) -> LangfuseProjection | None:
    """Return the projection of a registry; None for one that has none."""
    return LangfuseProjection(registry) if isinstance(registry, LangfuseRegistry) else None


class LangfuseProjection:
    """Writes and checks the ordinary prompts of a project. Raises RegistryError, and InputError for unfit contents."""

    def __init__(self, registry: LangfuseRegistry) -> None:
        self._registry = registry
        self._langfuse = registry.langfuse

    def write(self, name: str) -> Projected:
        """Write the labels of the last document of a prompt, and read them back. What is right stays as it is."""
        try:
            for _ in range(_TRIES):
                last = self._registry.read(name)
                if last is None:
                    raise InputError(f'{self._registry.url} has no prompt "{name}"', hint="evalgate release publish")
                done = self._write(last.document)
                now = self._registry.read(name)
                if now is not None and now.digest == last.digest:
                    return done
        except LangfuseError as error:
            raise RegistryError(f"langfuse:{error.faults[0].message}", hint=error.faults[0].hint) from None
        raise RegistryError(f"{self._registry.url}: {name} is being released all the time", hint=_again(name))

    def inspect(self, document: ReleaseDocument) -> list[LabelFinding]:
        """Return the labels that differ. Those that the document has not are the team's own, but for proposals."""
        try:
            wanted = _list_labels(document)
            found = [self._inspect_label(document, label, digest) for label, digest in wanted.items()]
            if "staging" not in wanted:
                found.append(self._inspect_label(document, "staging", None))
        except LangfuseError as error:
            raise RegistryError(f"langfuse:{error.faults[0].message}", hint=error.faults[0].hint) from None
        return [one for one in found if one is not None]

    def identify(self, document: ReleaseDocument, found: LangfusePrompt) -> str | None:
        """Return the digest of the published version that a version of Langfuse is; None if no document has it."""
        try:
            return self._identify(document, found)
        except InputError:  # a published version that Langfuse has no form for
            return None

    def _write(self, document: ReleaseDocument) -> Projected:
        name = _name(document.name)
        changed: list[str] = []
        numbers: dict[str, int] = {}
        wanted = _list_labels(document)
        for digest in dict.fromkeys(wanted.values()):
            number, is_new = self._find_or_create(document, document.versions[digest])
            numbers[digest] = number
            changed += [f"version {number}"] if is_new else []
        places = {label: numbers[digest] for label, digest in wanted.items()}
        production = document.labels.get("production")
        if production is not None and "canary" not in places and self._is_left(document, "canary"):
            # a label cannot be removed: its readers get the version in production
            places["canary"] = numbers[production]
        changed += self._settle(name, places, has_written=bool(changed))
        if changed and places:
            # the server may serve the old version from its cache until the next write
            self._langfuse.add_labels(name, next(iter(places.values())), [])
        return Projected(name=document.name, revision=document.revision, labels=places, changed=tuple(changed))

    def _is_left(self, document: ReleaseDocument, label: str) -> bool:
        """Return whether a label that the document does not have any more is on a version that evalgate wrote."""
        holders = self._find_holders(_name(document.name), label)
        found = [self._langfuse.read(_name(document.name), number) for number in holders]
        return any(one is not None and "evalgate" in one.config for one in found)

    def _settle(self, name: str, places: Mapping[str, int], *, has_written: bool) -> list[str]:
        """Move labels to their versions, and read each back at once and later. Return the labels that were moved."""
        moved: dict[str, None] = {}
        for attempt in range(_ROUNDS):
            wrong = self._find_wrong(name, places)
            if not wrong and (attempt or not has_written):
                return list(moved)
            for label in wrong:
                self._langfuse.add_labels(name, places[label], [label])
                moved[label] = None
            for label in self._find_wrong(name, places):
                self._langfuse.add_labels(name, places[label], [label])
            time.sleep(READ_BACK_SECONDS)
        wrong = self._find_wrong(name, places)
        if wrong:
            raise RegistryError(
                f"{self._registry.url}: {name}: another writer moves {', '.join(wrong)} at the same time",
                hint="see who saves versions in Langfuse, and write the labels again: evalgate release project",
            )
        return list(moved)

    def _find_wrong(self, name: str, places: Mapping[str, int]) -> list[str]:
        return [label for label, number in places.items() if self._find_holders(name, label) != (number,)]

    def _find_holders(self, name: str, label: str) -> tuple[int, ...]:
        found = self._langfuse.find_prompt(name, label=label)
        return () if found is None else found.versions

    def _find_or_create(self, document: ReleaseDocument, version: PublishedVersion) -> tuple[int, bool]:
        """Return the number of a version in Langfuse, and whether it was written now."""
        name = _name(document.name)
        for _ in range(_TRIES):
            contents, number = self._find(document, version)
            if number is not None:
                return number, False
            label = make_version_label(version)
            message = f"{version.version}: {' '.join(version.reason.split())}"[:500]
            try:
                if isinstance(contents.prompt, str):
                    made = self._langfuse.create(
                        name, contents.prompt, config=contents.config, labels=[label], message=message
                    )
                else:
                    made = self._langfuse.create_chat(
                        name, contents.prompt, config=contents.config, labels=[label], message=message
                    )
            except (LangfuseRaceError, LangfuseLostError) as error:
                lost = error
                continue
            return made.version, True
        raise lost

    def _find(self, document: ReleaseDocument, version: PublishedVersion) -> tuple[LangfuseContents, int | None]:
        """Return what a version is in Langfuse, and its number there if it is there already."""
        name = _name(document.name)
        listing = self._langfuse.find_prompt(name)
        if listing is None:
            return make_langfuse_contents(document.name, version, is_text=False), None
        contents: LangfuseContents | None = None
        first = self._find_holders(name, make_version_label(version))
        sources = [number for number in listing.versions if version.source == make_source(name, number)]
        first = (*sources, *(number for number in first if number not in sources))
        newest = [number for number in reversed(listing.versions) if number not in first]
        for number in [*first, *newest[:_SCANNED]]:
            found = self._langfuse.read(name, number)
            if found is None:
                continue
            if contents is None:
                contents = make_langfuse_contents(document.name, version, is_text=isinstance(found.prompt, str))
            is_source = is_own_source(version, name, number, found.prompt, found.config)
            if is_source or contents.is_same(found.prompt, found.config):
                return contents, number
        return contents or make_langfuse_contents(document.name, version, is_text=False), None

    def _inspect_label(self, document: ReleaseDocument, label: str, digest: str | None) -> LabelFinding | None:
        name = _name(document.name)
        holders = self._find_holders(name, label)
        if not holders:
            return None if digest is None else LabelFinding(label=label, kind="lost", versions=())
        known = [self._identify(document, self._langfuse.read(name, number)) for number in holders]
        if digest is not None and digest in known:
            return None if len(holders) == 1 else LabelFinding(label=label, kind="doubled", versions=holders)
        if label == "staging" and None in known:
            return LabelFinding(label=label, kind="proposal", versions=holders)
        return None if digest is None else LabelFinding(label=label, kind="moved", versions=holders)

    def _identify(self, document: ReleaseDocument, found: LangfusePrompt | None) -> str | None:
        """Return the digest of the published version that a version of Langfuse is; None if no document has it."""
        if found is not None and (own := self._find_made_of(document, found)) is not None:
            return own.digest
        about = None if found is None else found.config.get("evalgate")
        digest = about.get("digest") if isinstance(about, dict) else None
        if found is None or not isinstance(digest, str):
            return None
        version = document.versions.get(digest) or self._registry.find_version(document.name, digest)
        if version is None:
            return None
        contents = make_langfuse_contents(document.name, version, is_text=isinstance(found.prompt, str))
        return digest if contents.is_same(found.prompt, found.config) else None

    def _find_made_of(self, document: ReleaseDocument, found: LangfusePrompt) -> PublishedVersion | None:
        """Return the published version that was made of a version of Langfuse, in whichever document it is."""
        source = make_source(found.name, found.version)
        for version in self._list_versions(document):
            is_named = version.source == source
            if is_named and is_own_source(version, found.name, found.version, found.prompt, found.config):
                return version
        return None

    def _list_versions(self, document: ReleaseDocument) -> Iterator[PublishedVersion]:
        yield from document.versions.values()
        for data in self._registry.history(document.name):
            with contextlib.suppress(DocumentError):
                yield from parse_document(data).versions.values()


def _list_labels(document: ReleaseDocument) -> dict[str, str]:
    """Return the labels of a document, and those of the numbers of its labelled and its highest versions."""
    highest = find_highest(document)
    shown = [document.versions[digest] for digest in dict.fromkeys(document.labels.values())]
    shown += [highest] if highest is not None and highest not in shown else []
    return {**{make_version_label(one): one.digest for one in shown}, **document.labels}


def _name(name: str) -> str:
    """Return the name of the ordinary prompt in Langfuse. Raises InputError for one in the folder of documents."""
    if name.startswith(FOLDER):
        raise InputError(f"{name} cannot be a prompt of Langfuse: {FOLDER} is the folder of release documents")
    return make_label_name(name)


def _again(name: str) -> str:
    return f"write the labels again: evalgate release project {name}"
