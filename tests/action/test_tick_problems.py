"""Tests of what a person has to know after a tick, and what later ticks tell to be over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from action.scheduled_ticks import HALF
from release.rollout.lives import RULES, Life, clock

from evalgate.action.tick_problems import KINDS, find_problems, find_settled
from evalgate.commands.release.tick import Ticked
from evalgate.release.langfuse_projection import LabelFinding


def start() -> Life:
    life = Life()
    life.start(HALF)
    return life


def list_kinds(done: Ticked, hours: float = 3) -> list[str]:
    return [one.kind for one in find_problems(done, (), clock(hours))]


def test_a_waiting_rollout_has_no_problem_and_settles_a_hold() -> None:
    life = start()
    done = life.tick(3, life.make_rows(40, 0.3, 3))
    assert list_kinds(done) == [] and find_settled(done, looked_at_labels=True) == {"hold", "held", "labels"}
    done = life.tick(3, [])
    assert done.code == "no_rows" and find_settled(done, looked_at_labels=False) == set()


def test_a_rollback_is_a_problem_of_its_tick_and_of_those_of_a_week() -> None:
    life = start()
    done = life.tick(3, life.make_rows(400, 0.3, 3, drop=0.5))
    (problem,) = find_problems(done, (), clock(3))
    assert problem.sentence.startswith("all users get 1.0.0, and none 1.1.0 (revision 5): helpful: ")
    assert done.sentence in problem.sentence and "e = " in problem.sentence
    assert problem.commands[0] == "evalgate release history support"
    later = life.tick(100, [])
    assert find_problems(later, (), clock(100)) == [problem]
    assert list_kinds(later, 3 + 7 * 24 + 0.1) == []
    assert find_settled(later, looked_at_labels=False) == {"hold", "held", "worse"}


def test_a_race_that_was_lost_settles_nothing() -> None:
    life = start()
    done = replace(life.tick(3, life.make_rows(40, 0.3, 3)), action="lost", code="pause")
    assert find_settled(done, looked_at_labels=False) == set()


def test_a_pause_settles_nothing() -> None:
    life = start()
    done = replace(life.tick(3, life.make_rows(40, 0.3, 3)), action="idle", code="paused", found=None)
    assert list_kinds(done) == [] and find_settled(done, looked_at_labels=False) == set()


def test_a_hold_for_a_fault_has_the_same_mark_at_each_tick_of_its_stage() -> None:
    life = start()
    rows = [{**row, "scores": {"helpful": 7}} for row in life.make_rows(40, 0.3, 3)]
    (first,) = find_problems(life.tick(3, rows), (), clock(3))
    (again,) = find_problems(life.tick(4, rows[:30]), (), clock(4))
    assert first.kind == "hold" and first.mark == again.mark and first.sentence != again.sentence
    (other,) = find_problems(life.tick(1, rows), (), clock(1))  # a clock that is behind
    assert other.kind == "hold" and other.mark != first.mark


def test_a_rollout_that_is_held_too_long_names_what_a_person_can_do() -> None:
    life = start()
    done = life.tick(24 + RULES.hold_hours + 1, life.make_rows(40, 0.3, 3))
    (problem,) = find_problems(done, (), clock(1000))
    assert (problem.kind, problem.words) == ("held", "is held for too long")
    assert "the rollout of 1.1.0 holds at 50 % of the users: held for longer than" in problem.sentence
    assert problem.commands == (
        "evalgate release status support",
        "evalgate release advance support --reason TEXT",
        "evalgate release abort support --reason TEXT",
    )


@pytest.mark.parametrize("drop", [0.0, 0.4])
def test_a_production_that_got_worse_is_over_when_rows_say_so(drop: float) -> None:
    life = start()
    assert life.tick(25, life.make_rows(1200, 0.3, 24)).action == "finish"
    done = life.tick(101, life.make_rows(400, 80, 100, drop=drop))
    problems = find_problems(done, (), clock(101))
    assert [one.kind for one in problems] == (["worse"] if drop else [])
    assert all(one.commands[0] == "evalgate drift" and "`evalgate drift`" in one.sentence for one in problems)
    assert "worse" in find_settled(done, looked_at_labels=False)
    assert "worse" not in find_settled(life.tick(102, []), looked_at_labels=False)


def test_moved_labels_are_one_problem_whatever_their_order() -> None:
    life = start()
    done = life.tick(3, life.make_rows(40, 0.3, 3))
    moved = [LabelFinding(label=label, kind="moved", versions=(7, 9)) for label in ("production", "canary")]
    (problem,) = find_problems(done, moved, clock(3))
    assert (
        problem.sentence.startswith("2 labels were moved by hand")
        and "production (now on versions 7, 9)" in problem.sentence
    )
    assert find_problems(done, moved[::-1], clock(3))[0].mark == problem.mark
    assert find_problems(done, moved[:1], clock(3))[0].mark != problem.mark


def test_a_name_is_quoted_in_the_commands() -> None:
    life = start()
    done = life.tick(3, life.make_rows(400, 0.3, 3, drop=0.5))
    document = replace(done.stored.document, name="a b; rm")
    (problem,) = find_problems(replace(done, stored=replace(done.stored, document=document)), (), clock(3))
    assert problem.commands[0] == "evalgate release history 'a b; rm'"


def test_every_kind_of_problem_can_be_settled() -> None:
    life = start()
    done = life.tick(25, life.make_rows(1200, 0.3, 24))
    assert find_settled(done, looked_at_labels=True) == set(KINDS)
