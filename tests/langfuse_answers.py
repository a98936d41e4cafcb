"""Served answers in a fake Langfuse: the versions of a prompt there, and rows of an application as its spans."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from langfuse_server import LangfuseServer

from evalgate.release.document import PublishedVersion
from evalgate.release.langfuse_contents import make_langfuse_contents

Json = dict[str, Any]


def project(server: LangfuseServer, *versions: PublishedVersion, name: str = "support") -> dict[str, int]:
    """Add versions of a prompt as the projection writes them, and return their numbers by their digests."""
    numbers = {}
    for version in versions:
        contents = make_langfuse_contents(name, version, is_text=False)
        made = server.prompts.seed(name, list(contents.prompt), type="chat", config=dict(contents.config))
        numbers[version.digest] = int(made["version"])
    return numbers


def make_ids(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the ids of the trace and of the span of a row."""
    digest = hashlib.sha256(str(row["id"]).encode()).hexdigest()
    return digest[:32], digest[32:48]


def name_row(row: Mapping[str, Any]) -> Json:
    """Return a row with the id that it has when it comes from Langfuse."""
    return {**row, "id": ":".join(make_ids(row))}


def serve(server: LangfuseServer, rows: Iterable[Mapping[str, Any]], numbers: Mapping[str, int], **more: Any) -> None:
    """Write rows as an application writes its answers, with their scores some seconds later."""
    for row in rows:
        trace, span = make_ids(row)
        facts: Json = {
            "trace": trace,
            "span": span,
            "start": row["at"],
            "langfuse.observation.type": "generation",
            "langfuse.observation.prompt.name": row["prompt"],
            "langfuse.observation.prompt.version": numbers.get(row["digest"], 99),
        }
        optional = {
            "seconds": row["seconds"],
            "user.id": row["key"],
            "langfuse.observation.level": "ERROR" if row["error"] else None,
            "langfuse.observation.metadata.variant": row["variant"],
            "langfuse.observation.metadata.sampled": row["sampled"],
            "langfuse.observation.metadata.fields": json.dumps(row["fields"]) if "fields" in row else None,
            "langfuse.observation.output": row.get("output"),
            "langfuse.observation.cost_details": (
                None if row["cost_usd"] is None else json.dumps({"total": row["cost_usd"]})
            ),
        }
        facts |= {name: value for name, value in optional.items() if value is not None} | more
        server.rows.seed_span(**facts)
        for name, value in row["scores"].items():
            score(server, row, name, value)


def score(server: LangfuseServer, row: Mapping[str, Any], name: str, value: Any, **more: Any) -> None:
    """Write a score of a row's answer, at the time of the answer unless another one is given."""
    trace, span = make_ids(row)
    subject = {"traceId": trace, **({} if more.pop("on_trace", False) else {"observationId": span})}
    identity = f"{span}-{name}"
    server.rows.seed_score(**{"id": identity, "timestamp": row["at"], "name": name, "value": value, **subject, **more})
