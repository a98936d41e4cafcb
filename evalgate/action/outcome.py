"""What came of one activity of the action."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.action.locations import NO_LOCATIONS, Locations
from evalgate.domain import Report
from evalgate.report.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityOutcome:
    """What came of an activity: the status of commit `head`, the report behind it, and where it is to be shown.

    `baseline` is the commit it was compared with, empty where there is none. `contexts` are the status' names. `key`
    tells the content that was decided from others, empty where nothing was, or no chance was involved.
    """

    status: Status
    report: Report
    key: str = ""
    head: str | None = None
    baseline: str = ""
    places: Locations = NO_LOCATIONS
    contexts: tuple[str, ...] = ()
    pulls: tuple[int, ...] = ()
    approvers: tuple[str, ...] = ()
