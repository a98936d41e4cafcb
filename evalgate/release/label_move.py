"""What a command did to a label: what it moved to, where from, and whether anything changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evalgate.release.document import PublishedVersion, ReleaseDocument
from evalgate.release.registry import Registry, StoredDocument, append_document


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMove:
    """A label of a prompt, the version that it has now, and the one before.

    `stored` is the last document of the registry. `result` is "planned" in a dry run, and "unchanged" if the label
    already was there; `why_not` then says who moved it, where that matters. `warning` is empty, or a sentence that a
    person has to read.
    """

    stored: StoredDocument
    label: str
    version: PublishedVersion
    before: PublishedVersion | None
    result: Literal["moved", "planned", "unchanged"]
    why_not: str = ""
    warning: str = ""


def move_label(
    registry: Registry, last: StoredDocument, following: ReleaseDocument, version: PublishedVersion, *, dry_run: bool
) -> LabelMove:
    """Append the document that moves a label, and return the move. Raises RaceLostError and RegistryError."""
    entry = following.entry
    return LabelMove(
        stored=last if dry_run else append_document(registry, following),
        label=entry.label or "",
        version=version,
        before=None if entry.origin is None else last.document.versions.get(entry.origin),
        result="planned" if dry_run else "moved",
    )


def describe_move(done: LabelMove) -> str:
    """Return a sentence on what a command did to a label, or would do; each channel has to escape it."""
    told = _describe_result(done)
    return f"{told}. Warning: {done.warning}" if done.warning else told


def _describe_result(done: LabelMove) -> str:
    document = done.stored.document
    before = "" if done.before is None else f", after {done.before.version}"
    if done.result == "unchanged":
        told = f": {done.why_not}" if done.why_not else ""
        return f"{document.name}: {done.label} is {done.version} already; nothing to do{told}"
    if done.result == "planned":
        return f"{document.name}: {done.label} would be {done.version}{before}; nothing was written"
    return f"{document.name}: {done.label} is {done.version} now{before} (revision {document.revision})"
