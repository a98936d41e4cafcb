"""Chains of release documents for tests of readers: revisions of one prompt, each with its bytes."""

from __future__ import annotations

from typing import Any

from release.documents import make_document, make_version

from evalgate.release.document import ReleaseDocument, digest_document, encode_document


def make_revision(
    revision: int, previous: bytes | None, *, text: str = "Hello ", name: str = "support", **changes: Any
) -> bytes:
    """Return the bytes of a revision whose production version has the number 1.0.REVISION."""
    version = make_version(f"1.0.{revision}", text)
    document: ReleaseDocument = make_document(
        version,
        name=name,
        labels={"production": version},
        revision=revision,
        previous=None if previous is None else digest_document(previous),
        **changes,
    )
    return encode_document(document)


def make_chain(length: int, **changes: Any) -> list[bytes]:
    chain: list[bytes] = []
    for revision in range(1, length + 1):
        chain.append(make_revision(revision, chain[-1] if chain else None, **changes))
    return chain


def make_rollout(share: int, *, name: str = "support") -> bytes:
    """Return a document with a rollout: 1.0.0 in production, 1.1.0 the candidate."""
    control, candidate = make_version(), make_version("1.1.0", "Hi ")
    rollout = {
        "kind": "canary",
        "control": control.digest,
        "candidate": candidate.digest,
        "share": share,
        "salt": "support:3f2a",
    }
    document = make_document(
        control, candidate, name=name, labels={"production": control, "canary": candidate}, rollout=rollout
    )
    return encode_document(document)
