from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import AT, digest_of, make_version

from evalgate.release.document import (
    PublishedVersion,
    ReleaseDocument,
    digest_document,
    encode_document,
    parse_document,
)
from evalgate.release.ledger import LedgerBreak, verify
from evalgate.release.promotion import Actor, find_rollback, promote_version, publish_version, roll_back
from evalgate.release.registry import StoredDocument, make_bytes

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
            document = promote_version(last, version, verb, by(number), "why")
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
    assert found is not None and found.revision == 14 and "are not a release document" in found.problem
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


def test_a_document_with_another_layout_is_verified_by_its_bytes() -> None:
    """A document that another program wrote is not encoded again: its digest is that of its bytes."""
    first, second = make_chain(["publish", "staging"])
    spaced = first.data + b"\n"
    assert parse_document(spaced) == first.document
    found = verify([spaced, second.data])
    assert found is not None and "one of them was edited" in found.problem
    follows = replace(second.document, previous=StoredDocument(document=first.document, data=spaced).digest)
    assert verify([spaced, encode_document(follows)]) is None


FREE = {"id", "who", "why", "run_url"}
"""Keys of an entry that any text may be in: the notes of people."""


def list_places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of all values in JSON."""
    if path:
        yield path
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from list_places(value[key], (*path, key))


def is_protected(document: dict[str, Any], path: tuple[str | int, ...]) -> bool:
    """Return whether the ledger protects a value: all but notes and numbers, and what a version says that is new."""
    if path[0] in {"at", "revision"} or (path[0] == "entry" and len(path) > 1 and path[1] in FREE):
        return False
    return not (path[0] == "versions" and len(path) > 2 and path[1] == document["entry"]["to"])


def change_value(document: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]  # type: ignore[index]
    document[path[-1]] = value  # type: ignore[index]


def chain_anew(documents: list[bytes]) -> list[bytes]:
    """Return documents with the digests that a writer of all of them can compute."""
    made: list[bytes] = []
    for data in documents:
        if made:
            given = json.loads(data)
            given["previous"] = digest_document(made[-1])
            data = json.dumps(given, sort_keys=True).encode()  # noqa: PLW2901
        made.append(data)
    return made


@given(VERBS, st.data())
def test_a_changed_value_is_found_though_the_chain_is_computed_anew(verbs: list[str], data: st.DataObject) -> None:
    documents = [one.data for one in make_chain(["publish", "production", "publish", *verbs])]
    assert verify(chain_anew(documents), "support") is None
    place = data.draw(st.integers(0, len(documents) - 1))
    document = json.loads(documents[place])
    versions = [key for one in documents for key in json.loads(one)["versions"]]
    paths = [path for path in list_places(document) if is_protected(document, path) and path != ("previous",)]
    path = data.draw(st.sampled_from(paths))
    other = st.one_of(
        st.none(), st.booleans(), st.integers(0, 3), st.text(max_size=3), st.just([]), st.just({}),
        st.sampled_from(["production", "staging", "canary", "publish", "promote", "rollback", *versions]),
    )  # fmt: skip
    before = json.dumps(document)
    change_value(document, path, data.draw(other))
    if json.dumps(document) == before:
        return
    documents[place] = json.dumps(document).encode()
    assert verify(chain_anew(documents), "support") is not None, path


@given(VERBS, st.data())
def test_a_missing_value_is_found_though_the_chain_is_computed_anew(verbs: list[str], data: st.DataObject) -> None:
    documents = [one.data for one in make_chain(["publish", "production", "publish", *verbs])]
    place = data.draw(st.integers(0, len(documents) - 1))
    document = json.loads(documents[place])
    paths = [
        path
        for path in list_places(document)
        if isinstance(path[-1], str) and path != ("previous",) and (is_protected(document, path) or len(path) <= 2)
    ]
    path = data.draw(st.sampled_from(paths))
    if path[0] == "versions" and len(path) > 2 and path[2:3] != ("digest",):
        return  # texts of a version are compared with its publication in the test above
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    documents[place] = json.dumps(document).encode()
    assert verify(chain_anew(documents), "support") is not None, path


def publish_and_promote(version: PublishedVersion, **changes: Any) -> list[bytes]:
    """Return a ledger that makes a version its first one in production, whatever it lacks; `changes` are of its move."""
    allowed = replace(version, canary_hours=0, needs_sign_off=False)
    allowed = replace(allowed, evaluation=replace(allowed.evaluation, decision="PASS"))
    first = make_bytes(publish_version(None, "support", allowed, by(1)), 1)
    moved = make_bytes(promote_version(first, allowed, "production", by(2), "why"), 2).document
    forged = [replace(one, versions={version.digest: version}) for one in (first.document, replace(moved, **changes))]
    return chain_anew([encode_document(one) for one in forged])


FAILED = replace(ONE, evaluation=replace(ONE.evaluation, decision="FAIL"))
UNSIGNED = replace(ONE, level="MAJOR", needs_sign_off=True)


def test_a_promotion_follows_the_rules_of_promotions() -> None:
    assert verify(publish_and_promote(ONE)) is None
    found = verify(publish_and_promote(FAILED))
    assert found is not None and (found.revision, "its gate failed" in found.problem) == (1, True)
    found = verify(publish_and_promote(UNSIGNED))
    assert found is not None and (found.revision, "needs a sign-off" in found.problem) == (2, True)


def forge_version(document: ReleaseDocument) -> dict[str, Any]:
    """Return the values of a document that promotes a version that was never published."""
    forged = make_version("9.0.0", "EVIL")
    entry = replace(document.entry, target=forged.digest)
    versions = {**document.versions, forged.digest: forged}
    return {"versions": versions, "labels": {**document.labels, "staging": forged.digest}, "entry": entry}


@pytest.mark.parametrize(("change", "problem"), [
    (forge_version, "was never published"),
    (lambda d: {"entry": replace(d.entry, verb="frobnicate")}, 'its verb is "frobnicate"'),
    (lambda d: {"versions": {key: d.versions[key] for key in set(d.labels.values())}}, "is not in it any more"),
    (lambda d: {"at": "1990-01-01T00:00:00Z"}, "its time is 1990-01-01T00:00:00Z, and that of revision 13"),
    (lambda d: {"at": "2026-13-01T00:00:00Z"}, "which is not a valid date"),
    (lambda d: {"rollout": {"kind": "canary", "candidate": d.labels["staging"], "control": d.labels["production"],
                            "share": 10_000, "salt": "s"}}, "its rollout is not that"),
    (lambda d: {"monitoring": {"version": d.labels["production"]}}, "its monitoring is not that of its version"),
    (lambda d: {"entry": replace(d.entry, evidence={"canary": {"hours": 1}})}, "is not that of the canary in the"),
    (lambda d: {"entry": replace(d.entry, verb="rollback")}, 'it is a rollback of "staging"'),
])  # fmt: skip
def test_a_forged_document_with_a_whole_chain_is_named(
    change: Callable[[ReleaseDocument], dict[str, Any]], problem: str
) -> None:
    chain = make_chain(["publish", "production", "publish", "production", "publish", "staging"])
    assert verify(one.data for one in chain) is None
    found = edit(chain, **change(chain[-1].document))
    assert found is not None and problem in found.problem


def test_clocks_may_differ_by_a_day() -> None:
    chain = make_chain(["publish", "staging"])
    assert edit(chain, at="2026-11-28T12:00:00Z") is None
    assert edit(chain, at="2026-11-28T11:59:59Z") is not None


def test_a_version_is_published_once_and_its_number_grows() -> None:
    chain = make_chain(["publish", "staging", "publish"])
    first = chain[0].document.entry.target
    again = replace(chain[-1].document.entry, target=first)
    found = edit(chain, entry=again)
    assert found is not None and "was published before" in found.problem
    lower = make_version("0.9.0", "another")
    found = edit(
        chain, versions={**chain[0].document.versions, lower.digest: lower}, entry=replace(again, target=lower.digest)
    )
    assert found is not None and "is not above those before it" in found.problem
