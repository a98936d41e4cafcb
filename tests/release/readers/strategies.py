"""Hypothesis strategies of documents with variables, and of documents that something is wrong with."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from release.documents import make_document, make_version

from evalgate.release.document import PublishedMessage, PublishedVersion, Variable, encode_document

LARGEST = 2**53 - 1
AWKWARD = (
    "", " ", "$&", "$1", "$$", "$`", "\\1", "{{name}}", "{0}", "{}", "%s", "${name}", "\u2028\u2029", "\u0000", "\x7f",
    "\ufeff", "😀", "e\u0301", "\ud800", "\udc00", "\ud83d", "\ude00", "\"\\/\b\f\n\r\t", "__proto__", "@@@", "1.0",
)  # fmt: skip
NAMES = (
    "name",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "length",
    "1",
    "0",
    "ü",
    "😀",
    "\ud800",
    "a b",
)

texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=()), max_size=12),
    st.lists(st.sampled_from(AWKWARD), max_size=4).map("".join),
)
names = st.one_of(st.sampled_from(NAMES), texts.filter(str.strip))
# Mono parses longer ones wrong in the last digit
decimals = st.builds(
    lambda digits, power: float(f"{digits}e{power}"), st.integers(1 - 10**15, 10**15 - 1), st.integers(-20, 5)
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-LARGEST, LARGEST), decimals, texts)
data = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(st.one_of(texts, st.sampled_from(NAMES)), data, max_size=3)
_extra = st.fixed_dictionaries(
    {}, optional={"name": texts, "tool_calls": st.lists(objects, max_size=2), "tool_call_id": texts}
)
_roles = st.sampled_from(["system", "user", "assistant", "developer", "tool"])
_turns = st.lists(st.fixed_dictionaries({"role": texts, "content": texts}, optional={"name": texts}), max_size=3)
values = st.one_of(texts, st.integers(), st.integers(LARGEST - 1, LARGEST + 2), st.integers(-LARGEST - 2, -LARGEST + 1))


@st.composite
def make_served(draw: st.DrawFn) -> tuple[PublishedVersion, dict[str, Any]]:
    """Draw a version, and fitting values of its variables: texts and whole numbers, and lists of messages."""
    text_names = draw(st.lists(names, max_size=4, unique=True))
    turn_names = [name for name in draw(st.lists(names, max_size=2, unique=True)) if name not in text_names]
    variables = st.sampled_from([Variable(name=name) for name in text_names]) if text_names else st.nothing()
    parts = st.one_of(st.none(), st.lists(texts | variables, max_size=5).map(tuple))
    messages = draw(st.lists(st.builds(PublishedMessage, role=_roles, parts=parts, extra=_extra), max_size=3)) + [
        PublishedMessage(role="history", parts=(Variable(name=name),)) for name in turn_names
    ]
    version = make_version(
        messages=tuple(draw(st.permutations(messages))),
        model=draw(st.none() | texts.filter(str.strip)),
        parameters=draw(objects),
        tools=tuple(draw(st.lists(objects, max_size=2))),
        response_format=draw(st.none() | objects),
    )
    given: dict[str, Any] = {name: draw(_turns if name in turn_names else values) for name in sorted(version.variables)}
    return version, given


def _list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in members:
        found += _list_places(one, (*path, key))
    return found


_WRONG = st.one_of(
    data,
    st.sampled_from([0, -1, 1.0, 1e2, LARGEST, LARGEST + 1, 10_000, 10_001, True, "0" * 64, "A" * 64, "1.0.0", "１.0.0",
                     "1.0.0\n", "01.0.0", "2026-11-29T12:00:00Z", "2026-11-29T12:00:00.1234567Z", "\x1c\x85\u3000", "\ufeff",
                     "system", "history", {"var": "x"}, {"history": "x"}, {"var": 1}, {"var": "x", "a": 1}, 10**40]),
)  # fmt: skip


@st.composite
def make_mutated(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a document with up to three values replaced, removed, added, or moved to another key."""
    document = _plain_document(with_rollout=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 3))):
        places = _list_places(document)
        *above, last = draw(st.sampled_from(places))
        holder = document
        for key in above:
            holder = holder[key]
        match draw(st.sampled_from(["replace", "remove", "add", "move"])):
            case "replace":
                holder[last] = draw(_WRONG)
            case "remove":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[draw(names)] = draw(_WRONG)
            case "move" if isinstance(holder, dict):
                holder[draw(names)] = holder.pop(last)
    return json.dumps(document, ensure_ascii=True).encode()


@st.composite
def make_damaged(draw: st.DrawFn) -> bytes:
    """Draw the bytes of a document with a few bytes replaced, removed or added."""
    document = bytearray(encode_document(_make_document(with_rollout=True)))
    pieces = st.sampled_from([*b'{}[]":,-+.eE0123456789tfnu\\ \n\t\x00\x1f\x7f\x80\xc0\xe2\xed\xff', ord("/")])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(document) - 1))
        document[place : place + draw(st.integers(0, 2))] = bytes(draw(st.lists(pieces, max_size=3)))
    return bytes(document)


def _make_document(with_rollout: bool) -> Any:
    old, new = make_version(), make_version("1.1.0", "Hi ", tools=({"type": "function"},))
    history = PublishedMessage(role="history", parts=(Variable(name="turns"),))
    calls = PublishedMessage(role="assistant", parts=None, extra={"tool_calls": [{"id": "1"}]})
    new = make_version("1.1.0", "Hi ", messages=(*new.messages, history, calls))
    rollout = {"kind": "canary", "candidate": new.digest, "control": old.digest, "share": 500, "salt": "s"}
    return make_document(
        old,
        new,
        labels={"production": old, "canary": new},
        past=(old.digest,),
        rollout=rollout if with_rollout else None,
    )


def _plain_document(with_rollout: bool) -> Any:
    return json.loads(encode_document(_make_document(with_rollout)))
