"""What is watched of one row of each key: for each thing, one number of each key that has it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalgate.release.rollout import e_values
from evalgate.release.rollout.first_rows import EXPENSIVE, FAILED, SAMPLED, SLOW
from evalgate.release.rollout.online_scores import ScoredRows
from evalgate.release.rollout.state import STAGING, RolloutState

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number in [0, 1] of each key that has it: a score, or 1 for a bad answer.

    `at` are the times of the rows, which count from then on; with `settles` only after `settle_minutes`.
    """

    name: str
    allowed: float
    at: Floats
    settles: bool
    arms: NDArray[np.int8]
    values: Floats
    is_score: bool = False

    @property
    def badness(self) -> Floats:
        return 1 - self.values if self.is_score else self.values

    @property
    def n(self) -> tuple[int, int]:
        candidates = int(self.arms.sum())
        return len(self.arms) - candidates, candidates

    @property
    def mean(self) -> tuple[float | None, float | None]:
        control, candidate = self.split()
        return float(control.mean()) if len(control) else None, float(candidate.mean()) if len(candidate) else None

    @property
    def deviation(self) -> tuple[float | None, float | None]:
        control, candidate = (float(one.std(ddof=1)) if len(one) > 1 else None for one in self.split())
        return control, candidate

    @property
    def is_dealt(self) -> bool:
        """Whether the values are of all answers, so that their arms follow from the share."""
        return not self.is_score and self.name != "unscored"

    def split(self) -> tuple[Floats, Floats]:
        return self.values[self.arms == e_values.CONTROL], self.values[self.arms == e_values.CANDIDATE]


def list_measures(
    scored: ScoredRows, state: RolloutState, names: Sequence[str], criteria: Collection[str], settled: float
) -> Iterator[Measure]:
    """Yield what is watched. Only answers can be slow, expensive or scored, which a failure is not.

    `names` are those of all scores, `criteria` the ones that evalgate gives, and `settled` is in seconds since 1970.

    A score counts as soon as its answer is old enough to be `unscored` without it, and no earlier. Otherwise answers
    that are scored fast would count before the others, and a judge that takes longer for bad answers, or for those of
    one arm, would make the last half hour of an arm look better.
    """
    import numpy as np

    rules, firsts = state.rules, scored.firsts
    is_answer = firsts.bits & FAILED == 0
    limits = rules.floors if state.stage == STAGING else rules.scores
    sampled = is_answer & (firsts.bits & SAMPLED != 0) & (firsts.at <= settled)
    due, lacking = np.zeros((2, len(firsts.at)), dtype=bool)
    for name, values in zip(names, firsts.scores, strict=True):
        asked, has_score = scored.is_chosen if name in criteria else sampled, ~np.isnan(values)
        chosen = asked & has_score
        due |= asked
        lacking |= asked & ~has_score
        yield Measure(
            name=name,
            allowed=limits[name],
            at=firsts.at[chosen],
            settles=True,
            arms=firsts.arms[chosen],
            values=values[chosen],
            is_score=True,
        )
    everyone = np.ones(len(firsts.at), dtype=bool)
    for name, allowed, among, bad, is_watched in (
        ("errors", rules.max_errors, everyone, ~is_answer, True),
        ("slow", rules.max_slow, is_answer, firsts.bits & SLOW != 0, state.slow is not None),
        ("expensive", rules.max_expensive, is_answer, firsts.bits & EXPENSIVE != 0, state.expensive is not None),
        ("unscored", rules.max_errors, due, lacking, bool(names)),
    ):
        if is_watched and (state.stage != STAGING or name in ("errors", "unscored")):
            yield Measure(
                name=name,
                allowed=allowed,
                at=firsts.at[among],
                settles=name == "unscored",
                arms=firsts.arms[among],
                values=bad[among].astype(np.float64),
            )
