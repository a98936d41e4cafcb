"""The course of a rollout: what the ledger tells of its stages, from its start until its end or now. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evalgate.release.document import ReleaseDocument
from evalgate.release.rollout.state import WHOLE, RolloutState, parse_state


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseStep:
    """A revision that changed a rollout. `share` is what the candidate has from then on, in basis points.

    `before` is the document before it.
    """

    document: ReleaseDocument
    before: ReleaseDocument
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutCourse:
    """The last rollout of a prompt. `state` is that of its last stage, and `document` one that has it.

    `is_over` says that the last step ended it.
    """

    steps: tuple[CourseStep, ...]
    document: ReleaseDocument
    state: RolloutState
    is_over: bool


def find_course(documents: Iterable[ReleaseDocument]) -> RolloutCourse | None:
    """Return the rollout in progress, else the last one; None if there never was one. The oldest document comes first.

    Raises DocumentError for a rollout that is damaged.
    """
    steps: list[CourseStep] = []
    before: ReleaseDocument | None = None
    last: ReleaseDocument | None = None
    is_over = False
    for document in documents:
        old = None if before is None else before.rollout
        if before is not None and document.rollout != old:
            if old is None or document.entry.verb == "start":
                steps = []
            steps.append(CourseStep(document=document, before=before, share=_find_share(document, before)))
            is_over = document.rollout is None
        if document.rollout is not None:
            last = document
        before = document
    state = None if last is None else parse_state(last)
    if last is None or state is None or not steps:
        return None
    return RolloutCourse(steps=tuple(steps), document=last, state=state, is_over=is_over)


def _find_share(document: ReleaseDocument, before: ReleaseDocument) -> int:
    """Return the share of a candidate after a step; after the end of its rollout all users have it, or none."""
    state = parse_state(document)
    if state is not None:
        return state.share
    ended = parse_state(before)
    return WHOLE if ended is not None and document.labels.get("production") == ended.candidate else 0
