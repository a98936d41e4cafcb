from __future__ import annotations

from dataclasses import replace

import pytest
from release.documents import AT, digest_of, make_version
from release.memory_registry import MemoryRegistry
from release.stories import ONE, TWO, make_actor, publish, tell_story

from evalgate.release.promotion import Actor, promote_version
from evalgate.release.registry import RefusedError, RegistryError, StoredDocument
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
