"""The rows of production that a replay answers again: which they are, and how many are left out for a fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalgate.domain.rollout import MOST_FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedRows:
    """The rows behind the cases of a replay, in a window of time (ISO 8601 in UTC).

    `rows` are the answers of the version in production, and the rows with a fault; `faults` counts the latter by their
    fault, in words. Of the answers, `sampled` were chosen, and `unfit` of these have fields that do not fit the prompt
    or a criterion. `redraws` says whether the version in production can be asked again about single cases.
    """

    since: str
    until: str
    rows: int
    faults: Mapping[str, int]
    sampled: int
    unfit: int
    redraws: bool

    @property
    def has_too_many_faults(self) -> bool:
        """Whether so many rows are left out for a fault that the others may not be a random part of all."""
        return sum(self.faults.values()) > MOST_FAULTS * self.rows

    @property
    def has_too_many_unfit(self) -> bool:
        """Whether the fields of so many chosen rows do not fit that the others may not be a random part of them."""
        return self.unfit > MOST_FAULTS * self.sampled
