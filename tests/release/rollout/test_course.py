from __future__ import annotations

from dataclasses import replace

from release.documents import make_version
from release.rollout.lives import RULES, Life, by, finish

from evalgate.release.document import ReleaseDocument, parse_document
from evalgate.release.promotion import publish_version
from evalgate.release.rollout import transitions
from evalgate.release.rollout.course import RolloutCourse, find_course


def list_documents(life: Life) -> list[ReleaseDocument]:
    return [parse_document(one) for one in life.registry.history("support")]


def find(life: Life) -> RolloutCourse:
    found = find_course(list_documents(life))
    assert found is not None
    return found


def tell(course: RolloutCourse) -> list[tuple[str, int]]:
    return [(step.document.entry.verb, step.share) for step in course.steps]


def test_a_prompt_without_a_rollout_has_no_course() -> None:
    assert find_course([]) is None
    assert find_course(list_documents(Life())) is None


def test_the_course_has_each_step_with_the_share_from_then_on() -> None:
    life = Life()
    life.start(replace(RULES, staging_hours=6))
    life.advance(7)
    life.append(lambda _: transitions.pause_rollout(life.last, by(8), "wait"))
    assert not find(life).is_over and find(life).state.paused
    life.append(lambda _: transitions.resume_rollout(life.last, by(9), "go on"))
    before = len(find(life).steps)
    life.append(lambda last: publish_version(last, "support", make_version("1.2.0", "Hey, "), by(10)))
    assert len(find(life).steps) == before, "a version that is published is not a step"
    life.append(lambda _: transitions.abort_rollout(life.last, by(11), "enough"))
    course = find(life)
    assert tell(course) == [("start", 0), ("advance", 500), ("pause", 0), ("resume", 500), ("abort", 0)]
    assert course.is_over and course.state.stage == 1 and course.document.entry.verb == "publish"


def test_after_the_end_all_users_have_the_candidate() -> None:
    life = Life()
    life.start()
    finish(life)
    course = find(life)
    assert tell(course) == [("start", 500), ("advance", 2500), ("advance", 5000), ("finish", 10_000)]
    assert course.is_over and course.state.is_last


def test_a_rollback_ends_the_course_and_another_start_begins_one() -> None:
    life = Life()
    life.start()
    assert life.tick(10, life.make_rows(3000, 0.3, 9, drop=0.4)).action == "roll_back"
    assert tell(find(life)) == [("start", 500), ("rollback", 0)] and find(life).is_over
    life.start(hours=12)
    assert tell(find(life)) == [("start", 500)] and not find(life).is_over


def test_a_hold_is_a_step_that_leaves_the_share() -> None:
    life = Life()
    life.start()
    assert life.tick(30, []).code == "no_rows"
    assert tell(find(life)) == [("start", 500), ("hold", 500)] and find(life).state.hold == "no_rows"
