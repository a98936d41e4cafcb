"""The looks: how far the cases have to be seen until the answer is clear, and what it is then.

This is `statistics.decide` for a whole gate: several limits at once, in the order in which the cases were run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from evalgate.decide import compare, deterministic, flips, statistics
from evalgate.decide.compare import Paired
from evalgate.decide.flips import Turned
from evalgate.decide.thresholds import Limit, Ruling, limits
from evalgate.domain import Arm, Evidence, Finding, Flips, Look, Policy, Threshold, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a gate stands after the cases it has results for.

    `final`: no further case can or need change the answer. `turned` are all cases of which a fresh sample can be drawn,
    `wanted` those of which one could change the answer.
    `fails`: some limit, check or broken case decides for FAIL. `net` is broken minus fixed among the cases seen, and
    `critical` are critical cases that turned, settled or not. `pairs` are all criteria at the last look, `checked` the
    checks over every output of the candidate so far, and `undecided_checks` the cases these have no score for;
    `owes_all`: some of them decide by themselves, over every case.
    """

    look: Look
    order: tuple[str, ...]
    rulings: tuple[Ruling, ...]
    flips: Flips
    critical: tuple[str, ...]
    net: int
    turned: tuple[Turned, ...]
    wanted: tuple[Turned, ...]
    pairs: Mapping[str, Paired]
    checked: tuple[Finding, ...]
    undecided_checks: Mapping[str, Mapping[str, int]]
    owes_all: bool
    fails: bool
    final: bool

    @property
    def seen(self) -> tuple[str, ...]:
        """The cases of the last look."""
        return self.order[: self.look.cases]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All criteria paired, from results alone: fresh samples of cases that turned change nothing of it."""

    order: tuple[str, ...]
    clusters: Mapping[str, str] | None
    pairs: Mapping[str, Paired]
    alone: Mapping[str, Paired]
    checked: tuple[Finding, ...]


def measure(evidence: Evidence, thresholds: Mapping[str, Threshold]) -> Measured:
    """The numbers behind a standing; `alone` are the checks that decide by themselves, on the candidate only."""
    both = evidence.baseline is not None
    order = evidence.order or tuple(dict.fromkeys(result.case for result in evidence.results))
    scores = compare.table(evidence.results)
    clusters = _clusters(evidence, order)
    alone = {
        c.name: compare.pair(scores, c.name, order, with_baseline=False)
        for c in evidence.criteria
        if deterministic.required(c, thresholds.get(c.name, Threshold()), with_baseline=both)
    }
    return Measured(
        order=order,
        clusters=clusters,
        pairs={
            c.name: compare.pair(scores, c.name, order, with_baseline=both, clusters=clusters)
            for c in evidence.criteria
        },
        alone=alone,
        checked=tuple(deterministic.findings(evidence, thresholds, alone, order)),
    )


def stand(
    evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy, measured: Measured | None = None
) -> Standing:
    """Looks at 25, 50, 75 and 100 % of the cases, as far as there are results, and stops when the answer is clear.

    At each look a limit passes on its own at the look's full level, and stays passed; that one of them is proven worse
    is held to that level over all of them by Holm. FAIL stops at once. PASS stops when all limits have passed and no
    net broken case exists. Checks that decide by themselves stop a run when they have failed for good. `measured` may
    be handed in while the results stay the same.
    """
    known = measured or measure(evidence, thresholds)
    of_gate = limits(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None)
    looking = _Looking(
        evidence=evidence,
        policy=policy,
        order=known.order,
        pairs=known.pairs,
        limits=of_gate,
        turned=flips.turned(evidence, {*(limit.criterion for limit in of_gate), *known.alone}),
        units=len(known.order) if known.clusters is None else len(set(known.clusters.values())),
        answered=_answered(evidence, known.order),
        checked=known.checked,
        undecided_checks={name: paired.undecided for name, paired in known.alone.items()},
        owes_all=decides_alone(evidence, thresholds),
    )
    return looking.stand(schedule(evidence, thresholds, policy))


def schedule(evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy) -> tuple[Look, ...]:
    """The looks of a gate, known before its first case is run.

    One look, at the end, where the run may not stop early, where nothing is decided by statistics, and where a PASS is
    possible at the plain level but not at that of the last look (59 to 63 cases at a margin of 0.05).
    """
    order = evidence.order or tuple(dict.fromkeys(result.case for result in evidence.results))
    clusters = _clusters(evidence, order)
    starts = statistics.cluster_starts(None if clusters is None else [clusters[case] for case in order], len(order))
    of_gate = limits(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None)
    drops = [limit.value for limit in of_gate if limit.kind == "max_drop"]
    plan = statistics.looks(len(starts), sequential=evidence.sequential and bool(of_gate), alpha=policy.alpha)
    if all(statistics.pass_is_possible(len(starts), drop, policy.alpha) for drop in drops) and not all(
        statistics.pass_is_possible(len(starts), drop, plan[-1][1]) for drop in drops
    ):
        plan = statistics.looks(len(starts), sequential=False, alpha=policy.alpha)
    found = []
    for number, (share, level) in enumerate(plan, start=1):
        units = math.ceil(round(share * len(starts), 9))
        cases = len(order) if units >= len(starts) else starts[units]
        found.append(Look(number=number, of=len(plan), cases=cases, planned=len(order), level=level))
    return tuple(found)


def decides_alone(evidence: Evidence, thresholds: Mapping[str, Threshold]) -> bool:
    """Whether some check decides by itself, so that the candidate owes an output for every case."""
    both = evidence.baseline is not None
    return any(
        deterministic.required(criterion, thresholds.get(criterion.name, Threshold()), with_baseline=both)
        or (criterion.blocking and criterion.p95_seconds is not None)
        for criterion in evidence.criteria
    )


def lacking(evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy) -> tuple[int, str] | None:
    """How many cases are needed before a PASS is possible at all, and what stands against it; None: it is possible."""
    of_gate = limits(evidence.criteria, thresholds, policy, with_baseline=evidence.baseline is not None)
    last = schedule(evidence, thresholds, policy)[-1]
    clusters = _clusters(evidence, evidence.order)
    units = len(evidence.order) if clusters is None else len({clusters[case] for case in evidence.order})
    what = "cases" if clusters is None else "clusters of cases"
    if not of_gate:
        return None
    if units < policy.min_cases:
        return policy.min_cases, f"{units} {what} decide nothing"
    drops = [limit for limit in of_gate if limit.kind == "max_drop"]
    smallest = min(drops, key=lambda limit: limit.value, default=None)
    if smallest is None or statistics.pass_is_possible(units, smallest.value, last.level):
        return None
    needed = statistics.cases_for_pass(smallest.value, policy.alpha)
    return needed, f"{units} {what} cannot prove that {smallest.criterion} fell by less than {smallest.value:g}"


@dataclass(slots=True, kw_only=True)
class _Looking:
    evidence: Evidence
    policy: Policy
    order: tuple[str, ...]
    pairs: Mapping[str, Paired]
    limits: tuple[Limit, ...]
    turned: Mapping[str, Turned]
    units: int
    answered: int
    checked: tuple[Finding, ...]
    undecided_checks: Mapping[str, Mapping[str, int]]
    owes_all: bool

    def stand(self, schedule: Sequence[Look]) -> Standing:
        failed_checks = any(finding.decision is Verdict.FAIL for finding in self.checked)
        passed: dict[Limit, Ruling] = {}
        for look in schedule:
            rulings = self._rulings(look, passed)
            turned = self._turned(look)
            summary = flips.summary(turned, len(self.order))
            critical = tuple(t.case for t in turned if t.kind == "broken" and self._is_critical(t))
            net = self._net(look, turned)
            clear = all(ruling.decision is Verdict.PASS for ruling in rulings)
            fails = (
                failed_checks
                or net > summary.allowed
                or any(case in summary.broken for case in critical)
                or any(ruling.decision is Verdict.FAIL for ruling in rulings)
            )
            wanted = () if fails else flips.wanted(turned)
            # an early PASS must neither rest on a case that may be broken nor leave a tag that may block half seen
            doubtful = net + (len(summary.open) if self.evidence.redraws else 0)
            held = look.early and (doubtful > 0 or bool(self.policy.blocking_tags))
            if not held:
                passed |= {ruling.limit: ruling for ruling in rulings if ruling.decision is Verdict.PASS}
            settled = fails or (not wanted and ((clear and not held) or not look.early))
            if settled or look.cases >= self.answered:
                break
        return Standing(
            look=look,
            order=self.order,
            rulings=rulings,
            flips=summary,
            critical=critical,
            net=net,
            turned=tuple(t for t in self.turned.values() if t.wants is not None and self.evidence.redraws),
            wanted=wanted,
            pairs={name: paired.upto(look.cases) for name, paired in self.pairs.items()},
            checked=self.checked,
            undecided_checks=self.undecided_checks,
            owes_all=self.owes_all,
            fails=fails,
            final=settled and look.cases <= self.answered,
        )

    def _rulings(self, look: Look, passed: Mapping[Limit, Ruling]) -> tuple[Ruling, ...]:
        at = {limit: self.pairs[limit.criterion].upto(look.cases) for limit in self.limits}
        enough = {limit: len(limit.tested(paired)) >= self.policy.min_cases for limit, paired in at.items()}
        p_values = [statistics.p_worse(limit.tested(at[limit])) for limit in self.limits]
        rulings = []
        for limit, p_value, worse in zip(self.limits, p_values, statistics.holm(p_values, look.level), strict=True):
            if limit in passed:
                rulings.append(passed[limit])
                continue
            decision, crowded = Verdict.INCONCLUSIVE, 0
            if enough[limit] and limit.is_kept(at[limit], look.level):
                decision = Verdict.PASS
            elif enough[limit] and worse:
                decision = Verdict.FAIL
            elif enough[limit] and p_value <= look.level:
                crowded = len(self.limits)
            rulings.append(Ruling(limit=limit, decision=decision, look=look, paired=at[limit], crowded=crowded))
        return tuple(rulings)

    def _turned(self, look: Look) -> tuple[Turned, ...]:
        """The cases that turned among those seen; critical ones are asked, and count, before their turn."""
        seen = set(self.order[: look.cases])
        found = [t for t in self.turned.values() if t.case in seen or self._is_critical(t)]
        return tuple(t if self.evidence.redraws else replace(t, wants=None) for t in found)

    def _net(self, look: Look, turned: Sequence[Turned]) -> int:
        """Broken minus fixed cases among those seen; a fixed one counts until its fresh samples say otherwise.

        Fewer units than decide anything break nothing either, but for critical cases.
        """
        if self.units < self.policy.min_cases:
            return 0
        seen = set(self.order[: look.cases])
        broken = sum(t.kind == "broken" and t.settled for t in turned if t.case in seen)
        return broken - sum(t.kind == "fixed" and (t.settled or t.wants is not None) for t in turned if t.case in seen)

    def _is_critical(self, turned: Turned) -> bool:
        return bool(set(turned.tags) & set(self.policy.critical_tags))


def _answered(evidence: Evidence, order: Sequence[str]) -> int:
    """How many cases, from the first, have a result on each arm."""
    arms = (Arm.CANDIDATE, Arm.BASELINE) if evidence.baseline is not None else (Arm.CANDIDATE,)
    have = [{result.case for result in evidence.results if result.arm is arm} for arm in arms]
    return next((i for i, case in enumerate(order) if any(case not in cases for cases in have)), len(order))


def _clusters(evidence: Evidence, order: Sequence[str]) -> Mapping[str, str] | None:
    """The cluster of each case; a case without one is its own. None where no case has any."""
    named = evidence.clusters
    return {case: f"cluster {named[case]}" if case in named else f"case {case}" for case in order} if named else None
