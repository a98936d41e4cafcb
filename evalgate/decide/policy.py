"""Comparisons and thresholds in, findings and a verdict out: what each change level makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from evalgate.decide import blocking, compare, completeness, left_out, looks, remarks, sign_off, tags
from evalgate.decide.single_cases import select_kind
from evalgate.decide.thresholds import ThresholdRuling, make_finding
from evalgate.domain import (
    ANSWERED,
    STRICT_LEVEL,
    Admission,
    Comparison,
    Counts,
    Criterion,
    Evidence,
    Finding,
    GateReport,
    LevelPolicy,
    Policy,
    PolicyChange,
    Report,
    ReportKind,
    Requirement,
    Result,
    SignOff,
    TagFall,
    Threshold,
    Verdict,
    combine_admissions,
)

_BROKEN = "The baseline passes in every sample, the candidate in none of its draws, fresh ones included."


def decide(
    evidence: Evidence,
    thresholds: Mapping[str, Threshold],
    policy: Policy,
    level_policy: LevelPolicy,
    measured: looks.Measured | None = None,
) -> GateReport:
    """The verdict on one gate, from nothing but its evidence, thresholds and policy; the same every time.

    `measured` may be handed in where these very results have just been measured.
    """
    standing = looks.evaluate_look(evidence, thresholds, policy, measured)
    if evidence.kind is ReportKind.SHARD:
        return _shard_finding(evidence, thresholds, policy, level_policy, standing)
    comparisons = tuple(_make_comparison_findings(criterion, standing) for criterion in evidence.criteria)
    fallen = _make_tag_findings(evidence, standing, policy)
    constant = remarks.find_constant_output(evidence, standing.order[: standing.cases])
    findings = (
        *_make_level_findings(evidence),
        *_find_measured(evidence, policy, level_policy, standing, fallen),
        *([remarks.make_constant_finding(constant)] if constant is not None else []),
        *remarks.find_remarks(evidence, comparisons, standing, policy),
    )
    decision, exit_code = _conclude_gate(findings)
    requirements: tuple[Requirement, ...] = ()
    if exit_code.lets_merge:
        requirements = _list_requirements(level_policy)
        if any(r.kind == "sign_off" for r in requirements):
            exit_code = Admission.AWAITING_SIGN_OFF
    return GateReport(
        evidence=evidence,
        thresholds=thresholds,
        policy=policy,
        level_policy=level_policy,
        decision=decision,
        exit_code=exit_code,
        counts=_count(evidence, comparisons, standing),
        look=standing.look,
        flips=standing.flips,
        tags=fallen,
        comparisons=comparisons,
        findings=findings,
        requirements=requirements,
        units=standing.units,
        blocking=tuple(ruling.check for ruling in standing.blocking),
        constant_output=constant,
    )


def _find_measured(
    evidence: Evidence, policy: Policy, level_policy: LevelPolicy, standing: looks.GateState, fallen: Sequence[TagFall]
) -> Iterator[Finding]:
    """What was measured, and what is missing; only that where the versions kept everything from being asked."""
    incomplete = completeness.make_findings(evidence, standing, policy)
    if evidence.level is not None and evidence.level.findings and not evidence.results:
        yield from incomplete
        return
    checked = [blocking.make_finding(r, evidence) for r in standing.blocking if _says_something(r, standing)]
    yield from (one for one in checked if one.decision is not Verdict.PASS)
    yield from incomplete
    yield from (one for one in checked if one.decision is Verdict.PASS)
    yield from standing.checked
    told = {one.criterion for one in incomplete}
    for ruling in standing.rulings:
        if len(ruling.paired.cases) or ruling.limit.criterion not in told:
            yield make_finding(ruling, policy, level_policy, _find_missing(ruling, standing))
    yield from _make_broken_findings(evidence, standing)
    yield from tags.make_findings(fallen)
    yield from _find_deciding(evidence, standing)


def _find_missing(ruling: ThresholdRuling, standing: looks.GateState) -> str:
    """Why cases have no part in a ruling's numbers, led in by a semicolon."""
    return left_out.explain(
        ruling.limit.criterion,
        ruling.paired,
        standing.draws,
        standing.roles,
        with_baseline=ruling.paired.differences is not None,
    )


def _says_something(ruling: blocking.BlockingRuling, standing: looks.GateState) -> bool:
    """Whether a blocking check has a sentence of its own: the implicit one only where something was not answered."""
    check = ruling.check
    if check.criterion in standing.roles.declared or check.decision is not Verdict.PASS:
        return True
    return bool(check.failed or check.baseline_failed)


def _shard_finding(
    evidence: Evidence,
    thresholds: Mapping[str, Threshold],
    policy: Policy,
    level_policy: LevelPolicy,
    standing: looks.GateState,
) -> GateReport:
    """A shard decides nothing by itself, whatever its part of the cases says."""
    assert evidence.shard is not None
    cases = len({result.case for result in evidence.results})
    sentence = (
        f"Shard {evidence.shard.number} of {evidence.shard.of}: {cases} of {evidence.dataset.cases} cases were run; "
        "`evalgate merge` gives the verdict of all shards."
    )
    return GateReport(
        evidence=evidence,
        thresholds=thresholds,
        policy=policy,
        level_policy=level_policy,
        decision=Verdict.INCONCLUSIVE,
        exit_code=Admission.INCONCLUSIVE,
        counts=_count(evidence, (), standing),
        look=standing.look,
        flips=standing.flips,
        tags=(),
        comparisons=(),
        findings=(completeness.is_incomplete(None, sentence, ()),),
        requirements=(),
        units=standing.units,
    )


def combine_verdicts(gates: Sequence[GateReport]) -> tuple[Verdict, Admission]:
    """The decision and exit code of all gates together: the most severe one; nothing to gate is a pass."""
    code = combine_admissions(gate.exit_code for gate in gates)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if any(gate.decision is verdict for gate in gates):
            return verdict, code
    return Verdict.PASS, code


def conclude(gates: Sequence[GateReport], policy_changes: Sequence[PolicyChange]) -> tuple[Verdict, Admission]:
    """The decision and exit code of a report before anybody signed it off: a pass waits where the policy is edited."""
    decision, code = combine_verdicts(gates)
    return decision, Admission.AWAITING_SIGN_OFF if code.lets_merge and policy_changes else code


def apply_sign_off(report: Report, given: SignOff) -> Report:
    """The report with a person's sign-off: what waited for one passes. Raises ValueError where it does not fit.

    Nothing else is ever signed off: a report that does not pass by itself, or one of other content.
    """
    if not report.exit_code.awaits_sign_off:
        raise ValueError("the report does not wait for a sign-off")
    if given.subject != sign_off.digest_subject(report):
        raise ValueError("the sign-off was given for other content")
    gates = tuple(meet_requirement(gate) for gate in report.gates)
    return replace(report, gates=gates, exit_code=Admission.PASS, sign_off=given)


def meet_requirement(gate: GateReport) -> GateReport:
    """A gate that waited for a sign-off, with it; any other as it is."""
    if not gate.exit_code.awaits_sign_off:
        return gate
    requirements = tuple(replace(r, state="met") if r.kind == "sign_off" else r for r in gate.requirements)
    return replace(gate, requirements=requirements, exit_code=Admission.PASS)


def _conclude_gate(findings: Sequence[Finding]) -> tuple[Verdict, Admission]:
    for verdict, code in ((Verdict.FAIL, Admission.FAIL), (Verdict.INCONCLUSIVE, Admission.INCONCLUSIVE)):
        found = [finding for finding in findings if finding.decision is verdict]
        if found:
            return verdict, code if any(finding.blocks for finding in found) else Admission.PASS
    return Verdict.PASS, Admission.PASS


def _list_requirements(level_policy: LevelPolicy) -> tuple[Requirement, ...]:
    canary = Requirement(kind="canary", state="pending", detail=f"{level_policy.canary_hours}-hour canary")
    sign_off = Requirement(kind="sign_off", state="pending", detail="sign-off by a person who did not write the change")
    return (*([canary] if level_policy.canary_hours else []), *([sign_off] if level_policy.sign_off else []))


def _make_level_findings(evidence: Evidence) -> list[Finding]:
    found = evidence.level.findings if evidence.level else ()
    return [
        Finding(criterion=None, kind=f.kind, decision=Verdict.FAIL, sentence=f.sentence, blocks=True) for f in found
    ]


def _make_comparison_findings(criterion: Criterion, standing: looks.GateState) -> Comparison:
    """As of the last look, or of that at which all limits of the criterion had passed: shown is what decided."""
    name = criterion.name
    rulings = [ruling for ruling in standing.rulings if ruling.limit.criterion == name]
    paired, level = standing.pairs[name], standing.look.level
    if rulings and all(ruling.decision is Verdict.PASS for ruling in rulings):
        last = max(rulings, key=lambda ruling: ruling.look.number)
        paired, level = (standing.pairs[name].upto(last.look.cases), last.look.level)
    return replace(
        compare.compare(criterion, paired, level=level),
        broken=tuple(s.case for s in select_kind(standing.suspects, name, "broken", "settled")),
        fixed=tuple(s.case for s in select_kind(standing.suspects, name, "fixed", "settled")),
        suspects=tuple(s.case for s in select_kind(standing.suspects, name, "broken", "open", "lost")),
    )


def _make_tag_findings(evidence: Evidence, standing: looks.GateState, policy: Policy) -> tuple[TagFall, ...]:
    """Over the criteria that have an allowed drop: others are not compared by anything."""
    names = {ruling.limit.criterion for ruling in standing.rulings if ruling.limit.kind == "max_drop"}
    pairs = {name: paired for name, paired in standing.pairs.items() if name in names}
    return tags.find_falls(evidence, pairs, alpha=policy.alpha, blocking=policy.blocking_tags)


def _make_broken_findings(evidence: Evidence, standing: looks.GateState) -> list[Finding]:
    """Cases that worked and do not any more: too many on one criterion, or one that is critical, whatever the mean."""
    found = []
    critical = tuple(dict.fromkeys(s.case for s in standing.critical if s.sure))
    if critical:
        criteria = ", ".join(dict.fromkeys(s.criterion for s in standing.critical if s.sure))
        sentence = f"Broken and critical ({criteria}): {completeness.name_cases(critical)}. {_BROKEN}"
        found.append(_make_turned_finding(None, Verdict.FAIL, sentence, critical))
    unsure = [s for s in standing.critical if s.kind == "broken" and not (s.sure or s.refuted)]
    for name in standing.roles.compared:
        broken = tuple(s.case for s in select_kind(standing.suspects, name, "broken", "settled"))
        if name in standing.too_many_broken:
            found.append(
                _make_turned_finding(name, Verdict.FAIL, _make_too_many_finding(name, broken, standing), broken)
            )
        elif evidence.redraws and name in standing.perhaps_too_many_broken:
            unsure += select_kind(standing.suspects, name, "broken", "settled", "open", "lost")
    if unsure and not standing.fails:
        doubtful = {s.case for s in unsure}
        cases = tuple(case for case in standing.order if case in doubtful)
        criteria = ", ".join(dict.fromkeys(s.criterion for s in unsure))
        turned = "1 case" if len(cases) == 1 else f"{len(cases)} cases"
        named = completeness.name_cases(cases)
        sentence = (
            f"{turned} turned from pass to fail and could not be settled ({criteria}): {named}. "
            "More draws of each would tell whether it is broken."
        )
        found.append(_make_turned_finding(None, Verdict.INCONCLUSIVE, sentence, cases))
    return found


def _make_too_many_finding(criterion: str, broken: Sequence[str], standing: looks.GateState) -> str:
    """Which cases are broken on a criterion, and how many may be."""
    fixed = select_kind(standing.suspects, criterion, "fixed", "settled")
    against = f", {len(fixed)} fixed" if fixed else ""
    return (
        f"{criterion}: {len(broken)} cases are broken{against}, and at most {standing.flips.allowed} more broken than "
        f"fixed are allowed ({completeness.name_cases(broken)}). {_BROKEN}"
    )


def _make_turned_finding(criterion: str | None, decision: Verdict, sentence: str, cases: Sequence[str]) -> Finding:
    return Finding(
        criterion=criterion, kind="broken", decision=decision, sentence=sentence, blocks=True, cases=tuple(cases)
    )


def _find_deciding(evidence: Evidence, standing: looks.GateState) -> list[Finding]:
    """Says so when absolute thresholds decide alone, and when nothing decides at all, which is no pass."""
    decides = bool(standing.rulings or standing.checked or standing.roles.declared)
    if not decides and all(ruling.check.decision is Verdict.PASS for ruling in standing.blocking):
        sentence = "Nothing decides: make a check blocking, set a `min` for a criterion, or let the level run judges."
        return [completeness.is_incomplete(None, sentence, ())] if evidence.criteria else []
    if evidence.baseline is not None:
        return []
    sentence = "There is no baseline: the absolute thresholds alone decide."
    return [Finding(criterion=None, kind="no_baseline", decision=Verdict.PASS, sentence=sentence, blocks=False)]


def _count(evidence: Evidence, comparisons: Sequence[Comparison], standing: looks.GateState) -> Counts:
    """What was expected, decided and lost; a judge that was rightly not asked about an output is no part of it."""
    pairs = [standing.pairs[comparison.criterion] for comparison in comparisons if comparison.criterion != ANSWERED]
    criteria = sum(criterion.name != ANSWERED for criterion in evidence.criteria)
    expected = len(standing.seen) * criteria - sum(len(paired.left_out) for paired in pairs)
    have = {result.case for result in evidence.results}
    missing = sum(case not in have for case in standing.seen) * criteria
    undecided = sum(len(paired.undecided) for paired in pairs)
    return Counts(
        expected=expected,
        decided=max(0, expected - max(undecided, missing)),
        failures=sum(result.failure is not None for result in _join_all(evidence)),
        unscored=sum(
            standing.roles.is_unscored(name, result.values)
            for result in _join_all(evidence)
            if result.failure is None
            for name in result.values
        ),
    )


def _join_all(evidence: Evidence) -> Iterator[Result]:
    return chain(evidence.results, evidence.confirmations)


def decide_at_level(
    evidence: Evidence, thresholds: Mapping[str, Threshold], rules: Policy, measured: looks.Measured | None = None
) -> GateReport:
    """The verdict on evidence under a policy: the level's own demands, or the strictest where no level is known."""
    return decide(evidence, thresholds, rules, find_level_policy(evidence, rules), measured)


def find_level_policy(evidence: Evidence, rules: Policy) -> LevelPolicy:
    return rules.levels[evidence.level.effective] if evidence.level else STRICT_LEVEL
