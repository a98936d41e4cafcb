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
    `score_per_day` is how many answers evalgate scores itself in 24 hours at most; 0: none. `criteria` are the scores
    that it gives, which checks and judges of the gate decide, with the digests of these. `holdback` is the share of the
    keys, in basis points, that keep the control after the other stages. It makes a last stage, which no tick ends.
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
    criteria: Mapping[str, str] = field(default_factory=dict)
    holdback: int = 0


LEAST_PER_DAY = 10
"""The least `score_per_day` that scores any."""
RATES = ("errors", "slow", "expensive", "unscored")
"""The things that are watched beside the scores: shares of bad answers. No score can have their names."""

ALLOWED_DROP = 0.10
"""The allowed drop of a score for which none is written."""
MOST_FAULTS = 0.01
"""The largest share of the rows that may be left out for a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfuseRowFilter:
    """Which observations of Langfuse are rows: those of some environments, by default of all but experiments."""

    environments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """Where the rows of served answers come from: files by their patterns, what a command prints, or Langfuse.

    Relative paths are counted from the configuration, in whose folder the command runs.
    """

    files: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    timeout_seconds: float = 600
    langfuse: LangfuseRowFilter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """The part `release.rollout` of a configuration.

    `rules` are those of a rollout that starts. `watches_gate` says that no scores are named: those of the gate are
    watched. `notify` is a command that is told of rollbacks and of holds for a fault; empty: there is none.
    """

    rules: RolloutRules = RolloutRules(scores={})
    watches_gate: bool = True
    rows: RowSource | None = None
    notify: tuple[str, ...] = ()


NO_ROLLOUT = RolloutSettings()
"""The settings of a configuration without the part."""
