"""The rows of one stage of a rollout, counted: what the stage's decision is made from.

A key counts once in a stage, by its first row in the order of (at, id). The rows may come in any order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from evalgate.release.bucket import BUCKETS, is_candidate, make_hasher
from evalgate.release.rollout import e_values, traffic_rows
from evalgate.release.rollout.first_rows import (
    EXPENSIVE,
    FAILED,
    SAMPLED,
    SLOW,
    TEXTS,
    UNSAID,
    RowColumns,
    add_arms,
    count_arms,
)
from evalgate.release.rollout.later_answers import LaterAnswers, find_worst, trace_worst
from evalgate.release.rollout.measures import Measure, list_measures
from evalgate.release.rollout.online_scores import NOTHING_SCORED, OwnScores, ScoreAnswers, ScoredRows, score_rows
from evalgate.release.rollout.row_texts import has_texts
from evalgate.release.rollout.silence import NO_SILENCE, Silence, find_silence
from evalgate.release.rollout.state import STAGING, RolloutState, find_settling
from evalgate.release.rollout.traces import Trace, TracedLook, choose_times, trace_arms, trace_limit
from evalgate.release.rollout.traffic_rows import FAULTS, Row, find_instant, format_instant, load_row, read_row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AB: Final = "ab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One thing that is watched in a stage, on both arms: the control first, then the candidate.

    `name` is that of a score, or `errors`, `slow`, `expensive` or `unscored`. `allowed` is its allowed drop or rise; on
    staging, the floor of a score or the largest share. `n` are the keys counted, and `mean` the mean score, or the
    share of bad answers; None without a key. `deviation` are their standard deviations, None below two keys. The
    logarithms of the e-values are 0 where nothing is compared. `trace` is how they grew, where that was asked for.
    `later` are the later answers that `log_e_worse` is of, if they say it more strongly than the first ones.
    """

    name: str
    allowed: float
    n: tuple[int, int]
    mean: tuple[float | None, float | None]
    log_e_worse: float
    log_e_fine: float
    blocks: int
    log_e_better: float = 0.0
    deviation: tuple[float | None, float | None] = (None, None)
    trace: Trace | None = None
    later: LaterAnswers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvidence:
    """The rows of a stage, counted. `keys` are those of the control and of the candidate.

    `rows` are those of the prompt that the stage compares and those with a fault; `left_out` counts the rows that were
    left out by reason. `last` is the time of the newest row that counts, and `ends` are those of both arms. `first` is
    that of the oldest one, None where the rows are known to reach back to the beginning of the stage. `own` are the
    answers that evalgate scores. On staging `keys[0]` is 0.

    `arm_faults`, of `arm_rows`, are the faults of the arms that the rows are missing in, as far as they tell it.
    `log_e_unsaid` says how strongly answers of one arm have no score more often, where no row says `sampled`.
    """

    keys: tuple[int, int]
    log_e_deal: float
    rows: int
    left_out: Mapping[str, int]
    watched: tuple[Watched, ...]
    last: str | None
    first: str | None = None
    own: OwnScores = NOTHING_SCORED
    arm_rows: tuple[int, int] = (0, 0)
    arm_faults: tuple[int, int] = (0, 0)
    log_e_unsaid: float = 0.0
    silence: Silence = NO_SILENCE
    ends: tuple[str | None, str | None] = (None, None)

    @property
    def covered(self) -> str | None:
        """The time up to which there are rows of each arm that has any."""
        return min((one for one in self.ends if one is not None), default=self.last)

    @property
    def faults(self) -> int:
        """The number of rows that were left out for a fault."""
        return sum(count for reason, count in self.left_out.items() if reason in FAULTS)


def tally_stage(
    rows: Iterable[bytes | str | Mapping[str, Any]],
    *,
    name: str,
    state: RolloutState,
    versions: Mapping[str, str],
    now: str | datetime,
    score: ScoreAnswers | None = None,
    looks: int = 0,
) -> StageEvidence:
    """Count the rows of a prompt for the present stage of its rollout, which is not paused.

    `rows` are lines of JSON or their objects. `versions` maps the digests of the candidate and of the control to their
    version numbers, by which rows without a digest are known. The result does not depend on the order of the rows.
    `score` is called once, after all rows were read, if the stage has criteria that evalgate scores; None: those
    answers are waiting. With `looks` each thing has its trace of so many looks.
    """
    at = find_instant(now)
    stage = _Stage(name, state, versions, at)
    left_out: Counter[str] = Counter()
    columns = RowColumns(stage.scores)
    stage.sort_out(rows, columns, left_out)
    firsts = columns.find_firsts()
    if firsts.doubled:
        left_out[traffic_rows.DOUBLED] = firsts.doubled
    faults = sum(count for reason, count in left_out.items() if reason in FAULTS)
    controls, candidates = keys = count_arms(firsts.arms)
    settled = at - 60 * state.rules.settle_minutes
    scored = score_rows(
        columns, firsts, state=state, names=stage.scores, criteria=stage.criteria, settled=settled, score=score
    )
    measures, later = _measure(scored, state, stage, settled)
    log_e_deal = 0.0 if stage.is_staging else e_values.deal(controls, candidates, stage.share)
    is_silent = stage.is_staging or not stage.watched
    log_e_unsaid = 0.0 if is_silent else e_values.compare_lacking(firsts.list_unsaid(settled), stage.share)
    is_dealt = log_e_deal < math.log(e_values.DEAL_BOUND)
    compared = _hold_to_limits(measures) if stage.is_staging else _compare_arms(measures, later, stage.share, is_dealt)
    watched = tuple(compared)
    if looks and columns.newest is not None:
        times = choose_times(find_instant(state.began), columns.newest, at, 60 * state.rules.settle_minutes, looks)
        watched = tuple(
            _add_trace(one, measure, [each[place] for each in later], times, state, stage.share)
            for place, (one, measure) in enumerate(zip(watched, measures, strict=True))
        )
    return StageEvidence(
        keys=keys,
        log_e_deal=log_e_deal,
        rows=len(columns) - firsts.doubled + faults,
        left_out=dict(sorted(left_out.items())),
        watched=watched,
        last=_show(columns.newest),
        first=traffic_rows.tell_first(rows, left_out, columns.oldest),
        own=scored.own,
        arm_rows=add_arms(firsts.arm_rows, stage.arm_faults),
        arm_faults=add_arms(firsts.arm_doubled, stage.arm_faults),
        log_e_unsaid=log_e_unsaid,
        silence=NO_SILENCE if stage.is_staging else find_silence(firsts, stage.share, settled),
        ends=(_show(columns.ends[0]), _show(columns.ends[1])),
    )


def _show(at: float | None) -> str | None:
    return None if at is None or at == -math.inf else format_instant(at)


def find_share(state: RolloutState) -> float:
    """Return the share of the keys that are assigned the candidate in the present stage, in (0, 1)."""
    return state.rules.stages[state.stage - 1].share / BUCKETS


class _Stage:
    """What a row has to fit to be counted."""

    def __init__(self, name: str, state: RolloutState, versions: Mapping[str, str], now: float) -> None:
        rules = state.rules
        self.is_staging = state.stage == STAGING
        self.scores = tuple(rules.floors if self.is_staging else rules.scores)
        self.arm_faults = (0, 0)
        self.share = 0.0 if self.is_staging else find_share(state)
        self._name = name
        self.criteria = {one: rules.criteria[one] for one in self.scores if one in rules.criteria}
        self.watched = frozenset(self.scores) - frozenset(self.criteria)
        self._began = find_instant(state.began)
        self._from = self._began + find_settling(rules)
        self._to = now + traffic_rows.CLOCK_TOLERANCE
        self._variants = {"staging": 1} if self.is_staging else {"production": 0, "candidate": 1}
        self._digests = (state.control, state.candidate)
        self._versions = (versions[state.control], versions[state.candidate])
        self._salt = state.salt
        self._buckets = round(self.share * BUCKETS)
        self._slow, self._expensive = (None, None) if self.is_staging else (state.slow, state.expensive)

    def sort_out(
        self, rows: Iterable[bytes | str | Mapping[str, Any]], columns: RowColumns, left_out: MutableMapping[str, int]
    ) -> None:
        """Add the rows to the columns, or count the reasons why not."""
        hash_one = make_hasher(self._salt)
        for given in rows:
            found = load_row(given) if isinstance(given, bytes | str) else given
            row: Row | str | None
            if found is None or isinstance(found, str):
                row = found
            else:
                row = read_row(found, self._name, self.watched, self._began)
            reason: str | None
            if isinstance(row, Row):
                arm = self._variants.get(row.variant)
                key = 0 if row.key is None else hash_one(row.key)
                reason = self._find_reason(row, arm, key % BUCKETS)
                if reason is None and arm is not None:
                    bits = self._find_bits(row)
                    if self.criteria and isinstance(found, Mapping) and has_texts(found):
                        bits |= TEXTS
                    columns.add(row, key if row.key else hash_one(row.id), arm, bits)
            else:
                reason = row
            if reason is not None:
                left_out[reason] = left_out.get(reason, 0) + 1
                if reason in FAULTS:
                    self._count_fault(reason, found)

    def _count_fault(self, reason: str, found: object) -> None:
        """Count a row with a fault for the arm that it is missing in, if it tells that."""
        given = found if isinstance(found, Mapping) else {}
        variant, key = given.get("variant"), given.get("key")
        arm = self._variants.get(variant) if isinstance(variant, str) else None
        if reason == traffic_rows.MISMATCH and isinstance(key, str):
            arm = int(is_candidate(self._salt, key, self._buckets))
        if arm is not None:
            self.arm_faults = add_arms(self.arm_faults, (1 - arm, arm))

    def _find_reason(self, row: Row, arm: int | None, bucket: int) -> str | None:
        """Return why a row is not counted, None if it is.

        Readers deal keys by the same salt and share as here. One that serves another arm follows another rule, or
        another document, and its users are not a random part of all.
        """
        reason = None
        if row.at > self._to:
            reason = traffic_rows.FUTURE
        elif arm is None:
            reason = traffic_rows.OTHER_LABEL
        elif row.at < self._from:
            reason = traffic_rows.SETTLING
        elif row.digest != self._digests[arm] if row.digest is not None else row.version != self._versions[arm]:
            reason = traffic_rows.UNKNOWN_VERSION
        elif self.is_staging:
            pass
        elif row.key is None:
            reason = traffic_rows.MISMATCH if arm == e_values.CANDIDATE else traffic_rows.NO_KEY
        elif (bucket < self._buckets) != (arm == e_values.CANDIDATE):
            reason = traffic_rows.MISMATCH
        elif not row.failed and (
            (self._slow is not None and row.seconds is None) or (self._expensive is not None and row.cost_usd is None)
        ):
            reason = traffic_rows.INCOMPLETE
        return reason

    def _find_bits(self, row: Row) -> int:
        bits = SAMPLED if row.sampled else UNSAID if row.sampled is None else 0
        if row.failed:
            return bits | FAILED
        if self._slow is not None and row.seconds is not None and row.seconds > self._slow:
            bits |= SLOW
        if self._expensive is not None and row.cost_usd is not None and row.cost_usd > self._expensive:
            bits |= EXPENSIVE
        return bits


def _measure(
    scored: ScoredRows, state: RolloutState, stage: _Stage, settled: float
) -> tuple[list[Measure], list[list[Measure]]]:
    """Return the measures of the first answers of all keys, and those of later ones, of which evalgate scores none."""
    import numpy as np

    later = (
        ScoredRows(firsts=one, is_chosen=np.zeros(len(one.at), dtype=bool), own=NOTHING_SCORED)
        for one in (() if stage.is_staging else scored.firsts.later)
    )
    found = [list(list_measures(one, state, stage.scores, stage.criteria, settled)) for one in (scored, *later)]
    return found[0], found[1:]


def _compare_arms(
    measures: Sequence[Measure], later: Sequence[Sequence[Measure]], share: float, is_dealt: bool
) -> Iterator[Watched]:
    """Yield what is watched in a stage that has a control.

    `rates` needs the share by which the answers are assigned. Of sampled ones there may be as many of each arm, so
    `unscored` is tested by `means`, which is valid for any share. So is all if the rows are not assigned by it.
    """
    for place, one in enumerate(measures):
        badness = one.badness
        found = e_values.means(one.arms, badness, one.allowed)
        worse = found.log_e_worse
        better = e_values.means(1 - one.arms, badness, one.allowed).log_e_worse
        if is_dealt and one.is_dealt:
            candidates = int(one.values[one.arms == e_values.CANDIDATE].sum())
            controls = int(one.values.sum()) - candidates
            worse = e_values.compare_rates(controls, candidates, share)
            better = e_values.compare_rates(candidates, controls, 1 - share)
        worst = find_worst([each[place] for each in later], share)
        if worst is not None and worst.log_e_worse <= worse:
            worst = None
        yield Watched(
            name=one.name,
            allowed=one.allowed,
            n=one.n,
            mean=one.mean,
            deviation=one.deviation,
            log_e_worse=worse if worst is None else worst.log_e_worse,
            later=worst,
            log_e_fine=found.log_e_fine,
            blocks=found.blocks,
            log_e_better=better,
        )


def _hold_to_limits(measures: Sequence[Measure]) -> Iterator[Watched]:
    """Yield what is watched on staging: floors of scores, and the largest share of failed and unscored answers."""
    for one in measures:
        limit = 1 - one.allowed if one.is_score else one.allowed
        yield Watched(
            name=one.name,
            allowed=one.allowed,
            n=one.n,
            mean=one.mean,
            deviation=one.deviation,
            log_e_worse=e_values.exceed(one.badness, limit),
            log_e_fine=0.0,
            blocks=0,
        )


def _add_trace(  # noqa: PLR0917
    one: Watched,
    measure: Measure,
    later: Sequence[Measure],
    times: Sequence[float],
    state: RolloutState,
    share: float,
) -> Watched:
    """Return a watched thing with its trace at some times, whose last look is now."""
    import numpy as np

    late = 60 * state.rules.settle_minutes if measure.settles else 0.0
    sizes = [int(size) for size in np.searchsorted(measure.at, np.asarray(times[:-1]) - late, side="right")]
    if state.stage == STAGING:
        limit = 1 - one.allowed if measure.is_score else one.allowed
        looks = trace_limit(measure.badness, limit, sizes)
    else:
        looks = trace_arms(measure.arms, measure.badness, one.allowed, sizes, share if measure.is_dealt else None)
        worst = trace_worst(later, share, times[:-1], 60 * state.rules.settle_minutes)
        pairs = zip(looks, worst, strict=True)
        looks = [replace(look, log_e_worse=max(look.log_e_worse, log_e)) for look, log_e in pairs]
    last = TracedLook(n=one.n, log_e_worse=one.log_e_worse, log_e_fine=one.log_e_fine, log_e_better=one.log_e_better)
    control, candidate = (e_values.enclose(values) if len(values) else None for values in measure.split())
    trace = Trace(times=tuple(map(format_instant, times)), looks=(*looks, last), intervals=(control, candidate))
    return replace(one, trace=trace)
