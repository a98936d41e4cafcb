from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import digest_of, make_document, make_version, sign

from evalgate.release.checked_value import DocumentError
from evalgate.release.document import (
    PublishedMessage,
    PublishedVersion,
    Variable,
    encode_document,
    encode_version,
    parse_document,
    parse_version,
)

SCHEMA = json.loads(files("evalgate.release").joinpath("document.schema.json").read_text())
TEXTS = st.text(max_size=20)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@st.composite
def messages(draw: st.DrawFn) -> PublishedMessage:
    if draw(st.integers(0, 4)) == 0:
        return PublishedMessage(role="history", parts=(Variable(name=draw(NAMES)),))
    part = TEXTS | st.builds(lambda name: Variable(name=name), NAMES)
    return PublishedMessage(role=draw(st.sampled_from(["system", "user"])), parts=tuple(draw(st.lists(part))))


@st.composite
def versions(draw: st.DrawFn) -> PublishedVersion:
    number = ".".join(str(draw(st.integers(0, 99))) for _ in range(3))
    given = make_version(number, draw(TEXTS), messages=tuple(draw(st.lists(messages(), max_size=4))))
    return sign(given) if draw(st.booleans()) else given


@given(versions())
def test_a_version_is_read_back_as_it_was_written_and_meets_the_schema(version: PublishedVersion) -> None:
    document = make_document(version, labels={"production": version})
    data = encode_document(document)
    assert parse_document(data) == document
    assert encode_document(parse_document(data)) == data
    assert parse_version(encode_version(version)) == version
    jsonschema.validate(json.loads(data), SCHEMA)


def test_what_stores_of_prompts_give_a_meaning_is_escaped() -> None:
    version = make_version(text="@@@langfusePrompt:name=x@@@ \0 \ud800 @@ \\@@@@")
    data = encode_version(version)
    assert b"@@@" not in data and b"\0" not in data
    data.decode()
    assert parse_version(data) == version


PLACES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("format", lambda d: d.update(format=2)),
    ("name", lambda d: d.update(name=" ")),
    ("revision", lambda d: d.update(revision=0)),
    ("revision", lambda d: d.update(revision=True)),
    ("previous", lambda d: d.update(previous="abc")),
    ("at", lambda d: d.update(at="yesterday")),
    ("entry.who", lambda d: d["entry"].update(who="")),
    ("labels.production", lambda d: d["labels"].update(production=None)),
    ("production", lambda d: d["labels"].update(production=digest_of("another"))),
    ("rollout.share", lambda d: d.update(rollout=make_rollout(d, share=10_001))),
    ("candidate", lambda d: d.update(rollout=make_rollout(d, candidate=digest_of("another")))),
    (
        "candidate",
        lambda d: d.update(labels={"candidate": digest_of("another")}, rollout=make_rollout(d)),
    ),
    ("versions", lambda d: d.update(versions=[])),
    (".version", lambda d: first(d).update(version="1.0")),
    (".level", lambda d: first(d).update(level="minor")),
    (".messages[1].parts[0]", lambda d: first(d)["messages"][1].update(parts=[1])),
    (".messages[1].parts[0]", lambda d: first(d)["messages"][1].update(parts=[{"var": "a", "x": 1}])),
    (".messages[0].parts", lambda d: first(d)["messages"][0].update(role="history")),
    (".sign_off", lambda d: first(d).update(sign_off="grace")),
    (".evaluation", lambda d: first(d).pop("evaluation")),
]


def first(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(document["versions"].values()))
    return found


def make_rollout(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    digest = first(document)["digest"]
    return {"kind": "canary", "candidate": digest, "control": digest, "share": 500, "salt": "support:1", **changes}


@pytest.mark.parametrize(("place", "edit"), PLACES)
def test_a_wrong_value_is_refused_with_its_path(place: str, edit: Callable[[dict[str, Any]], Any]) -> None:
    version = make_version()
    data = json.loads(encode_document(make_document(version, labels={"production": version})))
    edit(data)
    with pytest.raises(DocumentError) as refused:
        parse_document(json.dumps(data).encode())
    assert place in str(refused.value).partition(": ")[0] or str(refused.value).startswith("versions.")


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"format": NaN}'])
def test_anything_else_is_no_document(data: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_document(data)


@given(st.dictionaries(st.sampled_from(["later", "newer"]), st.integers()))
def test_keys_of_later_versions_are_ignored_and_those_of_a_rollout_are_kept(added: dict[str, int]) -> None:
    version = make_version()
    data = json.loads(encode_document(make_document(version)))
    first(data).update(added)
    data.update(added, rollout=make_rollout(data, **added))
    found = parse_document(json.dumps(data).encode())
    assert found.versions == {version.digest: version}
    assert found.rollout == make_rollout(data, **added)


def test_plain_values_are_written_only_where_they_apply() -> None:
    plain = make_version(plain_values=True)
    assert b"plain_values" in encode_version(plain) and parse_version(encode_version(plain)) == plain
    jsonschema.validate(json.loads(encode_document(make_document(plain))), SCHEMA)
    assert b"plain_values" not in encode_version(make_version())
    with pytest.raises(DocumentError, match="plain_values: must be true or false"):
        parse_version(encode_version(plain).replace(b'"plain_values": true', b'"plain_values": 1'))


def test_a_document_has_the_keys_of_its_schema_and_no_other() -> None:
    version = sign(make_version())
    data = json.loads(encode_document(make_document(version, labels={"production": version})))
    assert set(data) == set(SCHEMA["properties"]) - {"monitoring"}
    monitored = encode_document(make_document(version, monitoring={"version": version.digest}))
    assert set(json.loads(monitored)) == set(SCHEMA["properties"])
    assert encode_document(parse_document(monitored)) == monitored
    assert set(data["entry"]) == set(SCHEMA["properties"]["entry"]["properties"])
    known = SCHEMA["$defs"]["version"]["properties"]
    assert set(first(data)) <= set(known)
    optional = {"baseline", "minor_canary_hours"}
    assert set(first(data)["evaluation"]) == set(known["evaluation"]["properties"]) - optional
    measured = replace(version, evaluation=replace(version.evaluation, baseline=version.digest, minor_canary_hours=24))
    full = encode_document(make_document(measured))
    assert parse_document(full) == make_document(measured)
    assert set(first(json.loads(full))["evaluation"]) == set(known["evaluation"]["properties"])
    jsonschema.validate(json.loads(full), SCHEMA)
    assert set(first(data)["sign_off"]) == set(known["sign_off"]["properties"])


@given(st.permutations(["reasoning", "answer", "sources"]))
def test_a_document_keeps_the_order_in_which_a_model_writes_its_answer(names: list[str]) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": ["answer"]}
    format = {"type": "json_schema", "json_schema": {"schema": schema, "name": "a"}}
    tool = {"type": "function", "function": {"parameters": schema, "name": "f"}}
    given_one = make_version(response_format=format, tools=(tool,), parameters={"z": 1, "guided_json": schema})
    read = parse_version(encode_version(given_one))
    assert read == given_one
    assert read.response_format is not None
    for found in (
        read.response_format["json_schema"]["schema"],
        read.tools[0]["function"]["parameters"],
        read.parameters["guided_json"],
    ):
        assert list(found["properties"]) == names
        assert list(found) == sorted(found)
    assert list(read.parameters) == ["guided_json", "z"]
    assert encode_version(read) == encode_version(given_one)
