"""Digests tell apart the orders in which a model is to write the properties of an answer, and no other orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Message, PromptVersion, Request, Target, digest
from evalgate.domain.property_order import find_unusual_orders, keep_order

NAMES = st.lists(st.sampled_from(["answer", "reasoning", "sources", "properties", "required", "type"]), unique=True)
ASKED = Message(role="user", content="{{query}}")


def schema(names: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def answer(names: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema(names, required)}}


def tool(names: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "find", "parameters": schema(names, required)}}


def version(**sent: Any) -> PromptVersion:
    return PromptVersion(name="p", path="p.prompt.yml", source="working tree", messages=(ASKED,), **sent)


def list_digests(names: Sequence[str], required: Sequence[str]) -> list[str]:
    """Return a digest of each kind of data that is sent with properties."""
    sent: list[dict[str, Any]] = [
        {"response_format": answer(names, required)},
        {"tools": (tool(names, required),)},
        {"parameters": {"guided_json": schema(names, required)}},
    ]
    request = Request(target="api", identity="i", model="m", messages=(ASKED,))
    target = Target(name="api", kind="openai", location="u", identity="u", parameters=sent[2]["parameters"])
    found = [replace(request, **one).key for one in sent] + [digest(target.served)]
    for one in sent:
        found += [version(**one).digest, version(**one).normalized_digest]
    return found


@given(NAMES, st.data())
def test_another_order_of_properties_is_another_content_and_another_request(
    names: list[str], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(names))
    required = data.draw(st.lists(st.sampled_from(names), unique=True) if names else st.just([]))
    same = [one == two for one, two in zip(list_digests(names, required), list_digests(other, required), strict=True)]
    assert set(same) == {names == other}


@given(NAMES, st.data())
def test_the_usual_order_is_that_of_required_and_then_the_alphabet(names: list[str], data: st.DataObject) -> None:
    required = data.draw(st.lists(st.sampled_from(names), unique=True) if names else st.just([]))
    usual = answer([*required, *sorted(set(names) - set(required))], required)
    assert keep_order(usual) is usual and find_unusual_orders(usual) == []
    assert version(response_format=usual).content["response_format"] == usual  # type: ignore[index,call-overload]


def test_the_order_of_other_keys_does_not_matter() -> None:
    one = {"type": "object", "$defs": {"b": schema(["z", "a"]), "a": {}}, "required": ["x"], "properties": {"x": {}}}
    other = dict(reversed([*one.items()])) | {"$defs": {"a": {}, "b": schema(["z", "a"])}}
    assert digest(keep_order(one)) == digest(keep_order(other))
    assert find_unusual_orders(one) == [[["$defs", "b", "properties"], ["z", "a"]]]


def test_a_required_of_any_type_raises_nothing() -> None:
    for required in (None, "ab", 1, [1, "z", "z", None, ["a"]], {"a": 1}):
        found = find_unusual_orders({"properties": {"a": {}, "z": {}}, "required": required})
        assert bool(found) == (isinstance(required, list))


def test_a_property_may_be_named_properties() -> None:
    assert find_unusual_orders(schema(["properties", "a"])) == [[["properties"], ["properties", "a"]]]
