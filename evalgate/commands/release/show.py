"""`release show`: a version with all its fields, the moves of its labels, and its share over time; or all prompts."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.commands.release.history import ReleaseHistory, read_history
from evalgate.errors import InputError
from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.langfuse_projection import LabelFinding, find_projection
from evalgate.release.promotion import find_highest
from evalgate.release.registry import Registry, StoredDocument, check_name
from evalgate.release.version_lookup import find_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareChange:
    """The share of the users, in basis points, that a version has since a revision; 0 at the end of its rollout."""

    revision: int
    at: str
    who: str
    kind: str
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVersion:
    """A version of a prompt with its active labels, the revisions that name it, and its share over time.

    `findings` are the labels in Langfuse that differ from the last document, whichever version they are of.
    """

    history: ReleaseHistory
    version: PublishedVersion
    labels: tuple[str, ...]
    moves: tuple[StoredDocument, ...]
    shares: tuple[ShareChange, ...]
    findings: tuple[LabelFinding, ...] = ()


def list_prompts(registry: Registry) -> list[StoredDocument]:
    """Return the last documents of all prompts, by name. Raises RegistryError."""
    found = (registry.read(name) for name in registry.list_names())
    return [one for one in found if one is not None]


def show_version(registry: Registry, called: str) -> ShownVersion:
    """Return a version by NAME, or by NAME@VERSION, which is a label, a semantic version or the start of a digest.

    Without a version it is the one in production, else the highest. Raises InputError and RegistryError.
    """
    check_name(called)
    name, wanted = _split(registry, called)
    history = read_history(registry, name)
    document = history.last.document
    if wanted is None:
        version = document.find_label("production") or find_highest(document)
        if version is None:
            raise InputError(f"{name}: no version was published", hint="evalgate release publish")
    else:
        version = find_version(registry, document, wanted)
    digest = version.digest
    projection = find_projection(registry)
    return ShownVersion(
        history=history,
        version=version,
        labels=tuple(sorted(label for label, one in document.labels.items() if one == digest)),
        moves=tuple(
            one for one in history.revisions if digest in (one.document.entry.origin, one.document.entry.target)
        ),
        shares=tuple(_list_shares([one.document for one in history.revisions], digest)),
        findings=() if projection is None else tuple(projection.inspect(document)),
    )


def _split(registry: Registry, called: str) -> tuple[str, str | None]:
    """Return the name and the version. A name may have an @ of its own."""
    name, at, version = called.rpartition("@")
    if not at or not version or registry.read(called) is not None:
        return called, None
    return name, version


def _list_shares(documents: list[ReleaseDocument], digest: str) -> list[ShareChange]:
    changes: list[ShareChange] = []
    for document in documents:
        rollout = document.rollout
        is_candidate = rollout is not None and rollout["candidate"] == digest
        share = rollout["share"] if rollout is not None and is_candidate else 0
        kind = rollout["kind"] if rollout is not None and is_candidate else "ended"
        before = (changes[-1].share, changes[-1].kind) if changes else (0, "ended")
        if (share, kind) != before:
            changes.append(
                ShareChange(revision=document.revision, at=document.at, who=document.entry.who, kind=kind, share=share)
            )
    return changes
