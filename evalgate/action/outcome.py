"""The outcome of one command of the action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evalgate.action.locations import NO_LOCATIONS, Locations
from evalgate.domain import Report
from evalgate.report.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityOutcome:
    """The outcome of a command: the status of the commit `head`, its report, and the places to publish it.

    `baseline` is the commit that it was compared with, empty if there is none. `contexts` are the names of the commit
    status. `pulls` are the numbers of the pull requests to comment on. `key` identifies the decided content; it is
    empty if nothing was decided, or if no random samples were involved. `sign_off` is whether one is asked for or
    given. `blocked` are the marks of gates that block, for later runs of the same content.
    """

    status: Status
    report: Report
    key: str = ""
    sign_off: Literal["", "asked", "given"] = ""
    blocked: tuple[str, ...] = ()
    head: str | None = None
    baseline: str = ""
    places: Locations = NO_LOCATIONS
    contexts: tuple[str, ...] = ()
    pulls: tuple[int, ...] = ()
    approvers: tuple[str, ...] = ()
