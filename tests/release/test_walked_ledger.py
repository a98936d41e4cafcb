from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import AT, digest_of, make_version
from release.memory_registry import MemoryRegistry
from release.stories import ONE, TWO, make_actor, publish, tell_story

from evalgate.errors import InputError
from evalgate.release.checked_value import DEEPEST
from evalgate.release.document import PublishedMessage, ReleaseDocument, encode_document, parse_document
from evalgate.release.promotion import Actor, promote_version
from evalgate.release.registry import RefusedError, RegistryError, StoredDocument, make_bytes
from evalgate.release.walked_ledger import require_whole, walk_ledger

LATER = "2026-11-29T12:00:01Z"


def move(last: StoredDocument, at: str = LATER) -> StoredDocument:
    document = promote_version(last, ONE, "staging", Actor(id="x", who="ada", at=at), "why")
    return replace(last, document=document)


def test_a_whole_ledger_is_walked_up_to_the_given_document() -> None:
    registry = MemoryRegistry()
    publish(registry, ONE)
    last = tell_story(registry, TWO)
    publish(registry, make_version("3.0.0"))
    ledger = require_whole(registry, last)
    assert ledger.walk.last == last.document and list(ledger.walk.contents) == [ONE.digest, TWO.digest]
    assert ledger.follow(move(last).document) == move(last).document


def test_a_document_is_never_before_the_last_one_whose_clock_was_ahead() -> None:
    registry = MemoryRegistry()
    last = publish(registry, ONE)
    document = require_whole(registry, last).follow(move(last, "1990-01-01T00:00:00Z").document)
    assert document.at == AT


def test_a_document_that_would_break_the_ledger_is_refused() -> None:
    registry = MemoryRegistry()
    last = publish(registry, ONE)
    document = replace(move(last).document, past=(digest_of("x"),))
    with pytest.raises(RefusedError, match=r"broken ledger: revision 2: its earlier versions"):
        require_whole(registry, last).follow(document)


def test_nothing_is_built_on_a_broken_ledger() -> None:
    registry = MemoryRegistry()
    last = publish(registry, ONE)
    forged = registry.append(replace(move(last).document, past=(digest_of("x"),)))
    with pytest.raises(RefusedError, match=r"support: .* broken ledger: revision 2") as refused:
        require_whole(registry, forged)
    assert "evalgate release verify support" in (refused.value.faults[0].hint or "")
    ledger = walk_ledger(registry, forged)
    assert ledger.walk.last == last.document
    with pytest.raises(RefusedError, match="revision 2"):
        ledger.follow(move(forged).document)


def test_a_document_that_the_history_does_not_have_is_told() -> None:
    registry = MemoryRegistry()
    last = publish(registry, ONE)
    promoted = registry.append(promote_version(last, ONE, "staging", make_actor(), "why"))
    registry.documents["support"].pop()
    with pytest.raises(RegistryError, match="the history of support has no revision 2"):
        walk_ledger(registry, promoted)


def nest(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


PARTS = {
    "parameters": lambda deep: {"parameters": {"x": deep}},
    "tools": lambda deep: {"tools": ({"x": deep},)},
    "response_format": lambda deep: {"response_format": {"x": deep}},
    "messages": lambda deep: {"messages": (PublishedMessage(role="user", parts=("a",), extra={"tool_calls": deep}),)},
    "scores": lambda deep: {"evaluation": replace(ONE.evaluation, scores={"tone": {"value": deep}})},
}


def make_nested(document: ReleaseDocument, part: str, deep: Any) -> ReleaseDocument:
    """Return a document with data in one of its parts."""
    if part == "evidence":
        return replace(document, entry=replace(document.entry, evidence={"x": deep}))
    if part == "rollout":
        shares = {"kind": "canary", "candidate": ONE.digest, "control": ONE.digest, "share": 1, "salt": "s"}
        return replace(document, rollout={**shares, "x": deep})
    return replace(document, versions={ONE.digest: replace(ONE, **PARTS[part](deep))})


@given(
    st.sampled_from([*PARTS, "evidence", "rollout"]), st.integers(1, 1500) | st.integers(185, 205), st.integers(0, 400)
)
def test_what_is_written_is_read_however_deep_the_stack_is(part: str, depth: int, frames: int) -> None:
    last = publish(registry := MemoryRegistry(), ONE)
    ledger = require_whole(registry, last)
    document = make_nested(move(last).document, part, nest(depth))

    def read_below(frames: int, data: bytes) -> ReleaseDocument:
        return read_below(frames - 1, data) if frames else parse_document(data)

    try:
        with contextlib.suppress(RefusedError):  # a version with another content under its digest
            ledger.follow(document)
        data = make_bytes(document, document.revision).data
    except InputError as error:
        assert depth > 180 and "more than 200 levels" in str(error)
        return
    assert depth < DEEPEST
    assert encode_document(read_below(frames, data)) == data
