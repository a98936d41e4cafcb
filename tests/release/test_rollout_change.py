from __future__ import annotations

from dataclasses import replace

import pytest
from release.rollout.lives import RULES, Life, by
from release.stories import InterleavedRegistry

from evalgate.release.registry import RaceLostError
from evalgate.release.rollout.transitions import abort_rollout, pause_rollout, start_rollout
from evalgate.release.rollout_change import change_rollout, describe_rollout_change, describe_verb


def test_a_change_is_appended_and_told() -> None:
    life = Life()
    make = lambda last, who: start_rollout(last, life.candidate, replace(RULES, staging_hours=1), who, "go")  # noqa: E731
    planned = change_rollout(life.registry, "support", by(), make, dry_run=True)
    assert planned.stored is None and life.document.rollout is None
    assert describe_rollout_change(planned) == (
        "support: dry run, nothing is written: the rollout of 1.1.0 starts: staging has 1.1.0, and all users get 1.0.0"
    )
    done = change_rollout(life.registry, "support", by(), make)
    assert done.stored == life.last and describe_rollout_change(done).endswith("all users get 1.0.0 (revision 4)")


def test_each_verb_has_its_words() -> None:
    life = Life()
    before = life.last.document
    life.start()
    told = [describe_verb(before, life.document)]
    for hours in (1, 2, 3):
        before = life.document
        life.advance(hours)
        told.append(describe_verb(before, life.document))
    assert told == [
        "the rollout of 1.1.0 starts: 5 % of the users get 1.1.0, in stage 1 of 3 (5 %)",
        "the rollout of 1.1.0 goes on: 25 % of the users get 1.1.0, in stage 2 of 3 (25 %)",
        "the rollout of 1.1.0 goes on: 50 % of the users get 1.1.0, in stage 3 of 3 (50 %)",
        "the rollout of 1.1.0 is finished: production is 1.1.0, after 1.0.0",
    ]


def test_the_time_is_not_before_that_of_the_last_document() -> None:
    life = Life()
    life.start(hours=5)
    done = change_rollout(life.registry, "support", by(1), lambda last, who: pause_rollout(last, who, "wait"))
    assert done.document.at == life.document.at == life.state.started


def test_of_two_changes_at_once_one_wins() -> None:
    life = Life()
    life.start()

    def abort(registry: object) -> None:
        change_rollout(life.registry, "support", by(1, "bob"), lambda last, who: abort_rollout(last, who, "stop"))

    registry = InterleavedRegistry(inner=life.registry, meanwhile=abort)
    with pytest.raises(RaceLostError, match="bob was faster: revision 5, abort"):
        change_rollout(registry, "support", by(1), lambda last, who: pause_rollout(last, who, "wait"))  # type: ignore[arg-type]
    assert life.list_verbs() == ["start", "abort"]
