"""Evaluate a gate at its looks (interim analyses) until the verdict is clear.

This is `statistics.decide` for a whole gate: several criteria and blocking checks at once, in the order of the cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from evalgate.decide import blocking, compare, floors, schedule, single_cases, statistics, tags
from evalgate.decide.compare import Paired
from evalgate.decide.draws import Draws, collect_draws
from evalgate.decide.roles import Roles, assign_roles, list_watched
from evalgate.decide.single_cases import Suspect, TurnedCases, select_kind
from evalgate.decide.thresholds import Limit, ThresholdRuling, list_limits, rule_on_limits
from evalgate.domain import ANSWERED, Arm, Evidence, Finding, Flips, Look, Policy, Threshold, Verdict

MIN_SHARE = 0.5
"""The smallest share of the cases seen that must have a pair; below it a criterion is undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshDraw:
    """One more draw that could change the verdict."""

    case: str
    arm: Arm


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """The state of a gate after the cases it has results for.

    `final`: no further case is needed for the verdict. `look` is the look of the compared criteria, `cases` the number
    of cases that the blocking checks cover. `wanted` are fresh draws that could change the verdict. `possible` are all
    fresh draws of cases that changed between pass and fail. `too_many_broken` are the criteria with more broken cases
    than allowed, `perhaps_too_many_broken` those that would have too many if all suspects were broken. `fails`: some
    limit, check or single case decides for FAIL. `critical` are the suspects among the critical cases, settled or not.
    `checked` are the findings on floors over all outputs so far. `owes_all`: some check decides over every case, so
    that all cases need an output.
    """

    look: Look
    cases: int
    draws: Draws
    roles: Roles
    rulings: tuple[ThresholdRuling, ...]
    blocking: tuple[blocking.BlockingRuling, ...]
    suspects: tuple[Suspect, ...]
    flips: Flips
    too_many_broken: tuple[str, ...]
    perhaps_too_many_broken: tuple[str, ...]
    critical: tuple[Suspect, ...]
    wanted: tuple[FreshDraw, ...]
    possible: tuple[FreshDraw, ...]
    pairs: Mapping[str, Paired]
    alone: Mapping[str, Paired]
    checked: tuple[Finding, ...]
    owes_all: bool
    fails: bool
    final: bool

    @property
    def order(self) -> tuple[str, ...]:
        return self.draws.order

    @property
    def units(self) -> int:
        """The number of units of the whole dataset."""
        return self.draws.units

    @property
    def seen(self) -> tuple[str, ...]:
        """The cases of the last look."""
        return self.order[: self.look.cases]


@dataclass(frozen=True, kw_only=True)  # no slots: `cached_property` needs a `__dict__`
class Measured:
    """The draws of a gate and all values computed from them alone; fresh draws do not change them."""

    evidence: Evidence
    draws: Draws
    roles: Roles
    pairs: Mapping[str, Paired]
    alone: Mapping[str, Paired]
    checked: tuple[Finding, ...]

    @cached_property
    def turned(self) -> TurnedCases:
        return single_cases.find_turned_cases(self.evidence, self.draws, self.roles)


def measure(evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy) -> Measured:
    """Compute the numbers behind a gate's state; `alone` are pairs of the candidate only, for criteria with a floor."""
    both = evidence.baseline is not None
    draws = collect_draws(evidence)
    roles = assign_roles(evidence.criteria, thresholds, policy, with_baseline=both)
    roles = replace(roles, watched=_count_needed(evidence, draws, roles))
    alone = {
        criterion.name: compare.pair(
            draws,
            criterion.name,
            roles.required(criterion.name) if criterion.kind == "judge" else (),
            with_baseline=False,
        )
        for criterion in evidence.criteria
        if thresholds.get(criterion.name, Threshold()).minimum is not None
    }
    return Measured(
        evidence=evidence,
        draws=draws,
        roles=roles,
        pairs={
            criterion.name: compare.pair(draws, criterion.name, roles.required(criterion.name), with_baseline=both)
            for criterion in evidence.criteria
        },
        alone=alone,
        checked=tuple(floors.make_findings(evidence, roles.floors, alone, draws.order)),
    )


def _count_needed(evidence: Evidence, draws: Draws, roles: Roles) -> Mapping[str, int]:
    """Return how many draws must agree that a watched check newly fails a case: one if it is strict and always held."""
    strict = {criterion.name for criterion in evidence.criteria if criterion.strict}
    ever = {
        name: bool((draws.scores(name, Arm.BASELINE) < statistics.CASE_PASSES).any())
        for name in list_watched(evidence, roles)
    }
    return {name: statistics.DRAWS_AMONG_MANY if failed or name not in strict else 1 for name, failed in ever.items()}


def evaluate_look(
    evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy, measured: Measured | None = None
) -> GateState:
    """Evaluate the looks at 25, 50, 75 and 100 % of the units, as far as there are results, until the verdict is clear.

    At each look, every limit is tested on its own at the look's full level; one that has passed stays passed. Whether a
    limit is proven worse is tested at that level over all of them, by Holm. FAIL stops at once. PASS ends the
    comparison when all limits have passed and no criterion has more broken cases than fixed ones. Declared blocking
    checks continue to the last case. `measured` can be passed in as long as the results are the same.
    """
    known = measured or measure(evidence, thresholds, policy)
    looking = _Look(
        evidence=evidence,
        policy=policy,
        known=known,
        limits=list_limits(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None),
        suspects=_find_suspects(evidence, known, policy),
        owes_all=schedule.decides_over_all(evidence, thresholds, policy),
    )
    return looking.evaluate(schedule.plan_looks(evidence, thresholds, policy, known.draws))


def has_enough_pairs(draws: Draws, paired: Paired, seen: int) -> bool:
    """Return whether at least half of the cases seen to which the criterion applies have a pair; copies count once."""
    expected = draws.alone if paired.excluded is None else draws.alone & ~paired.excluded
    return int(draws.alone[paired.places].sum()) >= MIN_SHARE * int(expected[:seen].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The result of one look. `seen` are the suspects among its cases."""

    look: Look
    rulings: tuple[ThresholdRuling, ...]
    checks: tuple[blocking.BlockingRuling, ...]
    seen: tuple[Suspect, ...]
    perhaps_too_many: tuple[str, ...]
    too_many_broken: tuple[str, ...]
    wanted: tuple[FreshDraw, ...]
    fails: bool
    ends_comparison: bool


@dataclass(slots=True, kw_only=True)
class _Look:
    evidence: Evidence
    policy: Policy
    known: Measured
    limits: tuple[Limit, ...]
    suspects: tuple[Suspect, ...]
    owes_all: bool

    def evaluate(self, plan: Sequence[Look]) -> GateState:
        answered = self._count_answered()
        passed: dict[Limit, ThresholdRuling] = {}
        compared: _Step | None = None
        for look in plan:
            step = self._step(look, compared, passed)
            passed |= {ruling.limit: ruling for ruling in step.rulings if ruling.decision is Verdict.PASS}
            if compared is None and step.ends_comparison:
                compared = step
            ends = step.fails or (not step.wanted and (not look.early or self._ends(compared)))
            if ends or look.cases >= answered:
                break
        final = (ends or compared is not None) and look.cases <= answered
        return self._make_state(step, look if compared is None else compared.look, final=final)

    def _make_state(self, step: _Step, at: Look, *, final: bool) -> GateState:
        """Return the state after the last look, with the comparison as of the look `at`."""
        return GateState(
            look=at,
            cases=step.look.cases,
            draws=self.known.draws,
            roles=self.known.roles,
            rulings=step.rulings,
            blocking=step.checks,
            suspects=tuple(dict.fromkeys((*step.seen, *self.critical))),
            flips=self._flips([*step.seen, *self.critical]),
            too_many_broken=step.too_many_broken,
            perhaps_too_many_broken=step.perhaps_too_many,
            critical=self.critical,
            wanted=step.wanted,
            possible=self._possible(),
            pairs={name: paired.upto(at.cases) for name, paired in self.known.pairs.items()},
            alone=self.known.alone,
            checked=self.known.checked,
            owes_all=self.owes_all,
            fails=step.fails,
            final=final,
        )

    def _step(self, look: Look, compared: _Step | None, passed: Mapping[Limit, ThresholdRuling]) -> _Step:
        """Evaluate one look. Once the comparison has ended, only the blocking checks continue."""
        seen = tuple(s for s in self.suspects if s.place < look.cases)
        rulings = self._rulings(look, passed) if compared is None else compared.rulings
        checks = self._checks(look, seen, look.cases if compared is None else compared.look.cases)
        possible, settled = self._broken(seen)
        fails = bool(settled) or self._has_failed(rulings, checks)
        clear = bool(self.limits) and all(ruling.decision is Verdict.PASS for ruling in rulings)
        # an early PASS waits for cases that may be broken, and for tags that seem to be worse
        is_early = look.early and compared is None
        doubt = self._doubt(seen) if clear and is_early else ()
        wanted = () if fails else self._find_wanted(seen, possible, doubt)
        held = bool(doubt) or (is_early and self._holds_for_tags(rulings, look))
        return _Step(
            look=look,
            rulings=rulings,
            checks=checks,
            seen=seen,
            perhaps_too_many=possible,
            too_many_broken=settled,
            wanted=wanted,
            fails=fails,
            ends_comparison=clear and not held and not wanted,
        )

    def _has_failed(self, rulings: Sequence[ThresholdRuling], checks: Sequence[blocking.BlockingRuling]) -> bool:
        """Return whether a critical case, a floor, a limit or a blocking check decides for FAIL."""
        decisions = (
            *(finding.decision for finding in self.known.checked),
            *(ruling.decision for ruling in rulings),
            *(ruling.check.decision for ruling in checks),
        )
        return Verdict.FAIL in decisions or any(s.sure for s in self.critical)

    def _possible(self) -> tuple[FreshDraw, ...]:
        """Return all draws that would settle a suspect."""
        if not self.evidence.redraws:
            return ()
        return tuple(dict.fromkeys((*_choose_draws(self.suspects), *_choose_draws(self.critical, sure=True))))

    def _ends(self, compared: _Step | None) -> bool:
        """Return whether the comparison has ended and no blocking check needs every case."""
        if compared is None or self.known.roles.declared or self.known.roles.watched:
            return False
        return not any(s.criterion == ANSWERED and s.state != "settled" for s in self.suspects)

    @property
    def critical(self) -> tuple[Suspect, ...]:
        """The suspects among the critical cases, which are drawn again and count before the look reaches them.

        So do the suspects of a watched check, of which each counts by itself.
        """
        return tuple(s for s in self.suspects if s.kind != "fixed" and self._is_critical(s))

    def _rulings(self, look: Look, passed: Mapping[Limit, ThresholdRuling]) -> tuple[ThresholdRuling, ...]:
        at = {
            limit: (self.known.alone if limit.kind == "min" else self.known.pairs)[limit.criterion].upto(look.cases)
            for limit in self.limits
        }
        complete = [
            limit
            for limit in self.limits
            if limit not in passed and self._is_complete(limit.criterion, at[limit], look)
        ]
        return rule_on_limits(at, look, passed, complete, min_cases=self.policy.min_cases)

    def _is_complete(self, name: str, paired: Paired, look: Look) -> bool:
        """Return whether enough of the cases seen have a pair, and few enough lack a score."""
        lost = schedule.has_too_many_lost(paired.lost, self.known.draws.count_different(name), self.policy)
        return has_enough_pairs(self.known.draws, paired, look.cases) and not lost

    def _checks(self, look: Look, seen: Sequence[Suspect], compared: int) -> tuple[blocking.BlockingRuling, ...]:
        draws, roles = self.known.draws, self.known.roles
        tests = blocking.failing_more(draws, roles, look.cases, compared)
        proven = blocking.proven_more(tests, roles, look.level)
        return tuple(
            blocking.rule_on_check(check, draws, roles, seen, tests[check], cases=look.cases, is_proven=check in proven)
            for check in roles.blocking
        )

    def _broken(self, seen: Sequence[Suspect]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the criteria with more broken cases than allowed, first with all suspects counted, then settled only.

        Fixed cases are subtracted from broken ones. Only settled fixed cases count, and copies of one count once.
        """
        possible, settled = [], []
        for criterion in self.known.roles.compared:
            allowed = statistics.count_allowed_broken(self.known.draws.count_different(criterion))
            fixed = self._fixed(seen, criterion)
            if len(select_kind(seen, criterion, "broken", "settled", "open", "lost")) - fixed > allowed:
                possible.append(criterion)
            # cases that may be fixed are drawn again before the broken ones are a FAIL
            maybe = [s for s in select_kind(seen, criterion, "fixed", "open") if s.wants is not None]
            if len(select_kind(seen, criterion, "broken", "settled")) - fixed - len(maybe) > allowed:
                settled.append(criterion)
        return tuple(possible), tuple(settled)

    def _fixed(self, seen: Sequence[Suspect], criterion: str) -> int:
        return sum(bool(self.known.draws.alone[s.place]) for s in select_kind(seen, criterion, "fixed", "settled"))

    def _doubt(self, seen: Sequence[Suspect]) -> tuple[Suspect, ...]:
        """Return the cases that may be broken, on criteria where they outnumber the fixed ones."""
        found: list[Suspect] = []
        for criterion in self.known.roles.compared:
            broken = select_kind(seen, criterion, "broken", "settled")
            if self.evidence.redraws:
                broken += select_kind(seen, criterion, "broken", "open", "lost")
            if len(broken) > self._fixed(seen, criterion):
                found += broken
                found += select_kind(seen, criterion, "fixed", "open")
        return tuple(found)

    def _holds_for_tags(self, rulings: Sequence[ThresholdRuling], look: Look) -> bool:
        """Return whether an early PASS has to wait: some tag may block, or seems to be worse."""
        if self.policy.blocking_tags:
            return True
        compared = {r.limit.criterion: self.known.pairs[r.limit.criterion].upto(look.cases) for r in rulings}
        return tags.seems_to_fall(
            self.known.draws.tags, {n: p for n, p in compared.items() if p.differences is not None}
        )

    def _find_wanted(
        self, seen: Sequence[Suspect], over: Sequence[str], doubt: Sequence[Suspect]
    ) -> tuple[FreshDraw, ...]:
        """Return the draws that could change the verdict."""
        if not self.evidence.redraws:
            return ()
        needed = [s for s in seen if s.kind == "for_good" or (s.kind == "broken" and s.criterion in over) or s in doubt]
        # fixed cases offset broken ones, so they are drawn again once the broken ones are settled
        settled = {criterion for criterion in over if not select_kind(seen, criterion, "broken", "open")}
        needed += [s for s in seen if s.kind == "fixed" and s.criterion in settled]
        unsure = [s for s in self.critical if not s.sure]
        return tuple(dict.fromkeys((*_choose_draws(needed), *_choose_draws(unsure, sure=True))))

    def _flips(self, seen: Sequence[Suspect]) -> Flips:
        compared = [s for s in seen if s.kind != "for_good"]
        return Flips(
            broken=_list_names(s for s in compared if s.kind == "broken" and s.state == "settled"),
            fixed=_list_names(s for s in compared if s.kind == "fixed" and s.state == "settled"),
            open=_list_names(s for s in compared if s.kind == "broken" and s.state != "settled"),
            allowed=statistics.count_allowed_broken(self.known.draws.different),
        )

    def _count_answered(self) -> int:
        """Return the number of cases with a result before the first one without."""
        drawn = self.known.draws.drawn
        counts = drawn[Arm.CANDIDATE].sum(axis=0) + drawn[Arm.BASELINE].sum(axis=0)
        missing = (counts == 0).nonzero()[0]
        return int(missing[0]) if len(missing) else len(counts)

    def _is_critical(self, suspect: Suspect) -> bool:
        if suspect.kind == "broken" and suspect.criterion in self.known.roles.watched:
            return True
        return _is_critical(suspect, self.known.draws, self.policy)


def _find_suspects(evidence: Evidence, known: Measured, policy: Policy) -> tuple[Suspect, ...]:
    """Return the suspects; on a check that only its floor decides, those among the critical cases."""
    found = single_cases.find_suspects(evidence, known.draws, known.roles, known.turned)
    floored = known.roles.floored
    return tuple(s for s in found if s.criterion not in floored or _is_critical(s, known.draws, policy))


def _is_critical(suspect: Suspect, draws: Draws, policy: Policy) -> bool:
    return bool(set(draws.tags.get(suspect.case, ())) & set(policy.critical_tags))


def _choose_draws(suspects: Sequence[Suspect], *, sure: bool = False) -> tuple[FreshDraw, ...]:
    wanted = [(s.case, s.wants_sure if sure else s.wants) for s in suspects]
    return tuple(dict.fromkeys(FreshDraw(case=case, arm=arm) for case, arm in wanted if arm is not None))


def _list_names(suspects: Iterable[Suspect]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(suspect.case for suspect in suspects))
