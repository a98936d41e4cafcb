"""Comparisons and thresholds in, findings and a verdict out: what each change level makes of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evalgate.decide import compare
from evalgate.decide.thresholds import judged
from evalgate.domain import (
    Arm,
    Comparison,
    Counts,
    Evidence,
    Failure,
    Finding,
    GateReport,
    LevelPolicy,
    Output,
    Policy,
    Requirement,
    Result,
    Score,
    Threshold,
    Unscored,
    Verdict,
)
from evalgate.domain.numbers import exact, shown

_PASS, _FAIL, _AWAITING, _INCONCLUSIVE, _NOT_EVALUATED = 0, 1, 5, 4, 3
_SEVERITY = (_FAIL, _NOT_EVALUATED, _INCONCLUSIVE, _AWAITING, _PASS)


def decide(
    evidence: Evidence, thresholds: Mapping[str, Threshold], policy: Policy, level_policy: LevelPolicy
) -> GateReport:
    """The verdict on one gate, from nothing but its evidence, thresholds and policy; the same every time."""
    cases = tuple(dict.fromkeys(result.case for result in evidence.results))
    frame = compare.table(evidence.results)
    pairs = {
        criterion.name: compare.pair(frame, criterion.name, cases, with_baseline=evidence.baseline is not None)
        for criterion in evidence.criteria
    }
    comparisons = tuple(compare.compare(c, pairs[c.name], alpha=policy.alpha) for c in evidence.criteria)
    findings = (
        *_level_findings(evidence),
        *_completeness(evidence, comparisons, cases, policy),
        *_lost_cases(evidence, policy),
    )
    decisive = (
        *_checks(evidence, thresholds, pairs),
        *_percentiles(evidence),
        *judged(evidence.criteria, thresholds, pairs, policy, level_policy),
    )
    findings = (*findings, *decisive, *_what_decides(evidence, decisive))
    decision, exit_code = _conclude(findings)
    requirements: tuple[Requirement, ...] = ()
    if exit_code == _PASS:
        requirements = _requirements(level_policy)
        exit_code = _AWAITING if any(r.kind == "sign_off" for r in requirements) else _PASS
    return GateReport(
        evidence=evidence,
        thresholds=thresholds,
        policy=policy,
        level_policy=level_policy,
        decision=decision,
        exit_code=exit_code,
        counts=_count(evidence, comparisons),
        comparisons=comparisons,
        findings=findings,
        requirements=requirements,
    )


def overall(gates: Sequence[GateReport]) -> tuple[Verdict, int]:
    """The decision and exit code of all gates together: the most severe one; nothing to gate is a pass."""
    code = next((code for code in _SEVERITY if any(gate.exit_code == code for gate in gates)), _PASS)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if any(gate.decision is verdict for gate in gates):
            return verdict, code
    return Verdict.PASS, code


def _conclude(findings: Sequence[Finding]) -> tuple[Verdict, int]:
    for verdict, code in ((Verdict.FAIL, _FAIL), (Verdict.INCONCLUSIVE, _INCONCLUSIVE)):
        found = [finding for finding in findings if finding.decision is verdict]
        if found:
            return verdict, code if any(finding.blocks for finding in found) else _PASS
    return Verdict.PASS, _PASS


def _requirements(level_policy: LevelPolicy) -> tuple[Requirement, ...]:
    canary = Requirement(kind="canary", state="pending", detail=f"{level_policy.canary_hours}-hour canary")
    sign_off = Requirement(kind="sign_off", state="pending", detail="sign-off by a person who did not write the change")
    return (*([canary] if level_policy.canary_hours else []), *([sign_off] if level_policy.sign_off else []))


def _level_findings(evidence: Evidence) -> list[Finding]:
    found = evidence.level.findings if evidence.level else ()
    return [
        Finding(criterion=None, kind=f.kind, decision=Verdict.FAIL, sentence=f.sentence, blocks=True) for f in found
    ]


def _completeness(
    evidence: Evidence, comparisons: Sequence[Comparison], cases: Sequence[str], policy: Policy
) -> list[Finding]:
    """Fail closed: whatever was expected and not decided keeps the verdict from being a pass, at every level."""
    if not evidence.criteria or not cases:
        what = "no criterion applies at this level" if cases else "no case was evaluated"
        return [_incomplete(None, f"Nothing was measured: {what}. Configure a check, or let the level run judges.", ())]
    missing = evidence.dataset.cases - len(cases)
    findings = []
    if missing > 0:
        findings.append(_incomplete(None, f"{missing} of {evidence.dataset.cases} cases have no result at all.", ()))
    for comparison in comparisons:
        left_out = comparison.undecided
        if len(left_out) > policy.max_left_out * len(cases) or len(left_out) == len(cases):
            why = _why_undecided(evidence.results, comparison.criterion, left_out[0])
            sentence = (
                f"{comparison.criterion}: {len(left_out)} of {len(cases)} cases could not be decided "
                f"({_some(left_out)}); the first: {why}"
            )
            findings.append(_incomplete(comparison.criterion, sentence, left_out))
    return findings


def _lost_cases(evidence: Evidence, policy: Policy) -> list[Finding]:
    """A dataset that shrank asks less than the baseline had to answer."""
    lost = evidence.dataset.lost
    if not lost or policy.removed_cases == "allow":
        return []
    sentence = (
        f"{len(lost)} cases of the baseline's dataset are gone ({_some(lost)}): put them back, "
        "or set policy.removed_cases: allow."
    )
    return [_incomplete(None, sentence, lost)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _incomplete(criterion: str | None, sentence: str, cases: Sequence[str]) -> Finding:
    return Finding(
        criterion=criterion,
        kind="completeness",
        decision=Verdict.INCONCLUSIVE,
        sentence=sentence,
        blocks=True,
        cases=tuple(cases),
    )


def _why_undecided(results: Sequence[Result], criterion: str, case: str) -> str:
    for result in results:
        score = result.scores.get(criterion)
        if result.case == case and not isinstance(score, Score):
            arm = f"{result.arm}, "
            return arm + (score.reason if isinstance(score, Unscored) else "no score was recorded")
    return "one arm is missing"


def _checks(
    evidence: Evidence, thresholds: Mapping[str, Threshold], pairs: Mapping[str, compare.Paired]
) -> list[Finding]:
    """A blocking check holds on every case, unless a threshold says how many failures are allowed."""
    findings = []
    for criterion in evidence.criteria:
        if criterion.kind != "check":
            continue
        threshold = thresholds.get(criterion.name, Threshold())
        floor = threshold.minimum
        by_drop = threshold.max_drop is not None and evidence.baseline is not None
        if floor is None and (not criterion.blocking or by_drop):
            continue
        limit = 1.0 if floor is None else floor
        paired = pairs[criterion.name]
        n = len(paired.cases)
        if n == 0:
            continue
        failed = tuple(case for case, value in zip(paired.cases, paired.candidate, strict=True) if value < 1.0)
        rate = float(paired.candidate.mean())
        passed = rate >= limit
        sentence = f"{criterion.name}: {n - len(failed)} of {n} cases hold"
        if floor is not None:
            sentence += f", {shown(rate, limit)} against a floor of {exact(limit)}"
        elif not passed:
            why = _reason(evidence.results, criterion.name, failed[0])
            sentence += f"; the check is blocking. {failed[0]}: {why}"
        findings.append(
            Finding(
                criterion=criterion.name,
                kind="check" if floor is None else "min",
                decision=Verdict.PASS if passed else Verdict.FAIL,
                sentence=sentence.rstrip(".") + ".",
                blocks=not passed,
                cases=failed,
            )
        )
    return findings


def _reason(results: Sequence[Result], criterion: str, case: str) -> str:
    for result in results:
        score = result.scores.get(criterion)
        if result.case == case and result.arm is Arm.CANDIDATE and isinstance(score, Score) and score.value < 1.0:
            return score.reason
    return "the check does not hold"


def _percentiles(evidence: Evidence) -> list[Finding]:
    """The 95th percentile of the candidate's seconds, where a latency check limits it (nearest rank)."""
    findings = []
    for criterion in evidence.criteria:
        limit = criterion.p95_seconds
        seconds = sorted(
            result.outcome.seconds
            for result in evidence.results
            if result.arm is Arm.CANDIDATE and isinstance(result.outcome, Output) and result.outcome.seconds is not None
        )
        if limit is None or not seconds or not criterion.blocking:
            continue
        value = seconds[math.ceil(0.95 * len(seconds)) - 1]
        held = value <= limit
        findings.append(
            Finding(
                criterion=criterion.name,
                kind="check",
                decision=Verdict.PASS if held else Verdict.FAIL,
                sentence=f"{criterion.name}: the 95th percentile is {shown(value, limit)} s over {len(seconds)} "
                f"outputs; the limit is {exact(limit)} s.",
                blocks=not held,
            )
        )
    return findings


def _what_decides(evidence: Evidence, decisive: Sequence[Finding]) -> list[Finding]:
    """Says so when absolute thresholds decide alone, and when nothing decides at all, which is no pass."""
    if not decisive:
        sentence = "Nothing decides: make a check blocking, set a `min` for a criterion, or let the level run judges."
        return [_incomplete(None, sentence, ())] if evidence.criteria else []
    if evidence.baseline is not None:
        return []
    sentence = "There is no baseline: the absolute thresholds alone decide."
    return [Finding(criterion=None, kind="no_baseline", decision=Verdict.PASS, sentence=sentence, blocks=False)]


def _count(evidence: Evidence, comparisons: Sequence[Comparison]) -> Counts:
    expected = evidence.dataset.cases * len(evidence.criteria)
    undecided = sum(len(comparison.undecided) for comparison in comparisons)
    cases = len({result.case for result in evidence.results})
    return Counts(
        expected=expected,
        decided=cases * len(evidence.criteria) - undecided,
        failures=sum(isinstance(result.outcome, Failure) for result in evidence.results),
        unscored=sum(isinstance(score, Unscored) for result in evidence.results for score in result.scores.values()),
    )
