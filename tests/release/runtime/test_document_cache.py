from __future__ import annotations

from time import monotonic

import pytest
from release.chains import make_chain

from evalgate.release.checked_value import DocumentError
from evalgate.release.runtime.cached_document import parse_cached
from evalgate.release.runtime.document_cache import DocumentCache, compute_backoff, spread

FIRST, SECOND, THIRD = make_chain(3)


def test_a_document_replaces_the_one_before_and_nothing_else_does() -> None:
    documents = DocumentCache(300.0)
    documents.accept("support", SECOND, 10.0)
    with pytest.raises(DocumentError):
        documents.accept("support", FIRST, 20.0)
    held = documents.by_name["support"]
    assert (held.revision, held.confirmed) == (2, 10.0)
    assert documents.accept("support", SECOND, 30.0) is held
    assert held.confirmed == 30.0 and 30.0 + 240 <= held.due <= 30.0 + 300
    assert documents.accept("support", THIRD, 40.0).revision == 3


def test_the_copy_of_an_earlier_process_is_not_replaced_by_less() -> None:
    documents = DocumentCache(300.0)
    base = parse_cached("support", SECOND, 0.0)
    with pytest.raises(DocumentError):
        documents.accept("support", FIRST, 1.0, base=base)
    assert documents.by_name == {}
    documents.accept_copy(base)
    assert documents.by_name["support"] is base and base.failures == 1
    documents.accept("support", THIRD, 1.0)
    documents.accept_copy(base)
    assert documents.by_name["support"].revision == 3


def test_a_failure_is_tried_again_soon_and_then_later_and_later() -> None:
    documents = DocumentCache(300.0)
    held = documents.accept("support", FIRST, monotonic())
    documents.fail("support")
    assert held.due - monotonic() <= 2.0
    for _ in range(20):
        documents.fail("support")
    assert 100 < held.due - monotonic() <= 300.0
    documents.confirm("support", held.digest, monotonic())
    assert held.failures == 0
    documents.confirm("support", "another", monotonic() + 10)
    assert held.confirmed <= monotonic()
    documents.fail("unknown")


def test_chance_spreads_and_stays_within_its_limits() -> None:
    found = [spread(2.0, 4.0) for _ in range(200)]
    assert 2.0 <= min(found) < 2.5 and 3.5 < max(found) <= 4.0
    assert all(compute_backoff(count, 60.0) <= 60.0 for count in range(2000))


def test_a_fork_replaces_the_lock_and_spreads_the_times() -> None:
    documents = DocumentCache(300.0)
    held = documents.accept("support", FIRST, 0.0)
    documents._lock.acquire()
    dues = set()
    for _ in range(5):
        documents.reset_after_fork()
        dues.add(held.due)
    assert len(dues) == 5
    documents.accept("support", SECOND, 1.0)
