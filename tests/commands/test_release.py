"""Tests of the verbs of `evalgate release` on a registry: what they decide, races, and failures at every write."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release.documents import AT, make_document, make_entry, make_version, sign
from release.failing_registry import FAILURES, DiedError, FailingRegistry, Failure
from release.memory_registry import MemoryRegistry
from release.stories import (
    KINDS,
    ONE,
    THREE,
    TWO,
    InterleavedRegistry,
    list_entries,
    make_actor,
    open_empty,
    promote,
    publish,
    roll_back_to,
    tell_story,
)

from evalgate.commands.release.abort import abort
from evalgate.commands.release.diff import find_pair
from evalgate.commands.release.export import export_ledger
from evalgate.commands.release.history import read_history
from evalgate.commands.release.import_ import import_ledger
from evalgate.commands.release.pause import pause
from evalgate.commands.release.promote import promote as promote_label
from evalgate.commands.release.rollback import roll_back_production
from evalgate.commands.release.show import list_prompts, show_version
from evalgate.commands.release.start import start
from evalgate.commands.release.verify import verify_ledgers
from evalgate.domain.rollout import RolloutRules
from evalgate.errors import EvalgateError, InputError
from evalgate.release.document import PublishedVersion, ReleaseDocument, encode_document
from evalgate.release.label_move import LabelMove, describe_move
from evalgate.release.promotion import promote_version
from evalgate.release.registry import RaceLostError, RefusedError, Registry, RegistryError, StoredDocument, make_bytes

PATCH = make_version("1.2.1", "Hello patch ", level="PATCH", canary_hours=0)


@pytest.fixture
def memory() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture(params=KINDS)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return open_empty(request.param, tmp_path)


def read_label(registry: Registry, label: str = "production") -> str | None:
    last = registry.read("support")
    assert last is not None
    version = last.document.find_label(label)
    return None if version is None else version.version


def roll_back(registry: Registry, who: str = "ada", why: str = "bad", to: str | None = None) -> LabelMove:
    return roll_back_production(registry, "support", make_actor(who), why, to=to)


def test_the_highest_version_is_promoted_and_a_second_time_nothing_is_done(registry: Registry) -> None:
    publish(registry, ONE)
    publish(registry, TWO)
    moved = promote_label(registry, "support", "staging", make_actor(), "why")
    assert (moved.result, moved.version, read_label(registry, "staging")) == ("moved", TWO, "1.1.0")
    again = promote_label(registry, "support", "staging", make_actor(), "why", version="1.1.0")
    assert again.result == "unchanged"
    assert promote_label(registry, "support", "staging", make_actor(), "", version=ONE.digest[:9]).version == ONE
    assert len(list_entries(registry)) == 4


def roll_out(registry: Registry, hours: int = 48) -> None:
    """Give the highest version to some users for some hours."""
    rules = RolloutRules(scores={}, staging_hours=0)
    start(registry, "support", rules, make_actor(), "go")
    later = (datetime.fromisoformat(AT) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    pause(registry, "support", replace(make_actor(), at=later), "enough")


def test_production_needs_a_canary_in_the_ledger(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE)
    publish(memory, make_version("1.1.0", "Hello 1, ", canary_hours=48))
    with pytest.raises(RefusedError, match="needs a canary of 48 hours"):
        promote_label(memory, "support", "production", make_actor(), "why")
    roll_out(memory, hours=47)
    with pytest.raises(RefusedError, match=r"has given it to users for 47\b"):
        promote_label(memory, "support", "production", make_actor(), "why")
    abort(memory, "support", make_actor(), "again")
    roll_out(memory, hours=47 + 48)
    moved = promote_label(memory, "support", "production", make_actor(), "why")
    assert moved.stored.document.entry.evidence == {"canary": {"hours": 48.0}}
    assert moved.stored.document.rollout is None


def test_a_major_version_needs_its_sign_off_before_its_canary(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE)
    major = make_version("2.0.0", level="MAJOR", needs_sign_off=True)
    publish(memory, major)
    with pytest.raises(RefusedError, match="needs a sign-off"):
        promote_label(memory, "support", "production", make_actor(), "why")
    with pytest.raises(RefusedError, match=r"may not be rolled out: .* needs a sign-off"):
        roll_out(memory)
    signed = sign(make_version("2.0.1", level="MAJOR", needs_sign_off=True))
    publish(memory, signed)
    promote_label(memory, "support", "production", make_actor(), "why")
    assert read_label(memory) == "2.0.1"


def test_a_version_that_was_rolled_back_is_promoted_only_by_its_name(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, PATCH)
    roll_back(memory)
    publish_at = len(list_entries(memory))
    with pytest.raises(RefusedError, match="ada rolled back from it"):
        promote_label(memory, "support", "production", make_actor(), "why")
    promote_label(memory, "support", "staging", make_actor(), "why", version="1.0.0")
    assert len(list_entries(memory)) == publish_at + 1, "a refusal writes nothing"
    with pytest.raises(RefusedError, match="ada rolled back from it"):
        promote_label(memory, "support", "production", make_actor(), "why")
    promote_label(memory, "support", "production", make_actor(), "a false alarm", version="1.2.1")
    assert read_label(memory) == "1.2.1"
    roll_back(memory)
    older = make_version("1.2.2", "Hello older ", level="PATCH", canary_hours=0)
    publish(memory, older)
    promote(memory, older)
    roll_back(memory, to="1.0.0")
    promote(memory, PATCH)
    with pytest.raises(RefusedError, match=r"1\.2\.2 .* rolled back from it"):
        promote_label(memory, "support", "production", make_actor(), "why")


def test_of_two_promotions_one_wins_and_the_other_is_told_who(registry: Registry) -> None:
    publish(registry, ONE)
    publish(registry, TWO)
    racing = InterleavedRegistry(inner=registry, meanwhile=lambda inner: promote(inner, ONE, "staging"))
    with pytest.raises(RaceLostError, match="ada was faster: revision 3, promote staging") as lost:
        promote_label(racing, "support", "staging", make_actor("bob"), "why")  # type: ignore[arg-type]
    assert lost.value.exit_code == 3
    assert read_label(registry, "staging") == "1.0.0"


def test_a_rollback_goes_to_the_last_production_version(registry: Registry) -> None:
    tell_story(registry, ONE, TWO)
    moved = roll_back(registry)
    assert (moved.result, moved.version, moved.before) == ("moved", ONE, TWO)
    assert read_label(registry) == "1.0.0"
    assert list_entries(registry)[-1] == ("rollback", "production")


@pytest.mark.parametrize("versions", [[], [ONE]])
def test_a_rollback_without_an_older_version_says_so(versions: list, memory: MemoryRegistry) -> None:
    publish(memory, ONE)
    if versions:
        promote(memory, ONE)
    with pytest.raises(InputError, match="no older version"):
        roll_back(memory)
    with pytest.raises(InputError, match='no prompt "other"'):
        roll_back_production(memory, "other", make_actor(), "bad")


def test_rollbacks_one_after_the_other_go_back_one_by_one(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, TWO, THREE)
    assert roll_back(memory).version == TWO
    again = roll_back(memory)
    assert (again.result, again.version) == ("unchanged", TWO) and "ada rolled back" in again.why_not
    publish(memory, PATCH)
    assert roll_back(memory, "bob", "it is bad").version == ONE
    with pytest.raises(InputError, match="no older version") as ended:
        roll_back(memory, "ada", "worse still")
    assert ended.value.exit_code == 2
    promote_label(memory, "support", "production", make_actor(), "fixed", version="1.2.1")
    assert roll_back(memory, "bob", "it is bad").version == ONE, "after a promotion it is a new rollback"


def test_two_rollbacks_at_once_go_back_once(registry: Registry) -> None:
    tell_story(registry, ONE, TWO, THREE)
    racing = InterleavedRegistry(inner=registry, meanwhile=lambda inner: roll_back(inner, "bob", "it is bad"))
    moved = roll_back(racing)  # type: ignore[arg-type]
    assert (moved.result, moved.version) == ("unchanged", TWO) and "bob rolled back" in moved.why_not
    assert read_label(registry) == "1.1.0"
    assert [one for one in list_entries(registry) if one[0] == "rollback"] == [("rollback", "production")]


def test_a_rollback_loses_a_race_only_to_a_move_of_production(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, TWO)
    racing = InterleavedRegistry(inner=memory, meanwhile=lambda inner: publish(inner, THREE))
    assert roll_back(racing).version == ONE  # type: ignore[arg-type]
    tell_story(memory, PATCH)
    other = make_version("1.3.0", "Hello other ")
    racing = InterleavedRegistry(inner=memory, meanwhile=lambda inner: tell_story(inner, other))
    publish(memory, other)
    with pytest.raises(RaceLostError, match="promote production"):
        roll_back(racing)  # type: ignore[arg-type]
    assert read_label(memory) == "1.3.0"


def test_a_rollback_goes_only_to_a_version_that_was_in_production(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, TWO, THREE)
    publish(memory, PATCH)
    promote(memory, PATCH, "staging")
    with pytest.raises(RefusedError, match="was never in production"):
        roll_back(memory, to="1.2.1")
    assert roll_back(memory, to="1.2.0").result == "unchanged"
    assert roll_back(memory, to="1.0.0").version == ONE
    assert roll_back(memory, to="1.2.0").version == THREE, "a person may name a version that was rolled back"
    assert list_entries(memory)[-1] == ("rollback", "production")


def test_a_dry_run_of_any_verb_writes_nothing(memory: MemoryRegistry, tmp_path: Path) -> None:
    tell_story(memory, ONE, TWO)
    before = list(memory.history("support"))
    planned = promote_label(memory, "support", "staging", make_actor(), "", dry_run=True)
    assert (planned.result, planned.version) == ("planned", TWO)
    planned = roll_back_production(memory, "support", make_actor(), "bad", dry_run=True)
    assert (planned.result, planned.version) == ("planned", ONE)
    assert list(memory.history("support")) == before
    empty = MemoryRegistry()
    done = import_ledger(empty, export(memory, tmp_path), dry_run=True)
    assert (done.added, done.stored, empty.documents, empty.versions) == (4, None, {}, {})


def export(registry: Registry, folder: Path) -> Path:
    path = folder / "support.jsonl"
    path.write_text("".join(export_ledger(registry, "support").lines))
    return path


@pytest.mark.parametrize("there", KINDS)
def test_a_ledger_moves_to_another_registry_with_its_bytes(registry: Registry, there: str, tmp_path: Path) -> None:
    tell_story(registry, ONE, TWO, THREE)
    roll_back_to(registry, TWO)
    path = export(registry, tmp_path)
    (tmp_path / "there").mkdir()
    other = open_empty(there, tmp_path / "there")
    done = import_ledger(other, path)
    assert (done.added, done.present, done.versions) == (7, 0, 3)
    assert list(other.history("support")) == list(registry.history("support"))
    assert other.find_version("support", ONE.digest) == ONE
    assert import_ledger(other, path).added == 0
    promote(registry, THREE)
    assert import_ledger(other, export(registry, tmp_path)).added == 1
    assert other.read("support") == registry.read("support")


def test_an_import_overwrites_nothing(memory: MemoryRegistry, tmp_path: Path) -> None:
    tell_story(memory, ONE, TWO)
    path = export(memory, tmp_path)
    other = MemoryRegistry()
    publish(other, ONE, make_actor("bob"))
    with pytest.raises(RefusedError, match="has another revision 1 than the file"):
        import_ledger(other, path)
    publish(memory, THREE)
    with pytest.raises(RefusedError, match="has 5 revisions, and the file only 4"):
        import_ledger(memory, path)
    assert len(other.documents["support"]) == 1 and not other.versions.keys() - {("support", ONE.digest)}


def test_an_import_refuses_what_is_broken_or_would_change(memory: MemoryRegistry, tmp_path: Path) -> None:
    tell_story(memory, ONE, TWO)
    stored = memory.documents["support"]
    whole = list(stored)
    stored[1] = StoredDocument(document=stored[1].document, data=stored[1].data.replace(b"good", b"evil"))
    exported = export_ledger(memory, "support")
    assert exported.first_break is not None and "revision 3" in exported.first_break
    with pytest.raises(RefusedError, match=r"is broken: revision 3: it follows"):
        import_ledger(MemoryRegistry(), export(memory, tmp_path))
    newer = encode_document(whole[0].document).replace(b'"format"', b'"a_new_key": 1,\n "format"')
    memory.documents["support"] = [StoredDocument(document=whole[0].document, data=newer)]
    with pytest.raises(RefusedError, match="another version of evalgate wrote it"):
        import_ledger(MemoryRegistry(), export(memory, tmp_path))
    memory.documents["support"] = [make_bytes(whole[0].document, 7)]
    with pytest.raises(RefusedError, match="it has the number 7"):
        import_ledger(MemoryRegistry(), export(memory, tmp_path))


def test_verify_names_the_first_break_of_each_prompt(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, TWO)
    (whole,) = verify_ledgers(memory)
    assert (whole.name, whole.revisions, whole.first_break) == ("support", 4, None)
    memory.documents["support"].pop(1)
    (broken,) = verify_ledgers(memory, "support")
    assert broken.first_break is not None and broken.first_break.startswith("revision 3: ")
    with pytest.raises(InputError, match='no prompt "suport"'):
        verify_ledgers(memory, "suport")


def test_show_and_diff_find_versions_and_their_moves(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, TWO)
    roll_back_to(memory, ONE)
    shown = show_version(memory, "support")
    assert (shown.version, shown.labels) == (ONE, ("production",))
    assert [one.document.revision for one in shown.moves] == [1, 2, 4, 5]
    assert show_version(memory, "support@1.1.0").labels == ()
    pair = find_pair(memory, "support", "production", TWO.digest[:8])
    assert (pair.first, pair.second, pair.last) == (ONE, TWO, memory.read("support"))
    assert [one.document.name for one in list_prompts(memory)] == ["support"]
    with pytest.raises(InputError, match='no prompt "support@"'):
        show_version(memory, "support@")


def test_a_history_goes_on_after_a_damaged_revision(memory: MemoryRegistry) -> None:
    tell_story(memory, ONE, TWO)
    stored = memory.documents["support"]
    stored[1] = StoredDocument(document=stored[1].document, data=b"\xff")
    found = read_history(memory, "support")
    assert ([one.document.revision for one in found.revisions], found.unreadable) == ([1, 3, 4], (2,))
    back = roll_back(memory)
    assert back.version == ONE, "a damaged revision does not keep anyone from rolling back"
    assert "no version was in production before that: revision 2" in back.warning


Verb = Callable[[Registry, Path], object]


def _import(registry: Registry, folder: Path) -> object:
    there = MemoryRegistry()
    there.documents["support"] = [*ARCHIVED.documents["support"]]
    there.versions = dict(ARCHIVED.versions)
    return import_ledger(registry, export(there, folder))


VERBS: dict[str, Verb] = {
    "publish": lambda registry, folder: publish(registry, THREE, make_actor()),
    "promote": lambda registry, folder: promote_label(
        registry, "support", "production", make_actor(), "why", version="1.1.0"
    ),
    "rollback": lambda registry, folder: roll_back(registry),
    "import": _import,
}
ARCHIVED = MemoryRegistry()
tell_story(ARCHIVED, ONE, TWO)
promote(ARCHIVED, ONE, "staging")


def prepare(verb: str, registry: Registry) -> None:
    if verb == "import":
        for data in ARCHIVED.documents["support"][:2]:
            registry.append(data.document)
        return
    tell_story(registry, *([ONE, TWO] if verb == "rollback" else [ONE]))
    if verb != "rollback":
        publish(registry, TWO)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_dies_at_any_write_is_completed_by_the_next_command(
    verb: str, failure: Failure, kind: str, tmp_path: Path
) -> None:
    """Fail at the first write, the second, and so on, each in a new registry, until a verb has no such write."""
    expected = MemoryRegistry()
    prepare(verb, expected)
    before = list_entries(expected)
    VERBS[verb](expected, tmp_path)
    after = list_entries(expected)
    for at in range(1, 20):
        fresh = open_empty(kind, make_folder(tmp_path, at))
        prepare(verb, fresh)
        failing = FailingRegistry(inner=fresh, at=at, failure=failure)
        with contextlib.suppress(DiedError, RegistryError):
            VERBS[verb](failing, tmp_path)
        found = list_entries(fresh)
        assert found == after[: len(found)] and len(found) >= len(before), "before or after, and the ledger whole"
        VERBS[verb](fresh, tmp_path)
        assert list_entries(fresh) == after, "the next command completes it, and does nothing twice"
        if failing.writes < at:
            break
    assert at > (1 if verb in ("promote", "rollback") else 2)
    assert failing.writes == at - 1


def make_folder(folder: Path, number: int) -> Path:
    made = folder / f"run-{number}"
    made.mkdir()
    return made


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["publish", "staging", "production", "rollback"]),
            st.sampled_from([None, *FAILURES]),
            st.integers(1, 3),
            st.booleans(),
        ),
        max_size=14,
    )
)
def test_any_series_of_verbs_and_failures_leaves_a_whole_ledger(steps: list) -> None:
    memory = MemoryRegistry()
    publish(memory, ONE)
    for number, (verb, failure, at, down) in enumerate(steps, start=1):
        registry: Registry = memory
        if failure is not None:
            registry = FailingRegistry(inner=memory, at=at, failure=failure, reads_fail=down)
        count, labels = len(memory.documents["support"]), memory.documents["support"][-1].document.labels
        try:
            if verb == "publish":
                publish(registry, make_version(f"1.{number}.0", level="PATCH", canary_hours=0))
            elif verb == "rollback":
                roll_back_production(registry, "support", make_actor(f"person {number}"), "bad")
            else:
                promote_label(registry, "support", verb, make_actor(), "")
        except (DiedError, EvalgateError):
            pass
        added = memory.documents["support"][count:]
        assert len(added) <= 1
        assert added or memory.documents["support"][-1].document.labels == labels
        assert len(list_entries(memory)) == count + len(added)


EVIL = make_version("1.9.0", "EVIL ", level="PATCH", canary_hours=0)


def forge(registry: Registry, **changes: object) -> StoredDocument:
    """Append what a person with access to the registry could: a version that was never published has a label."""
    last = registry.read("support")
    assert last is not None
    document = promote_version(last, EVIL, "staging", make_actor("eve"), "why")
    return registry.append(replace(document, **changes))  # type: ignore[arg-type]


def replace_text(document: ReleaseDocument) -> dict[str, PublishedVersion]:
    """Return the versions of a document with another text in production, under the same digest."""
    now = document.labels["production"]
    return {**document.versions, now: replace(document.versions[now], messages=EVIL.messages)}


def test_nothing_is_promoted_on_a_broken_ledger(registry: Registry) -> None:
    tell_story(registry, ONE, TWO)
    forged = forge(registry)
    for label, version in (("production", "1.9.0"), ("staging", "1.9.0"), ("canary", "1.1.0"), ("production", "1.1.0")):
        with pytest.raises(RefusedError, match=r"broken ledger: revision 5: .* was never published") as refused:
            promote_label(registry, "support", label, make_actor(), "why", version=version)
        assert "evalgate release verify support" in (refused.value.faults[0].hint or "")
    assert registry.read("support") == forged


def test_a_version_that_was_only_put_is_not_promoted(registry: Registry) -> None:
    last = tell_story(registry, ONE)
    registry.put(EVIL, "support")
    publish(registry, TWO)  # in git, what was put comes with the next document
    with pytest.raises(RefusedError, match="was never published"):
        promote_label(registry, "support", "staging", make_actor(), "why", version=EVIL.digest)
    assert last != registry.read("support") and len(list_entries(registry)) == 3


def test_on_a_broken_ledger_a_rollback_goes_to_what_was_in_production_before(registry: Registry) -> None:
    tell_story(registry, ONE, TWO, THREE)
    forged = forge(registry)
    production = {**forged.document.labels, "production": EVIL.digest}
    last = promote_version(replace(forged), EVIL, "production", make_actor("eve"), "why")
    registry.append(replace(last, labels=production))
    back = roll_back(registry)
    assert (back.result, back.version, read_label(registry)) == ("moved", THREE, "1.2.0")
    assert back.warning.startswith("the ledger is broken, and this version was in production before that: revision 7")
    assert f"Warning: {back.warning}" in describe_move(back)
    assert roll_back(registry).result == "unchanged"  # the same reason: it was only repeated
    assert roll_back(registry, why="still bad").version == TWO
    assert roll_back(registry, why="worse").version == ONE
    with pytest.raises(InputError, match="there is no older version in production before"):
        roll_back(registry, why="and worse")
    assert roll_back(registry, to="1.2.0").version == THREE
    with pytest.raises(RefusedError, match=r'"1.9.0" is not a version that was in production before that'):
        roll_back(registry, to="1.9.0")


@pytest.mark.parametrize("to", [None, "1.1.0"])
def test_a_rollback_restores_the_text_that_was_in_production_before_the_break(
    registry: Registry, to: str | None
) -> None:
    last = tell_story(registry, ONE, TWO).document
    changed = promote_version(
        StoredDocument(document=last, data=encode_document(last)), TWO, "staging", make_actor(), ""
    )
    registry.append(replace(changed, versions=replace_text(last)))
    back = roll_back(registry, to=to)
    stored = registry.read("support")
    assert (back.result, back.version) == ("moved", TWO)
    assert stored is not None and stored.document.find_label("production") == TWO


def test_a_rollback_without_a_whole_revision_says_so(memory: MemoryRegistry) -> None:
    memory.append(make_document(EVIL, labels={"production": EVIL}, entry=make_entry("frobnicate")))
    with pytest.raises(InputError, match="there is no older version in production to roll back to"):
        roll_back(memory)
