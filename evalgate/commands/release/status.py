"""`release status`: where a rollout is, what is watched, and what is missing to go on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from evalgate.commands.release.history import read_history
from evalgate.release.checked_value import DocumentError
from evalgate.release.registry import Registry, RegistryError, StoredDocument
from evalgate.release.rollout.assessment import Assessment, assess_rollout
from evalgate.release.rollout.course import RolloutCourse, find_course
from evalgate.release.rollout.monitoring import Monitored, compare_with_end
from evalgate.release.rollout.online_scores import ScoreAnswers
from evalgate.release.rollout.state import RolloutState, parse_state
from evalgate.release.rollout.traffic_rows import keep_until
from evalgate.release.version_lookup import read_last

MakeScorer: TypeAlias = Callable[[], ScoreAnswers]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutStatus:
    """The last document of a prompt with its rollout, and what its rows say.

    `state` is None without a rollout; `found` without rows, without a rollout, or while it is paused. `monitored` is
    the comparison after a rollout, with rows.
    """

    stored: StoredDocument
    state: RolloutState | None
    now: str
    found: Assessment | None = None
    monitored: Monitored | None = None


LOOKS = 24
"""The looks of a trace: enough for a picture, and few enough for a table of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRollout:
    """The status of a prompt with the course of its rollout, which may be over; None if there never was one.

    `found` is what the rows say about the last stage, with traces: now, or `at` the end of a rollout that is over. None
    without rows, or for a stage that was paused.
    """

    status: RolloutStatus
    course: RolloutCourse | None
    found: Assessment | None
    at: str


def show_status(
    registry: Registry,
    name: str,
    now: str,
    rows: Iterable[bytes] | None = None,
    make_scorer: MakeScorer | None = None,
) -> RolloutStatus:
    """Return the status of a prompt's rollout.

    `make_scorer` makes what finds the scores that are known without a call, for a rollout whose rules say that evalgate
    scores answers; None: they are waiting. Raises InputError, RegistryError, and ServiceError for the rows.
    """
    return describe_status(read_last(registry, name), now, rows, make_scorer)


def draw_rollout(
    registry: Registry,
    name: str,
    now: str,
    open_rows: Callable[[], Iterable[bytes] | None],
    make_scorer: MakeScorer | None = None,
) -> DrawnRollout:
    """Return the status of a prompt with all that a picture of its rollout shows.

    `open_rows` opens the rows: also for a rollout that is over, whose last stage they show as of its end. `make_scorer`
    is that of `show_status`, and so is what is raised.
    """
    history = read_history(registry, name)
    try:
        last = history.revisions[-1] if history.revisions else history.last
        course = find_course(one.document for one in history.revisions)
        at = now if course is None or not course.is_over else course.steps[-1].document.at
        status = describe_status(last, now, None if course is None or not course.is_over else open_rows())
        found = None
        if course is not None and not course.state.paused:
            rows = open_rows()
            if rows is not None:
                rows = keep_until(rows, at) if course.is_over else rows
                score = make_scorer() if make_scorer is not None and course.state.rules.criteria else None
                found = assess_rollout(course.document, course.state, rows, at, score, looks=LOOKS)
    except DocumentError as error:
        raise _make_error(history.last, error) from None
    if status.state is not None:
        status = replace(status, found=found)
    return DrawnRollout(status=status, course=course, found=found, at=at)


def list_rollouts(registry: Registry, now: str) -> list[RolloutStatus]:
    """Return the status of all prompts that have a rollout in progress, without rows."""
    stored = (registry.read(name) for name in registry.list_names())
    found = [describe_status(one, now, None) for one in stored if one is not None]
    return [one for one in found if one.state is not None]


def describe_status(
    stored: StoredDocument, now: str, rows: Iterable[bytes] | None, make_scorer: MakeScorer | None = None
) -> RolloutStatus:
    """Return the status of a document, with what the rows say. The rows are read to their end.

    Raises RegistryError for a rollout that cannot be read.
    """
    try:
        return _describe(stored, now, rows, make_scorer)
    except DocumentError as error:
        raise _make_error(stored, error) from None


def _make_error(stored: StoredDocument, error: DocumentError) -> RegistryError:
    name = stored.document.name
    return RegistryError(
        f"{name}: the rollout of revision {stored.document.revision} cannot be read: {error}",
        hint=f"find the first damaged revision: evalgate release verify {shlex.quote(name)}",
    )


def _describe(
    stored: StoredDocument, now: str, rows: Iterable[bytes] | None, make_scorer: MakeScorer | None
) -> RolloutStatus:
    state = parse_state(stored.document)
    if rows is None or (state is not None and state.paused):
        return RolloutStatus(stored=stored, state=state, now=now)
    if state is None:
        monitored = compare_with_end(stored.document, rows, now)
        return RolloutStatus(stored=stored, state=None, now=now, monitored=monitored)
    score = make_scorer() if make_scorer is not None and state.rules.criteria else None
    found = assess_rollout(stored.document, state, rows, now, score)
    return RolloutStatus(stored=stored, state=state, now=now, found=found)
