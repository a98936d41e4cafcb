"""How long a stage lasts at least, and whether its rows cover these hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from evalgate.release.rollout.state import STAGING, RolloutState, find_settling

SLACK: Final = 1e-9
"""What two numbers may differ by that were rounded on their way through a document."""


def find_required(state: RolloutState, hours: float) -> float:
    """Return the hours that the stage of a rollout lasts at least. `hours` are those that the level requires."""
    if state.stage == STAGING:
        return state.rules.staging_hours
    own = state.rules.stages[state.stage - 1].hours
    return max(own, hours) if state.stage == 1 else own


def covers_stage(last: str | None, began: str, hours: float) -> bool:
    """Return whether there are rows until the hours of a stage are over, but for an hour, or a tenth, if that is less.

    A stage whose rows end before has not been watched for its hours, or the clock of the tick is ahead.
    """
    return last is not None and count_hours(began, last) >= hours - min(1.0, hours / 10) - SLACK


def begins_late(first: str, last: str, state: RolloutState, hours: float) -> bool:
    """Return whether the rows of a stage are those of less than its hours, as in a log that was rotated meanwhile.

    `first` is the time of the oldest row, where no row is known to be from before it.
    """
    since = datetime.fromisoformat(first) - timedelta(seconds=find_settling(state.rules))
    return not covers_stage(last, since.isoformat(), hours)


def count_hours(since: str, until: str) -> float:
    """Return the hours between two times in UTC; negative if the second one is earlier."""
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() / 3600
