"""Tests of traces and items of Langfuse as cases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Column
from evalgate.errors import InputError
from evalgate.inputs.importers.langfuse_cases import ScoredTrace, make_item_cases, make_trace_cases
from evalgate.services.langfuse_items import LangfuseItem
from evalgate.services.langfuse_spans import LangfuseSpan


def make_span(given: Any, *, span: str = "s1", parent: str = "", at: str = "1", **metadata: Any) -> LangfuseSpan:
    return LangfuseSpan(id=span, parent=parent, at=at, name="answer", input=given, metadata=metadata)


def make_trace(*spans: LangfuseSpan, trace: str = "t1", span: str = "") -> ScoredTrace:
    return ScoredTrace(trace=trace, span=span, spans=spans)


CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
LATER = [*CHAT, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "And now?"}]


@pytest.mark.parametrize(("span", "fields"), [
    (make_span("Where is it?"), {"input": "Where is it?"}),
    (make_span('{"q": "hi", "n": 2}'), {"q": "hi", "n": 2}),
    (make_span({"q": "hi"}), {"q": "hi"}),
    (make_span("{not json"), {"input": "{not json"}),
    (make_span("x", fields='{"query": "a", "context": "b"}'), {"query": "a", "context": "b"}),
    (make_span({"args": [], "kwargs": {"question": "why"}}), {"question": "why"}),
    (make_span(json.dumps(LATER)), {"history": LATER[1:3], "input": "And now?"}),
    (make_span({"messages": LATER, "model": "m"}), {"history": LATER[1:3], "input": "And now?"}),
    (make_span({"id": 7, "q": "hi"}), {"id_value": 7, "q": "hi"}),
])  # fmt: skip
def test_the_fields_of_a_trace(span: LangfuseSpan, fields: dict[str, Any]) -> None:
    made = make_trace_cases([make_trace(span)], "langfuse")
    assert made.rows == [{"id": "t1", "tags": ["production"], **fields}]
    assert any(line.startswith("the expected answers") for line in made.left_out)


def test_the_root_is_the_input_of_a_trace_and_a_span_that_of_its_own_score() -> None:
    root, inner = make_span("asked", span="s1", at="1"), make_span("rewritten", span="s2", parent="s1", at="0")
    assert make_trace_cases([make_trace(inner, root)], "x").rows[0]["input"] == "asked"
    (row,) = make_trace_cases([make_trace(root, inner, span="s2")], "x").rows
    assert (row["id"], row["input"]) == ("t1-s2", "rewritten")


@given(st.lists(st.one_of(st.none(), st.just(""), st.text("ab", min_size=1, max_size=2)), min_size=1, max_size=8))
def test_each_trace_is_a_case_or_is_named_or_counted(inputs: list[str | None]) -> None:
    traces = [make_trace(make_span(text), trace=f"t{number}") for number, text in enumerate(inputs)]
    different = {text for text in inputs if text}
    if not different:
        with pytest.raises(InputError, match="has no input"):
            make_trace_cases(traces, "x")
        return
    made = make_trace_cases(traces, "x")
    assert {row["input"] for row in made.rows} == different
    assert len(made.rows) == len(different)
    empty = sum(line.endswith(": it has no input") for line in made.left_out)
    repeated = [int(line.split()[0]) for line in made.left_out if "input of another case" in line]
    assert len(made.rows) + empty + sum(repeated) == len(inputs)


def test_items_are_the_cases_that_a_gate_reads() -> None:
    item = LangfuseItem(id="a", input={"q": "hi"}, expected=42, metadata={"tags": "odd", "other": 1})
    with pytest.raises(InputError, match="may have been a text"):
        make_item_cases([item], "langfuse:golden", {})
    made = make_item_cases([item], "langfuse:golden", {"expected": Column(name="expected", json=False)})
    assert made.rows == [{"id": "a", "q": "hi", "expected": "42", "tags": ["odd"]}]
    with pytest.raises(InputError, match="the file has no cases"):
        make_item_cases([], "langfuse:golden", {})
