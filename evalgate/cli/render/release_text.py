"""The text of `evalgate release`: histories, lists of prompts, and verified ledgers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalgate.commands.release.history import ReleaseHistory
from evalgate.commands.release.verify import VerifiedLedger
from evalgate.domain.numbers import show_count
from evalgate.release.checked_value import DocumentError
from evalgate.release.document import Entry, PublishedVersion, ReleaseDocument
from evalgate.release.registry import StoredDocument
from evalgate.release.rollout.transitions import VERBS
from evalgate.release.rollout_change import describe_verb
from evalgate.report.escape import line, prose
from evalgate.report.wrapped_text import WIDTH, wrap_words

_VERSION_LENGTH = 20


def render_history(found: ReleaseHistory) -> str:
    """Render the revisions of a prompt as a table of 80 columns, newest first."""
    rows = [_head("revision", "at", "what", "from -> to"), "-" * WIDTH]
    documents = [one.document for one in found.revisions]
    for before, document in reversed(list(zip([None, *documents], documents, strict=False))):
        entry = document.entry
        rows.append(
            _head(str(document.revision), document.at, describe_entry(entry), describe_change(entry, found.versions))
        )
        step = describe_step(before, document)
        rows += [wrap_words(step, indent=" " * 10)] if step else []
        rows.append(wrap_words(describe_reason(entry), indent=" " * 10))
        if entry.run_url is not None:
            rows.append(wrap_words(entry.run_url, indent=" " * 10))
    return "\n".join(rows)


def render_prompts(prompts: Sequence[StoredDocument]) -> str:
    """Render all prompts of a registry with their labels and their rollouts."""
    if not prompts:
        return "the registry is empty: evalgate release publish"
    rows = []
    for one in prompts:
        document = one.document
        labels = [f"{label} {document.versions[digest].version}" for label, digest in sorted(document.labels.items())]
        if document.rollout is not None:
            candidate = document.versions[document.rollout["candidate"]].version
            labels.append(f"{format_share(document.rollout['share'])} of the users get {candidate}")
        text = f"{document.name}: {', '.join(labels) or 'no labels'} (revision {document.revision}, {document.at})"
        rows.append(wrap_words(text, indent="  ", first=""))
    return "\n".join(rows)


def describe_ledger(one: VerifiedLedger) -> str:
    """Describe the outcome of verifying a ledger."""
    count = show_count(one.revisions, "revision")
    if one.first_break is None:
        return wrap_words(f"{one.name}: {count}, the ledger is whole", indent="  ", first="")
    return wrap_words(f"{one.name}: {count}, the ledger is broken: {one.first_break}", indent="  ", first="")


def describe_entry(entry: Entry) -> str:
    """Describe what an entry did: its verb, and the label that it moved."""
    return f"{entry.verb} {entry.label}" if entry.label else entry.verb


def describe_step(before: ReleaseDocument | None, document: ReleaseDocument) -> str:
    """Describe what a revision did to a rollout, in plain words; empty if it did nothing to one."""
    if before is None or not (document.entry.verb in VERBS or (before.rollout and document.rollout is None)):
        return ""
    try:
        return describe_verb(before, document)
    except DocumentError:
        return ""


def describe_reason(entry: Entry) -> str:
    """Describe who made an entry, and why."""
    return f"{entry.who}: {entry.why}" if entry.why.strip() else entry.who


def describe_change(entry: Entry, versions: Mapping[str, PublishedVersion]) -> str:
    """Describe the versions that an entry moved from and to."""
    if entry.target is None:
        return "" if entry.origin is None else f"{name_version(entry.origin, versions)} -> none"
    target = name_version(entry.target, versions)
    if entry.label is None:
        return target
    return f"{'none' if entry.origin is None else name_version(entry.origin, versions)} -> {target}"


def name_version(digest: str, versions: Mapping[str, PublishedVersion]) -> str:
    """Return the number of a version, or the start of its digest if its content is not at hand."""
    version = versions.get(digest)
    return digest[:12] if version is None else prose(version.version, most=_VERSION_LENGTH)


def format_share(points: int) -> str:
    """Format a share in basis points as a percentage."""
    return f"{points / 100:g} %"


def _head(revision: str, at: str, what: str, change: str) -> str:
    return f"{revision:>8}  {line(at[:20]):<20}  {line(prose(what, most=24)):<20}  {line(change)}".rstrip()
