from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import AT, digest_of, make_version

from evalgate.release.document import ReleaseDocument, encode_document, parse_document
from evalgate.release.ledger import LedgerBreak, verify
from evalgate.release.promotion import Actor, find_rollback, promote_version, publish_version, roll_back
from evalgate.release.registry import StoredDocument, make_bytes

CANARY = {"hours": 48}
ONE, TWO = (make_version(f"1.{number}.0", f"text {number}") for number in range(2))


def by(number: int) -> Actor:
    return Actor(id=str(number), who="ada", at=AT)


def make_chain(verbs: list[str]) -> list[StoredDocument]:
    """Return documents: `publish`, a label, or `rollback`. Numbers have gaps, as registries may give them."""
    chain: list[StoredDocument] = []
    published = []
    for number, verb in enumerate(verbs):
        last = chain[-1] if chain else None
        if verb == "publish" or last is None:
            published.append(make_version(f"1.{number}.0", str(number)))
            document = publish_version(last, "support", published[-1], by(number))
        elif verb == "rollback":
            if not last.document.past:
                continue
            target = next(one for one in published if one.digest == find_rollback(last.document))
            document = roll_back(last, target, by(number), "bad")
        else:
            version = published[number % len(published)]
            document = promote_version(last, version, verb, by(number), "why", canary=CANARY)
        chain.append(make_bytes(document, 1 + 3 * number))
    return chain


VERBS = st.lists(st.sampled_from(["publish", "production", "staging", "canary", "rollback"]), min_size=1, max_size=12)


@given(VERBS)
def test_what_promotions_make_is_whole(verbs: list[str]) -> None:
    assert verify(one.data for one in make_chain(verbs)) is None


def test_nothing_is_whole() -> None:
    assert verify([]) is None
    assert verify([], "support") is None


@given(VERBS, st.data())
def test_one_changed_byte_breaks_it_there_or_at_the_next_document(verbs: list[str], data: st.DataObject) -> None:
    chain = make_chain(verbs)
    place = data.draw(st.integers(0, len(chain) - 1))
    broken = chain[place].data
    at = data.draw(st.integers(0, len(broken) - 1))
    changed = broken[:at] + bytes([broken[at] ^ data.draw(st.integers(1, 255))]) + broken[at + 1 :]
    found = verify([*(one.data for one in chain[:place]), changed, *(one.data for one in chain[place + 1 :])])
    if place == len(chain) - 1:
        return  # the chain protects a document by the next one; what the last one says is checked below
    assert found is not None


@given(VERBS, st.data())
def test_a_document_that_is_missing_or_doubled_or_moved_breaks_it(verbs: list[str], data: st.DataObject) -> None:
    documents = [one.data for one in make_chain(["publish", *verbs, "staging"])]
    place = data.draw(st.integers(0, len(documents) - 2))
    missing = [*documents[:place], *documents[place + 1 :]]
    assert verify(missing) is not None
    doubled = [*documents[: place + 1], *documents[place:]]
    assert verify(doubled) is not None
    moved = [*documents[:place], documents[place + 1], documents[place], *documents[place + 2 :]]
    assert verify(moved) is not None


def test_missing_documents_at_the_end_do_not_show() -> None:
    assert verify(one.data for one in make_chain(["publish", "staging", "canary"])[:2]) is None


def edit(chain: list[StoredDocument], **changes: Any) -> LedgerBreak | None:
    """Replace values of the last document of a chain, and verify it."""
    *before, last = chain
    data = encode_document(replace(last.document, **changes))
    return verify([*(one.data for one in before), data])


START = ["publish", "production", "publish", "production", "staging"]  # the last revision is 13


@pytest.mark.parametrize(("change", "problem"), [
    (lambda d: {"previous": digest_of("x")}, "or revisions between them are missing"),
    (lambda d: {"previous": None}, "it follows nothing, though revision 10 is before it"),
    (lambda d: {"revision": 10}, "its number is not above 10"),
    (lambda d: {"name": "another"}, 'its name is "another", not "support"'),
    (lambda d: {"labels": {**d.labels, "canary": d.labels["production"]}}, "canary moved from nothing to"),
    (lambda d: {"labels": {"staging": d.labels["staging"]}, "past": ()}, "production moved from"),
    (lambda d: {"entry": replace(d.entry, target=digest_of("x"))}, "its entry says that staging moved to"),
    (lambda d: {"entry": replace(d.entry, origin=digest_of("x"))}, "its entry says that staging moved from"),
    (lambda d: {"entry": replace(d.entry, label=None)}, "staging moved from nothing to"),
    (lambda d: {"past": ()}, "its earlier versions in production are none"),
    (lambda d: {"past": (*d.past, digest_of("x"))}, "its earlier versions in production are"),
    (lambda d: {"versions": {key: replace(one, reason="x") for key, one in d.versions.items()}},
     "has another content than in revision"),
])  # fmt: skip
def test_what_does_not_follow_is_named(change: Callable[[ReleaseDocument], dict[str, Any]], problem: str) -> None:
    chain = make_chain(START)
    assert verify(one.data for one in chain) is None
    changes = change(chain[-1].document)
    found = edit(chain, **changes)
    assert found is not None and problem in found.problem
    assert found.revision == changes.get("revision", 13)
    assert str(found) == f"revision {found.revision}: {found.problem}"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_bytes_that_are_no_document_have_the_number_after_the_last_one(data: bytes) -> None:
    chain = make_chain(START)
    found = verify([*(one.data for one in chain), data])
    assert found is not None and found.revision == 14 and "are no release document" in found.problem
    assert verify([data]) == LedgerBreak(revision=1, problem=found.problem)


def test_the_first_break_is_named_and_not_a_later_one() -> None:
    documents = [one.data for one in make_chain(START)]
    documents[2] = documents[2].replace(b'"who": "ada"', b'"who": "eve"')
    documents[4] = b"{}"
    found = verify(documents)
    assert found is not None and found.revision == 10


def test_a_beginning_that_is_missing_is_told() -> None:
    found = verify([one.data for one in make_chain(START)][2:])
    assert found is not None and found.revision == 7 and "which is missing" in found.problem


def test_another_name_than_the_asked_one_is_told() -> None:
    documents = [one.data for one in make_chain(START)]
    assert verify(documents, "support") is None
    found = verify(documents, "other")
    assert found is not None and 'its name is "support", not "other"' in found.problem


def make_rollout() -> list[StoredDocument]:
    """Return a chain whose last document starts a rollout of the second version."""
    first = make_bytes(publish_version(None, "support", ONE, by(1)), 1)
    second = make_bytes(promote_version(first, ONE, "production", by(2), "why"), 2)
    third = make_bytes(publish_version(second, "support", TWO, by(3)), 3)
    moved = promote_version(third, TWO, "canary", by(4), "why")
    rollout = {"kind": "canary", "candidate": TWO.digest, "control": ONE.digest, "share": 500, "salt": "s"}
    return [first, second, third, make_bytes(replace(moved, rollout=rollout), 4)]


def test_a_rollback_that_ends_a_rollout_takes_the_label_of_the_candidate() -> None:
    chain = make_rollout()
    running = chain[-1]
    ended = roll_back(running, ONE, by(5), "bad")
    assert ended.labels == {"production": ONE.digest} and ended.entry.origin == TWO.digest
    assert verify([*(one.data for one in chain), encode_document(ended)]) is None
    assert edit([*chain, make_bytes(ended, 5)], rollout=running.document.rollout, versions=running.document.versions)


def test_a_rollback_leaves_no_rollout() -> None:
    chain = make_rollout()
    running = chain[-1].document
    ended = make_bytes(roll_back(chain[-1], ONE, by(5), "bad"), 5)
    entry = replace(ended.document.entry, origin=ONE.digest)
    found = edit(
        [*chain, ended], rollout=running.rollout, labels=running.labels, versions=running.versions, entry=entry
    )
    assert found is not None and "leaves a rollout" in found.problem


def test_a_document_with_another_layout_is_verified_by_its_bytes() -> None:
    """A document that another program wrote is not encoded again: its digest is that of its bytes."""
    first, second = make_chain(["publish", "staging"])
    spaced = first.data + b"\n"
    assert parse_document(spaced) == first.document
    found = verify([spaced, second.data])
    assert found is not None and "one of them was edited" in found.problem
    follows = replace(second.document, previous=StoredDocument(document=first.document, data=spaced).digest)
    assert verify([spaced, encode_document(follows)]) is None
