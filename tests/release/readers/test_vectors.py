"""Vectors that the readers in Python, Node.js and C# must reproduce."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from release.documents import make_document, make_version
from release.readers import vectors
from release.readers.children import Child, RefusalError, judge, list_variables, require_same

from evalgate.release.document import PublishedMessage, Variable, encode_document, parse_document
from evalgate.release.runtime.rendering import render_messages

BUCKETS = Path(__file__).parents[4] / "shared" / "release" / "bucket-vectors.json"


def render(reader: Child, document: bytes, given: dict[str, Any], **changes: Any) -> Any:
    asked = {"name": "support", "label": "production", "variables": list_variables(given), **changes}
    return reader.ask("render", document=document, **asked)


def test_buckets_are_those_of_the_shared_vectors(reader: Child) -> None:
    if not BUCKETS.exists():
        pytest.skip("the shared vectors are not here")
    given = json.loads(BUCKETS.read_text(encoding="utf-8"))["vectors"]
    assert given
    for one in given:
        assert reader.ask("bucket", salt=one["salt"], key=one["key"]) == one["bucket"]


@pytest.mark.parametrize(("key", "bucket"), [("user-1", 143), ("user-2", 5255), ("ünïcode", 3220), ("日本", 7658)])
def test_a_bucket_never_changes(reader: Child, key: str, bucket: int) -> None:
    assert reader.ask("bucket", salt="support:3f2a", key=key) == bucket


@pytest.mark.parametrize(("value", "text"), vectors.RENDERED)
def test_values_are_inserted_as_they_are(reader: Child, value: Any, text: str) -> None:
    messages = render(reader, vectors.GOOD, {"name": value})["messages"]
    assert messages[1] == {"role": "user", "content": text}
    assert messages == render_messages(vectors.OLD, {"name": value})


def test_names_that_objects_have_are_variables_as_any_other(reader: Child) -> None:
    document = vectors.make_named(vectors.ODD_NAMES)
    given = {name: f"<{name}>" for name in vectors.ODD_NAMES}
    for as_object in (True, False):
        (message,) = render(reader, document, given, asObject=as_object)["messages"]
        assert message["content"] == "".join(f"{name}=<{name}>;" for name in vectors.ODD_NAMES)


@pytest.mark.parametrize("name", vectors.ODD_NAMES)
def test_a_missing_or_unknown_variable_is_named(reader: Child, name: str) -> None:
    with pytest.raises(RefusalError, match=rf'^the variable "{name}" is missing; version 1.0.0 uses it$'):
        render(reader, vectors.make_named((name,)), {})
    with pytest.raises(RefusalError, match=rf'^the variable "{name}" is unknown; version 1.0.0 uses: name$'):
        render(reader, vectors.GOOD, {"name": "Ada", name: "x"})


@pytest.mark.parametrize("value", ["half", "nan", "infinity", "beyond", "true", "null", "undefined"])
def test_neither_text_nor_a_whole_number_is_refused(reader: Child, value: str) -> None:
    with pytest.raises(RefusalError, match=r'^the variable "name" must be text or a whole number, not '):
        render(reader, vectors.GOOD, {}, variables=[("name", "unfit", value)])


@pytest.mark.parametrize("value", [[], {}, [{"role": "user", "content": "x"}]])
def test_data_is_no_text(reader: Child, value: Any) -> None:
    with pytest.raises(RefusalError, match=r'^the variable "name" must be text or a whole number, not '):
        render(reader, vectors.GOOD, {}, variables=[("name", "data", value)])


HISTORY = make_version(
    messages=(
        PublishedMessage(role="system", parts=("S",)),
        PublishedMessage(role="history", parts=(Variable(name="turns"),)),
        PublishedMessage(role="assistant", parts=None, extra={"tool_calls": [{"id": "1", "__proto__": {"a": 1.5}}]}),
        PublishedMessage(role="tool", parts=(), extra={"tool_call_id": "1", "name": "look"}),
    )
)
HISTORIES = encode_document(make_document(HISTORY, labels={"production": HISTORY}))


def test_a_history_is_inserted_and_extra_keys_are_sent_as_they_are(reader: Child) -> None:
    turns = [
        {"role": "user", "content": "{{x}} $&"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "2"}]},
        {"role": "tool", "content": "", "tool_call_id": "2"},
    ]
    messages = render(reader, HISTORIES, {"turns": turns})["messages"]
    assert messages == render_messages(HISTORY, {"turns": turns})
    assert messages[4:] == [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "__proto__": {"a": 1.5}}]},
        {"role": "tool", "content": "", "tool_call_id": "1", "name": "look"},
    ]


@pytest.mark.parametrize(
    "value",
    ["x", {}, [1], ["x"], [None], [[]], [{}], [{"role": "user"}], [{"content": "x"}], [{"role": 1, "content": "x"}]]
    + [[{"role": "user", "content": one}] for one in (None, 1, [], {})]
    + [[{"role": "user", "content": "x"}, {"role": "user", "content": None, "tool_calls": "x"}]],
)
def test_a_history_is_a_list_of_messages_with_role_and_text(reader: Child, value: Any) -> None:
    with pytest.raises(
        RefusalError, match=r'^the variable "turns" must be a list of messages, each with a role and text'
    ):
        render(reader, HISTORIES, {}, variables=[("turns", "data", value)])


@pytest.mark.parametrize("name", vectors.ACCEPTED)
def test_a_good_document_is_accepted(reader: Child, name: str) -> None:
    document = vectors.ACCEPTED[name]
    assert parse_document(document).name == "support"
    assert reader.judge(document) is None


@pytest.mark.parametrize("name", vectors.REFUSED)
def test_a_bad_document_is_refused_for_the_same_reason(reader: Child, name: str) -> None:
    document = vectors.REFUSED[name]
    mine = judge(document)
    assert mine is not None
    require_same(mine, reader.judge(document))


def test_parameters_and_tools_are_carried_as_they_are(reader: Child) -> None:
    schema = {
        "type": "object",
        "properties": {"__proto__": {"maximum": 0.1}, "2": {}, "1": {"enum": [1, "1", None, True]}},
    }
    tool = {"type": "function", "function": {"name": "look", "parameters": schema}}
    version = make_version(
        tools=(tool,), response_format={"json_schema": schema}, parameters={"top_p": 0.30000000000000004}
    )
    document = encode_document(make_document(version, labels={"production": version}))
    served = render(reader, document, {"name": "Ada"})
    assert served["tools"] == [tool]
    assert served["responseFormat"] == {"json_schema": schema}
    assert served["parameters"] == {"top_p": 0.30000000000000004}
    assert (served["model"], served["variant"]) == ("gpt-5-mini", "production")


def test_a_label_or_a_name_that_is_not_there_is_named(reader: Child) -> None:
    with pytest.raises(
        RefusalError, match=r'^no version of "support" has the label "toString"; its labels: production$'
    ):
        render(reader, vectors.GOOD, {}, label="toString")
    with pytest.raises(RefusalError, match=r'^the document is that of "support", not of "__proto__"$'):
        render(reader, vectors.GOOD, {}, name="__proto__")
    empty = encode_document(replace(make_document(vectors.OLD), labels={}))
    with pytest.raises(RefusalError, match=r'^no version of "support" has the label "production"; its labels: none$'):
        reader.ask("choose", document=empty, name="support", key="user-1")
