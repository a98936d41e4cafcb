from __future__ import annotations

from dataclasses import replace

import pytest
from release.documents import AT, make_document, make_version
from release.failing_registry import FailingRegistry
from release.memory_registry import MemoryRegistry

from evalgate.release.label_move import LabelMove, describe_move, move_label
from evalgate.release.promotion import Actor, promote_version, publish_version
from evalgate.release.registry import RaceLostError, RegistryError, StoredDocument, make_bytes

BY = Actor(id="1", who="ada", at=AT)


def test_a_planned_move_writes_nothing_and_a_real_one_one_document() -> None:
    registry, one = MemoryRegistry(), make_version()
    last = registry.append(publish_version(None, "support", one, BY))
    following = promote_version(last, one, "staging", Actor(id="2", who="ada", at=AT), "why")
    planned = move_label(registry, last, following, one, dry_run=True)
    assert (planned.result, planned.stored, registry.read("support")) == ("planned", last, last)
    moved = move_label(registry, last, following, one, dry_run=False)
    assert (moved.result, moved.label, moved.before) == ("moved", "staging", None)
    assert registry.read("support") == moved.stored and moved.stored.document.labels == {"staging": one.digest}
    with pytest.raises(RaceLostError, match="ada was faster"):
        again = promote_version(last, one, "canary", Actor(id="3", who="bob", at=AT), "why")
        move_label(registry, last, again, one, dry_run=False)


def test_a_lost_answer_is_looked_up_also_behind_later_documents() -> None:
    registry, one = MemoryRegistry(), make_version()
    last = registry.append(publish_version(None, "support", one, BY))
    following = promote_version(last, one, "staging", Actor(id="2", who="ada", at=AT), "why")
    later = Actor(id="3", who="bob", at=AT)

    class Overtaken(FailingRegistry):
        def append(self, document):  # type: ignore[no-untyped-def]
            try:
                return super().append(document)
            except RegistryError:
                self.inner.append(promote_version(registry.documents["support"][-1], one, "canary", later, "why"))
                raise

    failing = Overtaken(inner=registry, at=1, failure="answer")
    moved = move_label(failing, last, following, one, dry_run=False)
    assert moved.stored == registry.documents["support"][1] and len(registry.documents["support"]) == 3
    down = FailingRegistry(inner=registry, at=1, failure="answer", reads_fail=True)
    another = promote_version(registry.documents["support"][-1], one, "production", Actor(id="4", who="a", at=AT), "")
    with pytest.raises(RegistryError, match="the answer was lost; it is not known whether this was written"):
        move_label(down, last, another, one, dry_run=False)


def test_a_lost_race_is_told_also_if_nothing_can_be_read_any_more() -> None:
    registry, one = MemoryRegistry(), make_version()
    last = registry.append(publish_version(None, "support", one, BY))
    following = promote_version(last, one, "staging", Actor(id="2", who="ada", at=AT), "why")
    registry.append(promote_version(last, one, "canary", Actor(id="3", who="bob", at=AT), "why"))

    class Down(MemoryRegistry):
        def append(self, document):  # type: ignore[no-untyped-def]
            return registry.append(document)

        def read(self, name: str) -> StoredDocument | None:
            raise RegistryError("it is down")

    with pytest.raises(RaceLostError, match="bob was faster"):
        move_label(Down(), last, following, one, dry_run=False)


def test_a_move_says_where_the_label_was_and_whether_anything_changed() -> None:
    version, before = make_version("1.2.3"), make_version("1.2.2")
    stored = make_bytes(make_document(version), 7)
    move = LabelMove(stored=stored, label="production", version=version, before=before, result="moved")
    name = stored.document.name
    assert describe_move(move) == f"{name}: production is {version} now, after 1.2.2 (revision 7)"
    assert describe_move(replace(move, result="planned")).endswith(
        f"would be {version}, after 1.2.2; nothing was written"
    )
    same = replace(move, result="unchanged", why_not="ada did it")
    assert describe_move(same) == f"{name}: production is {version} already; nothing to do: ada did it"
