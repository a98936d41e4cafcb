"""The rollout of a release document as values: where it is, since when, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass

from evalgate.domain.rollout import RolloutRules

STAGING = 0
"""The number of the stage in which only staging has the candidate. The stages of the rules are counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """A rollout in progress.

    `share` is in basis points; 0 on staging and while the rollout is paused. `stage` counts from 1, `STAGING` is
    before the first one. `started` and `began` are the times in UTC at which the rollout and its stage began. Answers
    of more than `slow` seconds or `expensive` dollars are watched; None: there was nothing to fix them by. `hold` is
    the code of the reason for which the last tick that wrote something held, None if it did not.
    """

    kind: str
    candidate: str
    control: str
    share: int
    salt: str
    stage: int
    started: str
    began: str
    rules: RolloutRules
    slow: float | None = None
    expensive: float | None = None
    paused: bool = False
    hold: str | None = None
