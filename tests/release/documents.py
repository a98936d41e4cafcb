"""Release documents for tests: a version, a chain of documents, and Hypothesis strategies of both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evalgate.release.document import (
    Approval,
    Entry,
    Evaluation,
    PublishedMessage,
    PublishedVersion,
    ReleaseDocument,
    Variable,
)

AT = "2026-11-29T12:00:00Z"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_version(number: str = "1.0.0", text: str = "Hello ", **changes: Any) -> PublishedVersion:
    """Return a version whose digest depends on its number and text."""
    subject = digest_of(f"subject {number} {text}")
    given = PublishedVersion(
        digest=digest_of(f"{number} {text}"),
        version=number,
        author="Ada <ada@example.com>",
        at=AT,
        reason="Greet the user by name.",
        git_sha="0123456789abcdef0123456789abcdef01234567",
        source="prompts/support.prompt.yml",
        model="gpt-5-mini",
        parameters={"temperature": 0},
        response_format=None,
        tools=(),
        messages=(
            PublishedMessage(role="system", parts=("You are support.",)),
            PublishedMessage(role="user", parts=(text, Variable(name="name"), "!")),
        ),
        level="MINOR",
        canary_hours=0,
        needs_sign_off=False,
        sign_off=None,
        evaluation=Evaluation(
            decision="PASS",
            evaluated=digest_of(f"{number} {text}"),
            subject=subject,
            report=digest_of(f"report {number}"),
            run_id="0a1b2c3d4e5f",
            at=AT,
            dataset=digest_of("dataset"),
            cases=68,
            policy=digest_of("policy"),
            scores={"faithfulness": {"value": 0.91, "low": 0.86, "high": 0.95, "n": 68}},
        ),
    )
    return replace(given, **changes)


def sign(version: PublishedVersion, by: str = "grace") -> PublishedVersion:
    """Return a version with a sign-off of its report."""
    approval = Approval(
        by=by, at=AT, kind="review", commit=version.git_sha or "", subject=version.evaluation.subject, url=""
    )
    return replace(version, sign_off=approval)


def make_entry(verb: str = "publish", **changes: Any) -> Entry:
    given = Entry(id=digest_of(f"{verb} {sorted(changes.items(), key=str)}")[:32], verb=verb, who="ada", why="because")
    return replace(given, **changes)


def make_document(
    *versions: PublishedVersion,
    name: str = "support",
    labels: Mapping[str, PublishedVersion] | None = None,
    **changes: Any,
) -> ReleaseDocument:
    """Return a first document that has these versions, with labels on some of them."""
    given = ReleaseDocument(
        name=name,
        revision=1,
        previous=None,
        at=AT,
        entry=make_entry(target=versions[-1].digest if versions else None),
        labels={label: version.digest for label, version in (labels or {}).items()},
        past=(),
        rollout=None,
        versions={version.digest: version for version in versions},
    )
    return replace(given, **changes)
