"""Langfuse: the spans of one trace with their inputs, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_errors import ADDRESS, LangfuseError
from evalgate.services.langfuse_pages import stream_pages

_FIELDS = "fields"
"""The key of the metadata that has the variables of the prompt; read in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseSpan:
    """A span. `at` is the text of its start; `parent` is empty for the root. `input` is a text, or the JSON it was."""

    id: str
    parent: str
    at: str
    name: str
    input: Any
    metadata: Mapping[str, Any]


def read_spans(langfuse: Langfuse, trace: str) -> tuple[LangfuseSpan, ...]:
    """Return the spans of a trace, the earliest first. Raises LangfuseError."""
    about = f"the trace {trace}"
    asked = {"traceId": trace, "fields": "core,basic,io,metadata", "expandMetadata": _FIELDS, "limit": "100"}
    found = []
    for page in stream_pages(langfuse, about, "/api/public/v2/observations", asked):
        for row in page:
            try:
                found.append(_make_span(row))
            except (TypeError, LookupError, ValueError):
                message = f"{langfuse.url}: {about}: the answer is not what Langfuse sends"
                raise LangfuseError(message, hint=ADDRESS) from None
    return tuple(sorted(found, key=lambda one: (one.at, one.id)))


def _make_span(row: Mapping[str, Any]) -> LangfuseSpan:
    """Return a span. Raises ValueError for a value of a wrong type."""
    at, parent, name, metadata = row["startTime"], row.get("parentObservationId"), row.get("name"), row.get("metadata")
    if not isinstance(at, str) or not all(value is None or isinstance(value, str) for value in (parent, name)):
        raise ValueError(at)
    if not (metadata is None or isinstance(metadata, dict)):
        raise ValueError(metadata)
    return LangfuseSpan(
        id=row["id"], parent=parent or "", at=at, name=name or "", input=row.get("input"), metadata=metadata or {}
    )
