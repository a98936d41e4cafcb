"""The rules of a rollout: its stages, what is watched, and how sure a decision has to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

WhenHeld = Literal["hold", "rollback"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of a rollout: the share of the keys that get the candidate, in basis points, for some hours at least."""

    share: int
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRules:
    """What a rollout follows from its start to its end. The release document keeps them, so that no edit changes them.

    `scores` maps each score that is watched to its allowed drop. `max_errors`, `max_slow` and `max_expensive` are the
    allowed rises of the shares of failed, slow and expensive answers; an answer without the score that it was sampled
    for is watched like an error. `floors` are the least means of the scores on staging, where nothing is compared.
    `alpha` is the chance of an error that a whole rollout may have. Hours and minutes are of the wall clock.
    `score_per_day` is how many answers evalgate scores itself in 24 hours at most; 0: none.
    """

    scores: Mapping[str, float]
    stages: tuple[Stage, ...] = (Stage(share=500, hours=24), Stage(share=2500, hours=24), Stage(share=5000, hours=24))
    staging_hours: float = 24
    floors: Mapping[str, float] = field(default_factory=dict)
    max_errors: float = 0.05
    max_slow: float = 0.10
    max_expensive: float = 0.10
    alpha: float = 0.05
    settle_minutes: float = 30
    hold_hours: float = 336
    when_held: WhenHeld = "hold"
    score_per_day: int = 0
