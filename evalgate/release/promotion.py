"""Whether a label may move, and the document that follows. Pure: a document and a request to the next document."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semver import Version

from evalgate.domain.numbers import show_count
from evalgate.errors import InputError
from evalgate.release.document import LABELS, PAST_KEPT, Entry, PublishedVersion, ReleaseDocument
from evalgate.release.registry import RefusedError, StoredDocument

_EARLIER_KEPT = 1
"""Earlier versions in production whose content a document has, beside the present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who runs a command, when (UTC, such as 2026-01-31T12:00:00Z), and the page of the workflow run, if any.

    `id` is unique to the command. The entry that it makes has it.
    """

    id: str
    who: str
    at: str
    run_url: str | None = None


def publish_version(last: StoredDocument | None, name: str, version: PublishedVersion, by: Actor) -> ReleaseDocument:
    """Return the document that adds a version. No label moves.

    Raises RefusedError if its number is at or below the highest published one, which has another content.
    """
    check_number(last, name, version.version)
    entry = make_entry("publish", version.reason, by, target=version.digest)
    rollout = None if last is None else last.document.rollout
    return make_following(last, name, entry, by, versions=[version], rollout=rollout)


def check_number(last: StoredDocument | None, name: str, number: str) -> None:
    """Raise RefusedError for the number of a new version that is at or below the highest published one."""
    highest = None if last is None else find_highest(last.document)
    if highest is not None and Version.parse(number) <= Version.parse(highest.version):
        what = "has another content" if highest.version == number else f"is below {highest.version}"
        raise RefusedError(
            f"{name}: {number} {what}, which was published at {highest.at}",
            hint=f"declare a version above {highest.version}",
        )


def next_number(last: StoredDocument | None, level: str) -> str:
    """Return the number of a version that declares none: the highest published one, raised by its change level."""
    highest = None if last is None else find_highest(last.document)
    if highest is None:
        return "1.0.0"
    number = Version.parse(highest.version)
    raised = {"PATCH": number.bump_patch, "MINOR": number.bump_minor, "MAJOR": number.bump_major}
    return str(raised[level]())


def promote_version(
    last: StoredDocument,
    version: PublishedVersion,
    label: str,
    by: Actor,
    why: str,
    *,
    hours: float = 0,
) -> ReleaseDocument:
    """Return the document that moves a label to a published version.

    `hours` is for how long the rollout in progress has given it to users, by the ledger. A promotion of its candidate
    to production ends a rollout. Raises RefusedError, with what is missing, if the version may not have the label.
    """
    document = last.document
    if label not in LABELS:
        raise InputError(f'"{label}" is not a label', hint=f"the labels are {', '.join(LABELS)}")
    missing = find_missing(document, version, label, hours)
    if missing:
        raise RefusedError(
            f"{document.name}: {version} may not be {label}: {'; '.join(one.what for one in missing)}",
            hint="; ".join(dict.fromkeys(one.remedy for one in missing)),
        )
    before = document.labels.get(label)
    ends = label == "production" and is_candidate(document, version)
    evidence = make_canary_evidence(hours) if ends else None
    entry = make_entry("promote", why, by, label=label, origin=before, target=version.digest, evidence=evidence)
    labels = {**document.labels, label: version.digest}
    past = document.past
    if label == "production":
        past = follow_past(document, version.digest)
    if ends and labels.get("canary") == version.digest:
        del labels["canary"]
    rollout = None if ends else document.rollout
    return make_following(last, document.name, entry, by, versions=[version], labels=labels, past=past, rollout=rollout)


def is_candidate(document: ReleaseDocument, version: PublishedVersion) -> bool:
    """Return whether a version is the candidate of the rollout in progress."""
    return document.rollout is not None and document.rollout["candidate"] == version.digest


def make_canary_evidence(hours: float) -> dict[str, Any]:
    """Return the evidence of a promotion that ends a rollout: for how long, by the ledger, users had the version."""
    return {"canary": {"hours": round(hours, 2)}}


def follow_past(document: ReleaseDocument, digest: str) -> tuple[str, ...]:
    """Return the earlier versions in production once another version is production."""
    before = document.labels.get("production")
    return tuple(one for one in (before, *document.past) if one is not None and one != digest)[:PAST_KEPT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """What a version lacks for a label, as a phrase, and what to do about it."""

    what: str
    remedy: str


def find_missing(document: ReleaseDocument, version: PublishedVersion, label: str, hours: float = 0) -> list[Lack]:
    """Return all that a version lacks for a label; empty if it may have it.

    `hours` is for how long the rollout in progress has given the version to users. Production needs the canary and the
    sign-off that the policy of the version's level required. A version that was in production before and was not rolled
    back needs no second canary, and the first one has nothing to compare with. If production is another version than
    the one that the level was measured against, the canary is that of a MINOR change at least: the version may bring
    what was rolled back.
    """
    missing = []
    decision = version.evaluation.decision
    if decision not in _PASSED:
        what = "its gate failed" if decision == "FAIL" else f"its gate gave {decision}, which is not a pass"
        missing.append(Lack(what=what, remedy="publish a version whose gate passes: evalgate release publish"))
    name = shlex.quote(document.name)
    if document.rollout is not None and not is_candidate(document, version) and label in _find_taken(document.rollout):
        remedy = f"end it first: evalgate release abort {name} --reason TEXT"
        missing.append(Lack(what="a rollout of another version is in progress", remedy=remedy))
    if label != "production":
        return missing
    needed, what = find_canary(document, version)
    if hours < needed:
        remedy = f"start its rollout: evalgate release start {name} --version {version.version}"
        if is_candidate(document, version):
            what += f", and its rollout has given it to users for {math.floor(10 * hours) / 10:g}"
            remedy = f"wait for its rollout, or go on without it: evalgate release advance {name} --reason TEXT"
        missing.append(Lack(what=what, remedy=remedy))
    return [*missing, *_find_missing_sign_off(version)]


def _find_taken(rollout: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the labels that no other version may have during a rollout: on staging, also that of staging."""
    return ("production", "canary", "staging") if rollout.get("stage") == 0 else ("production", "canary")


def find_canary(document: ReleaseDocument, version: PublishedVersion) -> tuple[int, str]:
    """Return the hours of the canary that a version needs before production, and the phrase that says so."""
    production = document.find_label("production")
    if production is None or version.digest in document.past:
        return 0, ""
    hours, baseline = version.canary_hours, version.evaluation.baseline
    if baseline is not None and not _is_reached(document, production, baseline):
        hours = max(hours, version.evaluation.minor_canary_hours)
    if hours == version.canary_hours:
        return hours, f"a {version.level} change needs a canary of {show_count(hours, 'hour')}"
    return hours, (
        f"its level, {version.level}, is that of the change from {str(baseline)[:12]}, and production is {production}: "
        f"it needs a canary of {show_count(hours, 'hour')}, as a MINOR change does"
    )


def _is_reached(document: ReleaseDocument, production: PublishedVersion, baseline: str) -> bool:
    """Return whether production is the version that a level was measured against, or a next one that needed no canary.

    Of two versions that are published one after the other, both may become production in turn.
    """
    if production.digest == baseline:
        return True
    from_same = production.evaluation.baseline == baseline and not production.canary_hours
    return from_same and baseline in document.past


_PASSED = ("PASS", "INCONCLUSIVE")
"""Decisions of a published version: INCONCLUSIVE is published only where the policy of its level lets that merge."""


def _find_missing_sign_off(version: PublishedVersion) -> list[Lack]:
    if not version.needs_sign_off:
        return []
    remedy = "let a person sign off the report of this version before it is published"
    if version.sign_off is None:
        return [Lack(what=f"a {version.level} change needs a sign-off, and its report has none", remedy=remedy)]
    if version.sign_off.subject != version.evaluation.subject:
        return [Lack(what=f"the sign-off by {version.sign_off.by} is for another report", remedy=remedy)]
    return []


def find_rollback(document: ReleaseDocument) -> str:
    """Return the digest that a rollback goes to by default: the production that stays when a rollout ends, else the
    last version in production that was not itself rolled back.

    Raises InputError if there is none.
    """
    if document.rollout is not None and "production" in document.labels:
        return document.labels["production"]
    if document.past:
        return document.past[0]
    raise InputError(
        f"{document.name}: there is no older version in production to roll back to",
        hint=f"promote another version: evalgate release promote {shlex.quote(document.name)} --to production",
    )


def roll_back(
    last: StoredDocument, version: PublishedVersion, by: Actor, why: str, *, evidence: Mapping[str, Any] | None = None
) -> ReleaseDocument:
    """Return the document that makes an earlier version production again and ends a rollout.

    The present version in production counts as rolled back: no later rollback goes to it by default. `evidence` is that
    of a tick which rolled back.
    """
    document = last.document
    before = document.labels.get("production")
    past = document.past
    if version.digest in past:
        past = past[past.index(version.digest) + 1 :]
    labels = {**document.labels, "production": version.digest}
    candidate = None if document.rollout is None else document.rollout["candidate"]
    if candidate is not None and labels.get("canary") == candidate:
        del labels["canary"]
    entry = make_entry(
        "rollback",
        why,
        by,
        label="production",
        origin=candidate or before,
        target=version.digest,
        evidence=evidence,
    )
    return make_following(last, document.name, entry, by, versions=[version], labels=labels, past=past, rollout=None)


def find_highest(document: ReleaseDocument) -> PublishedVersion | None:
    """Return the version with the highest number, which every document has: numbers only grow."""
    return max(document.versions.values(), key=lambda one: Version.parse(one.version), default=None)


def make_entry(
    verb: str,
    why: str,
    by: Actor,
    *,
    target: str,
    label: str | None = None,
    origin: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Entry:
    """Return the entry of a verb; `label` moved from `origin` to `target`."""
    return Entry(
        id=by.id,
        verb=verb,
        who=by.who,
        why=why,
        label=label,
        origin=origin,
        target=target,
        run_url=by.run_url,
        evidence=evidence,
    )


def make_following(
    last: StoredDocument | None,
    name: str,
    entry: Entry,
    by: Actor,
    *,
    rollout: Mapping[str, Any] | None,
    versions: Sequence[PublishedVersion] = (),
    labels: Mapping[str, str] | None = None,
    past: tuple[str, ...] | None = None,
    monitoring: Mapping[str, Any] | None = None,
) -> ReleaseDocument:
    """Return the next document, with the versions that are labelled, on trial, lately in production, or newest.

    `labels` and `past` stay as they are without a value; so does the monitoring as long as production does not move.
    """
    before = None if last is None else last.document
    now = labels if labels is not None else {} if before is None else before.labels
    earlier = past if past is not None else () if before is None else before.past
    if before is not None and monitoring is None and now.get("production") == before.labels.get("production"):
        monitoring = before.monitoring
    known = {} if before is None else dict(before.versions)
    known |= {version.digest: version for version in versions}
    highest = max(known.values(), key=lambda one: Version.parse(one.version))
    needed = {*now.values(), *earlier[:_EARLIER_KEPT], highest.digest}
    if rollout is not None:
        needed |= {rollout["candidate"], rollout["control"]}
    return ReleaseDocument(
        name=name,
        revision=1 if before is None else before.revision + 1,
        previous=None if last is None else last.digest,
        at=by.at,
        entry=entry,
        labels=dict(now),
        past=earlier,
        rollout=rollout,
        versions={digest: one for digest, one in known.items() if digest in needed},
        monitoring=monitoring,
    )
