from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import AT, make_version, sign

from evalgate.domain.rollout import RolloutRules
from evalgate.errors import InputError
from evalgate.release.document import PublishedVersion, ReleaseDocument, encode_document, parse_document
from evalgate.release.promotion import (
    Actor,
    find_highest,
    find_rollback,
    next_number,
    promote_version,
    publish_version,
    roll_back,
)
from evalgate.release.registry import RefusedError, StoredDocument, make_bytes
from evalgate.release.rollout.transitions import start_rollout

BY = Actor(id="1", who="ada", at=AT)


def store(document: ReleaseDocument) -> StoredDocument:
    return make_bytes(document, document.revision)


def publish(last: StoredDocument | None, version: PublishedVersion) -> StoredDocument:
    return store(publish_version(last, "support", version, BY))


def promote(last: StoredDocument, version: PublishedVersion, label: str = "production") -> StoredDocument:
    return store(promote_version(last, version, label, BY, "because"))


def test_a_published_version_has_no_label_until_it_is_promoted() -> None:
    one = make_version("1.0.0")
    published = publish(None, one)
    assert published.document.labels == {} and published.document.versions == {one.digest: one}
    promoted = promote(published, one, "staging")
    assert promoted.document.labels == {"staging": one.digest}
    assert promoted.document.previous == published.digest
    assert (promoted.document.entry.label, promoted.document.entry.origin) == ("staging", None)


@pytest.mark.parametrize("number", ["1.0.0", "0.9.9", "1.0.0-rc.1"])
def test_a_number_at_or_below_what_is_published_is_refused(number: str) -> None:
    last = publish(None, make_version("1.0.0"))
    with pytest.raises(RefusedError, match=r"1\.0\.0"):
        publish(last, make_version(number, "another"))


@pytest.mark.parametrize(
    ("before", "level", "number"),
    [
        (None, "PATCH", "1.0.0"),
        (None, "MAJOR", "1.0.0"),
        ("1.2.3", "PATCH", "1.2.4"),
        ("1.2.3", "MINOR", "1.3.0"),
        ("1.2.3", "MAJOR", "2.0.0"),
        ("2.0.0-rc.1", "PATCH", "2.0.1"),
        ("2.0.0+build", "MINOR", "2.1.0"),
    ],
)
def test_the_next_number_is_that_of_the_level(before: str | None, level: str, number: str) -> None:
    last = None if before is None else publish(None, make_version(before))
    assert next_number(last, level) == number
    publish(last, make_version(number, "another"))


def test_production_needs_a_canary_unless_it_is_the_first_or_was_there_before() -> None:
    one, two = make_version("1.0.0"), make_version("1.1.0", canary_hours=48)
    three = make_version("1.1.1", level="PATCH", canary_hours=0)
    last = publish(publish(publish(None, one), two), three)
    first = store(promote_version(last, one, "production", BY, "first"))
    with pytest.raises(RefusedError, match="needs a canary of 48 hours"):
        promote_version(first, two, "production", BY, "why")
    assert promote_version(first, three, "production", BY, "a PATCH").labels["production"] == three.digest
    with pytest.raises(RefusedError, match=r"its rollout has given it to users for 47\.5") as refused:
        promote_version(roll_out(first, two), two, "production", BY, "why", hours=47.5)
    assert "evalgate release advance support --reason TEXT" in str(refused.value.faults[0].hint)
    second = store(promote_version(roll_out(first, two), two, "production", BY, "why", hours=48.004))
    assert second.document.entry.evidence == {"canary": {"hours": 48.0}}
    assert second.document.rollout is None and second.document.labels == {"production": two.digest}
    assert promote_version(second, one, "production", BY, "back").labels["production"] == one.digest


def roll_out(last: StoredDocument, version: PublishedVersion) -> StoredDocument:
    """Start a rollout without staging."""
    rules = RolloutRules(scores={"helpful": 0.1}, staging_hours=0)
    return store(start_rollout(last, version, rules, BY, "go"))


def test_a_rollout_keeps_its_labels_from_other_versions() -> None:
    one, two, three = make_version("1.0.0"), make_version("1.1.0"), make_version("1.2.0")
    last = publish(publish(promote(publish(None, one), one), two), three)
    running = roll_out(last, two)
    for label in ("production", "canary"):
        with pytest.raises(RefusedError, match="a rollout of another version is in progress") as refused:
            promote_version(running, three, label, BY, "why")
        assert "evalgate release abort support --reason TEXT" in str(refused.value.faults[0].hint)
    assert promote_version(running, three, "staging", BY, "why").rollout == running.document.rollout
    on_staging = store(start_rollout(last, two, RolloutRules(scores={}), BY, "go"))
    with pytest.raises(RefusedError, match="a rollout of another version is in progress"):
        promote_version(on_staging, three, "staging", BY, "why")


def test_a_major_needs_a_sign_off_of_its_own_report() -> None:
    major = make_version("2.0.0", level="MAJOR", needs_sign_off=True)
    with pytest.raises(RefusedError, match="its report has none"):
        promote(publish(None, major), major)
    signed = sign(major)
    assert promote(publish(None, signed), signed)
    assert signed.sign_off is not None
    other = replace(signed, sign_off=replace(signed.sign_off, subject="0" * 64))
    with pytest.raises(RefusedError, match="for another report"):
        promote(publish(None, other), other)
    assert promote(publish(None, other), other, "staging")


@pytest.mark.parametrize("decision", ["FAIL", "fail", "", "UNKNOWN"])
def test_a_version_without_a_pass_gets_no_label(decision: str) -> None:
    version = make_version("1.0.0")
    version = replace(version, evaluation=replace(version.evaluation, decision=decision))
    for label in ("staging", "canary", "production"):
        with pytest.raises(RefusedError, match="its gate"):
            promote(publish(None, version), version, label)


def test_a_refusal_names_all_that_is_missing_and_the_next_command() -> None:
    one = make_version("1.0.0")
    two = make_version("2.0.0", level="MAJOR", needs_sign_off=True, canary_hours=48)
    last = publish(promote(publish(None, one), one), two)
    with pytest.raises(RefusedError) as refused:
        promote_version(last, two, "production", BY, "why")
    (fault,) = refused.value.faults
    assert "a canary of 48 hours; a MAJOR change needs a sign-off" in fault.message
    assert fault.hint is not None
    assert "evalgate release start support --version 2.0.0" in fault.hint
    assert "let a person sign off" in fault.hint


def test_rollbacks_go_back_one_by_one_and_never_to_a_version_that_was_rolled_back() -> None:
    one, two, three, four = (make_version(f"1.{n}.0") for n in range(4))
    last: StoredDocument | None = None
    for version in (one, two, three):
        last = promote(publish(last, version), version)
    assert last is not None
    back = store(roll_back(last, two, BY, "bad"))
    assert find_rollback(last.document) == two.digest
    assert back.document.labels["production"] == two.digest
    fixed = promote(publish(back, four), four)
    assert find_rollback(fixed.document) == two.digest
    again = store(roll_back(store(roll_back(fixed, two, BY, "bad")), one, BY, "worse"))
    with pytest.raises(InputError, match="no older version"):
        find_rollback(again.document)


def test_a_rollback_during_a_rollout_ends_it_and_keeps_production() -> None:
    one, two = make_version("1.0.0"), make_version("1.1.0")
    last = publish(promote(publish(None, one), one), two)
    rollout = {"kind": "canary", "candidate": two.digest, "control": one.digest, "share": 500, "salt": "s"}
    labels = {**last.document.labels, "canary": two.digest}
    running = store(replace(last.document, rollout=rollout, labels=labels))
    assert find_rollback(running.document) == one.digest
    ended = roll_back(running, one, BY, "bad")
    assert ended.rollout is None and ended.labels == {"production": one.digest}
    with pytest.raises(RefusedError, match="another version is in progress"):
        promote_version(running, make_version("1.2.0"), "production", BY, "why")


@given(st.lists(st.sampled_from(["publish", "production", "staging", "canary", "rollback"]), max_size=25), st.data())
def test_every_document_has_the_contents_that_its_readers_need(verbs: list[str], data: st.DataObject) -> None:
    last: StoredDocument | None = None
    published: list[PublishedVersion] = []
    for verb in verbs:
        if verb == "publish" or last is None:
            version = make_version(f"1.{len(published)}.0")
            published.append(version)
            last = publish(last, version)
        elif verb == "rollback":
            if last.document.past:
                digest = find_rollback(last.document)
                last = store(roll_back(last, next(one for one in published if one.digest == digest), BY, "bad"))
        else:
            last = promote(last, data.draw(st.sampled_from(published)), verb)
        document = parse_document(encode_document(last.document))  # refuses a label without its content
        highest = find_highest(document)
        assert highest == published[-1]
        production = document.labels.get("production")
        assert production not in document.past
        if document.past:
            assert document.past[0] in document.versions


def measure(version: PublishedVersion, baseline: PublishedVersion, hours: int = 24) -> PublishedVersion:
    evaluation = replace(version.evaluation, baseline=baseline.digest, minor_canary_hours=hours)
    return replace(version, evaluation=evaluation)


def make_patch(number: str, baseline: PublishedVersion, hours: int = 24) -> PublishedVersion:
    return measure(make_version(number, level="PATCH", canary_hours=0), baseline, hours)


def test_a_patch_of_what_was_rolled_back_needs_a_canary() -> None:
    one, two = make_version("1.0.0"), make_version("1.1.0")
    patch = make_patch("1.1.1", two)
    live = promote(publish(promote(publish(None, one), one), two), two)
    assert promote_version(publish(live, patch), patch, "production", BY, "why").labels["production"] == patch.digest
    back = store(roll_back(publish(live, patch), one, BY, "bad"))
    with pytest.raises(RefusedError) as refused:
        promote_version(back, patch, "production", BY, "why")
    (fault,) = refused.value.faults
    assert f"the change from {two.digest[:12]}, and production is {one}" in fault.message
    assert "it needs a canary of 24 hours" in fault.message and "evalgate release start support" in str(fault.hint)
    with pytest.raises(RefusedError, match=r"for 23\b"):
        promote_version(roll_out(back, patch), patch, "production", BY, "why", hours=23)
    assert promote_version(roll_out(back, patch), patch, "production", BY, "why", hours=24)
    assert promote_version(back, patch, "staging", BY, "why").labels["staging"] == patch.digest
    without = make_patch("1.1.2", two, hours=0)
    assert promote_version(publish(back, without), without, "production", BY, "the policy asks for none")


def test_patches_that_are_published_together_become_production_in_turn() -> None:
    one = make_version("1.0.0")
    first, second = make_patch("1.0.1", one), make_patch("1.0.2", one)
    last = publish(publish(promote(publish(None, one), one), first), second)
    for version in (first, second):
        last = store(promote_version(last, version, "production", BY, "why"))
    back = store(roll_back(last, first, BY, "bad"))
    third = make_patch("1.0.3", second)
    with pytest.raises(RefusedError, match="it needs a canary"):
        promote_version(publish(back, third), third, "production", BY, "why")


STEPS = st.lists(st.sampled_from(["patch", "minor", "promote", "promote any", "rollback"]), max_size=20)


@given(STEPS, st.data())
def test_no_change_reaches_production_without_the_canary_of_a_version_that_brought_it(
    steps: list[str], data: st.DataObject
) -> None:
    """Each version brings the changes of its baseline and its own; a MINOR one may be live after a canary alone.

    A canary of a version watches the changes that it brings. One that was rolled back was watched for nothing.
    """
    one = make_version("1.0.0")
    last = store(promote_version(publish(None, one), one, "production", BY, "first"))
    published, brings, watched = [one], {one.digest: frozenset[str]()}, set[str]()
    for number, step in enumerate(steps, start=1):
        live = last.document.find_label("production")
        assert live is not None
        if step in ("patch", "minor"):
            made = (
                make_version(f"1.{number}.0", canary_hours=48) if step == "minor" else make_patch(f"1.{number}.0", live)
            )
            version = measure(made, live)
            brings[version.digest] = brings[live.digest] | ({version.digest} if step == "minor" else frozenset())
            published.append(version)
            last = publish(last, version)
        elif step == "rollback":
            if last.document.past:
                watched -= brings[live.digest]
                digest = find_rollback(last.document)
                watched |= brings[digest]
                last = store(roll_back(last, next(one for one in published if one.digest == digest), BY, "bad"))
        else:
            version = published[-1] if step == "promote" else data.draw(st.sampled_from(published))
            if version.digest == live.digest:
                continue
            try:
                last = store(promote_version(last, version, "production", BY, "why"))
            except RefusedError:
                last = store(promote_version(roll_out(last, version), version, "production", BY, "why", hours=48))
                watched |= brings[version.digest]
        now = last.document.labels["production"]
        assert brings[now] <= watched
