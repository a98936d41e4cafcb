"""Tests of the spans of a trace in Langfuse."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from langfuse_server import PUBLIC, SECRET, LangfuseServer

from evalgate.services import langfuse_spans
from evalgate.services.langfuse import Langfuse, LangfuseKeys
from evalgate.services.langfuse_errors import LangfuseError

TRACE = "a" * 32


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made
        assert made.violations == []


def test_all_spans_of_a_trace_with_their_inputs(server: LangfuseServer) -> None:
    long = json.dumps({"query": "x" * 1000})
    server.rows.seed_span(trace=TRACE, span="b" * 16, parent="c" * 16, start="2026-11-29T10:00:01Z", **{"langfuse.observation.input": "inner"})  # fmt: skip
    server.rows.seed_span(trace=TRACE, span="c" * 16, start="2026-11-29T10:00:00Z", **{"langfuse.observation.metadata.fields": long})  # fmt: skip
    server.rows.seed_span(trace="d" * 32, start="2026-11-29T10:00:00Z")
    langfuse = Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET))
    root, inner = langfuse_spans.read_spans(langfuse, TRACE)
    assert (root.id, root.parent, root.metadata["fields"]) == ("c" * 16, "", long)
    assert (inner.id, inner.parent, inner.input) == ("b" * 16, "c" * 16, "inner")
    assert langfuse_spans.read_spans(langfuse, "e" * 32) == ()


@pytest.mark.parametrize(
    "row", [{"id": "a"}, {"id": "a", "startTime": 3}, {"id": "a", "startTime": "x", "metadata": 3}]
)
def test_a_span_of_another_shape_is_an_error(
    server: LangfuseServer, row: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    langfuse = Langfuse(server.url, LangfuseKeys(public=PUBLIC, secret=SECRET))
    monkeypatch.setattr(langfuse_spans, "stream_pages", lambda *_: [[row]])
    with pytest.raises(LangfuseError, match="is not what Langfuse sends"):
        langfuse_spans.read_spans(langfuse, TRACE)
