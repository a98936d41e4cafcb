"""The JSON of `evalgate release show` and `evalgate release history`. All characters beyond ASCII are escapes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from evalgate.cli.render import tables
from evalgate.commands.release.history import ReleaseHistory
from evalgate.commands.release.show import ShownVersion
from evalgate.release.document import PublishedVersion, ReleaseDocument, encode_version
from evalgate.release.registry import StoredDocument


def render_history(found: ReleaseHistory) -> str:
    """Render the revisions of a prompt, newest first."""
    revisions = [_describe(one, found.versions) for one in reversed(found.revisions)]
    return tables.render_json({"name": found.name, "revisions": revisions, "unreadable": list(found.unreadable)})


def render_prompts(prompts: Sequence[StoredDocument]) -> str:
    """Render all prompts of a registry with their labels."""
    return tables.render_json({"prompts": [_describe_prompt(one.document) for one in prompts]})


def render_version(shown: ShownVersion) -> str:
    """Render a version with its labels, its moves and its share over time, newest first."""
    document = shown.history.last.document
    return tables.render_json(
        {
            **_describe_prompt(document),
            "version": json.loads(encode_version(shown.version)),
            "active_labels": list(shown.labels),
            "moves": [_describe(one, shown.history.versions) for one in reversed(shown.moves)],
            "shares": [dataclasses.asdict(one) for one in reversed(shown.shares)],
            "findings": [dataclasses.asdict(one) for one in shown.findings],
        }
    )


def _describe_prompt(document: ReleaseDocument) -> dict[str, Any]:
    return {
        "name": document.name,
        "revision": document.revision,
        "at": document.at,
        "labels": {label: _name(digest, document.versions) for label, digest in sorted(document.labels.items())},
        "past": [_name(digest, document.versions) for digest in document.past],
        "rollout": document.rollout,
    }


def _describe(stored: StoredDocument, versions: Mapping[str, PublishedVersion]) -> dict[str, Any]:
    document = stored.document
    entry = document.entry
    return {
        "revision": document.revision,
        "digest": stored.digest,
        "previous": document.previous,
        "at": document.at,
        "id": entry.id,
        "verb": entry.verb,
        "who": entry.who,
        "why": entry.why,
        "label": entry.label,
        "from": _name(entry.origin, versions),
        "to": _name(entry.target, versions),
        "run_url": entry.run_url,
        "evidence": entry.evidence,
    }


def _name(digest: str | None, versions: Mapping[str, PublishedVersion]) -> dict[str, str | None] | None:
    if digest is None:
        return None
    version = versions.get(digest)
    return {"version": None if version is None else version.version, "digest": digest}
