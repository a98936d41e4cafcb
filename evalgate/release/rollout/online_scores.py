"""Scores that evalgate gives to answers itself: which answers, and what their scores are in a stage. Pure.

Who scores is handed in: the package calls no model and reads no text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from evalgate.release.bucket import BUCKETS
from evalgate.release.rollout import e_values
from evalgate.release.rollout.answer_choice import OfferedAnswers, choose_answers
from evalgate.release.rollout.first_rows import FAILED, TEXTS, FirstRows, RowColumns, count_arms
from evalgate.release.rollout.state import STAGING, RolloutState
from evalgate.release.rollout.traffic_rows import find_instant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenAnswers:
    """The answers that are to be scored, and the criteria by name, with their digests.

    `ids` has the seconds since 1970 and the variant of each row, by its id.
    """

    ids: Mapping[str, tuple[float, str]]
    criteria: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScores:
    """Scores in [0, 1] by the id of the row and the criterion.

    What is absent is unscored, but for the rows that are `waiting`: nothing was asked about them yet.
    """

    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    waiting: Collection[str] = frozenset()


ScoreAnswers: TypeAlias = Callable[[ChosenAnswers], AnswerScores]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScores:
    """The answers of a stage that evalgate scores, of the control and of the candidate.

    `offered` are the first rows of a key that can be scored, `chosen` those that are, without the `waiting` ones.
    `log_e_texts` says how strongly the texts are missing more often in one of the arms.
    """

    offered: tuple[int, int] = (0, 0)
    chosen: tuple[int, int] = (0, 0)
    waiting: int = 0
    log_e_texts: float = 0.0


NOTHING_SCORED = OwnScores()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRows:
    """The first rows of a stage with the scores that evalgate gave, and the rows that it was to score, as a mask."""

    firsts: FirstRows
    is_chosen: NDArray[np.bool_]
    own: OwnScores


def score_rows(
    columns: RowColumns,
    firsts: FirstRows,
    *,
    state: RolloutState,
    names: Sequence[str],
    criteria: Mapping[str, str],
    settled: float,
    score: ScoreAnswers | None,
) -> ScoredRows:
    """Choose the answers of a stage, let them be scored, and return the rows with these scores.

    `names` are those of all scores of the rows, `criteria` the ones that evalgate gives; without any nothing is chosen.
    Rows from before `settled`, in seconds since 1970, can be chosen. Without `score` all chosen ones are waiting.
    """
    import numpy as np

    is_chosen = np.zeros(len(firsts.at), dtype=bool)
    if not criteria or not state.rules.score_per_day:
        return ScoredRows(firsts=firsts, is_chosen=is_chosen, own=NOTHING_SCORED)
    is_answer = firsts.bits & FAILED == 0
    has_texts = is_answer & (firsts.bits & TEXTS != 0)
    offered = np.flatnonzero(has_texts & firsts.is_single)
    given = OfferedAnswers(at=firsts.at[offered], arms=firsts.arms[offered], ranks=firsts.keys[offered] // BUCKETS)
    found = choose_answers(
        given,
        began=find_instant(state.began),
        until=settled,
        per_day=state.rules.score_per_day,
        is_paired=state.stage != STAGING,
    )
    places = {columns.read_id(int(firsts.places[one])): int(one) for one in offered[found]}
    variants = ("", "staging") if state.stage == STAGING else ("production", "candidate")
    ids = {id: (float(firsts.at[one]), variants[firsts.arms[one]]) for id, one in places.items()}
    scored = AnswerScores(waiting=ids) if score is None else score(ChosenAnswers(ids=ids, criteria=criteria))
    waiting = places.keys() & set(scored.waiting)
    is_chosen[[place for id, place in places.items() if id not in waiting]] = True
    return ScoredRows(
        firsts=replace(firsts, scores=_fill(firsts, names, criteria, places, scored)),
        is_chosen=is_chosen,
        own=OwnScores(
            offered=count_arms(firsts.arms[offered]),
            chosen=count_arms(firsts.arms[is_chosen]),
            waiting=len(waiting),
            log_e_texts=_compare_texts(firsts.arms[is_answer & ~has_texts], state),
        ),
    )


def _fill(
    firsts: FirstRows, names: Sequence[str], criteria: Mapping[str, str], places: Mapping[str, int], found: AnswerScores
) -> tuple[NDArray[np.float64], ...]:
    """Return the scores of all rows, in which those of the criteria are what was found, and absent elsewhere."""
    import numpy as np

    columns = []
    for name, given in zip(names, firsts.scores, strict=True):
        column = given
        if name in criteria:
            column = np.full(len(given), math.nan)
            for id, place in places.items():
                value = found.values.get(id, {}).get(name, math.nan)
                column[place] = value if 0 <= value <= 1 else math.nan
        columns.append(column)
    return tuple(columns)


def _compare_texts(lacking: NDArray[np.int8], state: RolloutState) -> float:
    """Return the logarithm of the e-value that one arm lacks texts more often, by the arms of the answers without."""
    if state.stage == STAGING:
        return 0.0
    return e_values.compare_lacking(lacking, state.rules.stages[state.stage - 1].share / BUCKETS)
