"""Single cases that changed between pass and fail, settled by fresh draws of the same case.

A case is broken on a compared criterion when every baseline sample passes (at least three) and the candidate's first
draws all fail: four of four where one criterion is compared, seven of seven where several are. It is fixed in the
opposite case. On a check that only a floor decides, critical cases can be broken, in seven of seven draws. A blocking
check fails a case for good ("for_good") in seven of seven draws. The draws are those of the run, then fresh ones one at
a time, up to the first that disagrees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from evalgate.decide import statistics
from evalgate.decide.draws import Draws
from evalgate.decide.roles import Roles
from evalgate.domain import Arm, Evidence, Result

if TYPE_CHECKING:
    from evalgate.decide.draws import Flags

Values: TypeAlias = Mapping[str, float | None]
Kind: TypeAlias = Literal["broken", "fixed", "for_good"]
State: TypeAlias = Literal["settled", "open", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A case that may be broken, fixed, or failed for good on one criterion; refuted ones are not kept.

    "settled": enough draws agree. "open": all draws so far agree, but there are too few. "lost": a draw has no score,
    so the case cannot be decided. `wants` is the arm of which one more draw is needed, `wants_sure` the same for seven
    draws; None: no draw would help, or none is possible. `sure`: settled by seven draws, as required for critical
    cases, or by those that a watched check needs. `refuted`: one of them disagrees.
    """

    case: str
    place: int
    criterion: str
    kind: Kind
    state: State
    wants: Arm | None
    sure: bool
    refuted: bool
    wants_sure: Arm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedCases:
    """The cases that changed between pass and fail in the run's own draws, by criterion and kind, with those draws."""

    cases: Mapping[tuple[str, Kind], tuple[int, ...]]
    planned: Mapping[tuple[str, Arm], tuple[Values, ...]]


def find_turned_cases(evidence: Evidence, draws: Draws, roles: Roles) -> TurnedCases:
    """Return the cases whose first draws make them suspects; fresh draws can only refute or settle them."""
    found: dict[tuple[str, Kind], tuple[int, ...]] = {}
    for criterion in roles.compared:
        found[criterion, "broken"], found[criterion, "fixed"] = _find_turned_on(criterion, draws, roles)
    for check in roles.floored:
        found[check, "broken"], _ = _find_turned_on(check, draws, roles)
    for check in roles.blocking:
        found[check, "for_good"] = _find_failing_for_good(check, draws)
    suspects = {draws.order[place] for places in found.values() for place in places}
    return TurnedCases(cases=found, planned=_group_values(r for r in evidence.results if r.case in suspects))


def _find_turned_on(criterion: str, draws: Draws, roles: Roles) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the cases that may be broken on a compared criterion, and those that may be fixed.

    A case whose first draw of the candidate fails a blocking check may be broken as well: where that check holds in a
    later draw, the later draws decide.
    """
    required = roles.required(criterion)
    held = {arm: draws.holding(required, arm) for arm in Arm}
    passes = {arm: held[arm] & (draws.scores(criterion, arm) >= statistics.CASE_PASSES) for arm in Arm}
    fails = {arm: held[arm] & (draws.scores(criterion, arm) < statistics.CASE_PASSES) for arm in Arm}
    stopped = draws.asked(criterion, Arm.CANDIDATE)[0] & draws.failing(required, Arm.CANDIDATE)[0]

    def always(flags: Mapping[Arm, Flags]) -> Flags:
        return _find_all(draws.drawn[Arm.BASELINE], flags[Arm.BASELINE])

    broken = always(passes) & (fails[Arm.CANDIDATE][0] | stopped)
    return _find_places(broken), _find_places(always(fails) & passes[Arm.CANDIDATE][0])


def _find_failing_for_good(check: str, draws: Draws) -> tuple[int, ...]:
    """Return the cases whose first draw fails a blocking check that no draw of the baseline failed."""
    failing = draws.scores(check, Arm.CANDIDATE)[0] < statistics.CASE_PASSES
    ever = (draws.scores(check, Arm.BASELINE) < statistics.CASE_PASSES).any(axis=0)
    return _find_places(failing & ~ever)


def _group_values(results: Iterable[Result]) -> Mapping[tuple[str, Arm], tuple[Values, ...]]:
    """Return the scores of each case and arm that has results, in the order of the repeats."""
    found: dict[tuple[str, Arm], tuple[Values, ...]] = defaultdict(tuple)
    for result in sorted(results, key=lambda result: result.repeat):
        found[result.case, result.arm] += (result.values,)
    return found


def find_suspects(evidence: Evidence, draws: Draws, roles: Roles, known: TurnedCases) -> tuple[Suspect, ...]:
    """Return the suspects among the cases that turned, by all draws so far, in the order of the cases."""
    fresh = _group_values(evidence.confirmations)
    need = statistics.DRAWS_ALONE if len(roles.compared) == 1 else statistics.DRAWS_AMONG_MANY
    found = []
    for (criterion, kind), places in known.cases.items():
        for place in places:
            case = draws.order[place]
            drawn = {arm: known.planned.get((case, arm), ()) for arm in Arm}
            view = _View(
                criterion=criterion,
                kind=kind,
                required=() if kind == "for_good" else roles.list_required(criterion, case),
                planned=drawn,
                fresh={arm: fresh.get((case, arm), ()) for arm in Arm},
                deterministic=evidence.deterministic,
                redraws=evidence.redraws,
            )
            alone = kind == "for_good" or criterion in roles.floored
            state, wants = view.settle(statistics.DRAWS_AMONG_MANY if alone else need)
            if state == "refuted":
                continue
            sure, wants_sure = view.settle(roles.watched.get(criterion, statistics.DRAWS_AMONG_MANY))
            found.append(
                Suspect(
                    case=case,
                    place=place,
                    criterion=criterion,
                    kind=kind,
                    state=state,
                    wants=wants,
                    sure=sure == "settled",
                    refuted=sure == "refuted",
                    wants_sure=None if sure == "refuted" else wants_sure,
                )
            )
    return tuple(sorted(found, key=lambda suspect: suspect.place))


def select_kind(found: Iterable[Suspect], criterion: str, kind: Kind, *states: State) -> list[Suspect]:
    """Return the suspects of one criterion and kind in one of these states."""
    return [s for s in found if s.criterion == criterion and s.kind == kind and s.state in states]


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """One case on one criterion: each draw is as expected of the baseline (True), the opposite (False), or unknown."""

    criterion: str
    kind: Kind
    required: Sequence[str]
    planned: Mapping[Arm, tuple[Values, ...]]
    fresh: Mapping[Arm, tuple[Values, ...]]
    deterministic: Collection[Arm]
    redraws: bool

    def settle(self, need: int) -> tuple[Literal["settled", "open", "lost", "refuted"], Arm | None]:
        """Return the state with `need` draws of the candidate, and the arm of which one more would help."""
        blocking = self.kind == "for_good"
        # without a baseline, as for a new prompt, the candidate's draws decide alone
        alone = blocking and not self.planned[Arm.BASELINE]
        before = [] if alone else self._seen(Arm.BASELINE, statistics.BASELINE_DRAWS)
        now = self._seen(Arm.CANDIDATE, need)
        if _is_refuted(now, expected=False) or (not alone and _is_refuted(before, expected=True)):
            return "refuted", None
        if None in now or None in before:
            return "lost", None
        if not any(self._is_scored(values) for values in self._values(Arm.CANDIDATE, need)[:need]):
            return "refuted", None  # it fails blocking checks, which decide by themselves
        if len(now) < need:
            return "open", self._more(Arm.CANDIDATE)
        if not alone and len(before) < statistics.BASELINE_DRAWS:
            return "open", self._more(Arm.BASELINE)
        return "settled", None

    def _more(self, arm: Arm) -> Arm | None:
        return arm if self.redraws else None

    def _seen(self, arm: Arm, need: int) -> list[bool | None]:
        values = self._values(arm, need)
        if arm in self.deterministic and values:
            values = [values[0]] * max(need, len(values))
        seen = [self._see(each, arm) for each in values]
        # every planned sample of the baseline counts; of the candidate, the first so many
        return seen if arm is Arm.BASELINE else seen[:need]

    def _values(self, arm: Arm, need: int) -> list[Values]:
        planned = list(self.planned[arm])
        if arm is Arm.BASELINE and len(planned) >= need:
            return planned
        return [*planned, *self.fresh[arm]]

    def _see(self, values: Values, arm: Arm) -> bool | None:
        """Return whether a draw is as expected of the baseline; None if it lacks a score that it should have.

        A judge does not score an answer that fails a blocking check. Such an answer does not pass. So one of the
        candidate agrees that a case is broken, and one of either version refutes that a case is fixed.
        """
        known = [values.get(check) for check in self.required]
        if any(value is not None and value < statistics.CASE_PASSES for value in known):
            return self.kind == "fixed" and arm is Arm.CANDIDATE
        score = values.get(self.criterion)
        if score is None or None in known:
            return None
        return (score >= statistics.CASE_PASSES) is (self.kind != "fixed")

    def _is_scored(self, values: Values) -> bool:
        """Return whether the score of a draw counts: it has one, and passes all required checks."""
        holds = all((values.get(check) or 0.0) >= statistics.CASE_PASSES for check in self.required)
        return holds and values.get(self.criterion) is not None


def _is_refuted(draws: Sequence[bool | None], *, expected: bool) -> bool:
    """Return whether the first draw is missing or not as expected, or a later one is known to differ."""
    return not draws or draws[0] is not expected or (not expected) in draws


def _find_all(drawn: Flags, holds: Flags) -> Flags:
    """Return a mask of the cases that have a draw and whose draws all hold."""
    import numpy as np

    return np.asarray(drawn.any(axis=0) & ~(drawn & ~holds).any(axis=0))


def _find_places(flags: Flags) -> tuple[int, ...]:
    return tuple(int(place) for place in flags.nonzero()[0])
