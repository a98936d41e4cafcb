"""Decide the verdict of a gate from its evidence, thresholds and policy, and that of a report from its gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from evalgate.decide import (
    blocking,
    compare,
    completeness,
    left_out,
    looks,
    recorded_findings,
    remarks,
    sign_off,
    statistics,
    tags,
)
from evalgate.decide import replay_findings as replays
from evalgate.decide import revert_findings as reverts
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
from evalgate.domain.numbers import show_count

_WITHOUT_VERDICT = (ReportKind.SHARD, ReportKind.PART)
_BROKEN = "The baseline passes in every sample, the candidate in no draw, fresh ones included."


def decide(
    evidence: Evidence,
    thresholds: Mapping[str, Threshold],
    policy: Policy,
    level_policy: LevelPolicy,
    measured: looks.Measured | None = None,
) -> GateReport:
    """Return the verdict on one gate, a pure function of its evidence, thresholds and policy.

    `measured` can be passed in to reuse the numbers of the same results.
    """
    standing = looks.evaluate_look(evidence, thresholds, policy, measured)
    if evidence.kind in _WITHOUT_VERDICT:
        return _make_undecided(evidence, thresholds, policy, level_policy, standing)
    comparisons = tuple(_make_comparison_findings(criterion, standing) for criterion in evidence.criteria)
    fallen = _make_tag_findings(evidence, standing, policy)
    constant = remarks.find_constant_output(evidence, standing.order[: standing.cases])
    passed_before = reverts.has_passed(evidence)
    findings = reverts.make_findings(evidence)
    if not passed_before:
        findings = (
            *_make_level_findings(evidence),
            *completeness.make_moved_findings(evidence),
            *replays.make_findings(evidence.replay),
            *_find_measured(evidence, policy, level_policy, standing, fallen),
            *([remarks.make_constant_finding(constant)] if constant is not None else []),
            *remarks.find_remarks(evidence, comparisons, standing, policy),
            *findings,
        )
    decision, exit_code = _conclude_gate(findings)
    kept = recorded_findings.find_finding(evidence, exit_code)
    if kept is not None:
        findings = (kept, *findings)
        decision, exit_code = _conclude_gate(findings)
    requirements: tuple[Requirement, ...] = ()
    if exit_code.lets_merge and not passed_before:
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
    """Yield the findings on measurements and missing results.

    Only the missing results are reported where a fault of the version prevented every request.
    """
    incomplete = completeness.make_findings(evidence, standing, policy)
    if evidence.level is not None and evidence.level.findings and not evidence.results:
        yield from incomplete
        return
    checked = [blocking.make_finding(r, evidence) for r in standing.blocking if _is_shown(r, standing)]
    yield from (one for one in checked if one.decision is not Verdict.PASS)
    yield from incomplete
    yield from (one for one in checked if one.decision is Verdict.PASS)
    yield from standing.checked
    named = {one.criterion for one in incomplete}
    for ruling in standing.rulings:
        if len(ruling.paired.cases) or ruling.limit.criterion not in named:
            yield make_finding(ruling, policy, level_policy, standing.look, _find_missing(ruling, standing))
    yield from _make_broken_findings(evidence, standing)
    yield from tags.make_findings(fallen)
    yield from _find_deciding(evidence, standing)


def _find_missing(ruling: ThresholdRuling, standing: looks.GateState) -> str:
    """Return the reasons why cases are missing from a ruling's numbers, after a semicolon."""
    return left_out.explain(
        ruling.limit.criterion,
        ruling.paired,
        standing.draws,
        standing.roles,
        with_baseline=ruling.paired.differences is not None,
    )


def _is_shown(ruling: blocking.BlockingRuling, standing: looks.GateState) -> bool:
    """Return whether a blocking check gets a finding; the implicit one does only where an answer is missing."""
    check = ruling.check
    if check.criterion in standing.roles.declared or check.decision is not Verdict.PASS:
        return True
    return bool(check.failed or check.baseline_failed)


def _make_undecided(
    evidence: Evidence,
    thresholds: Mapping[str, Threshold],
    policy: Policy,
    level_policy: LevelPolicy,
    standing: looks.GateState,
) -> GateReport:
    """Return the report of a shard, which has no verdict of its own, or of a part, which never becomes one."""
    done = (
        f"{len({result.case for result in evidence.results})} of {show_count(evidence.dataset.cases, 'case')} were run"
    )
    if evidence.shard is not None:
        what = f"Shard {evidence.shard.number} of {evidence.shard.of}"
        sentence = f"{what}: {done}; `evalgate merge` gives the verdict of all shards."
    else:
        sentence = f"Part of the cases: {done}; `evalgate run` on all cases gives the verdict."
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
        findings=(completeness.make_incomplete_finding(None, sentence, ()),),
        requirements=(),
        units=standing.units,
    )


def combine_verdicts(gates: Sequence[GateReport]) -> tuple[Verdict, Admission]:
    """Return the decision and exit code of all gates together: the most severe of each. No gate is a PASS."""
    code = combine_admissions(gate.exit_code for gate in gates)
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if any(gate.decision is verdict for gate in gates):
            return verdict, code
    return Verdict.PASS, code


def conclude(gates: Sequence[GateReport], policy_changes: Sequence[PolicyChange]) -> tuple[Verdict, Admission]:
    """Return the decision and exit code of a report without a sign-off; a PASS awaits one if the policy is edited."""
    decision, code = combine_verdicts(gates)
    return decision, Admission.AWAITING_SIGN_OFF if code.lets_merge and policy_changes else code


def apply_sign_off(report: Report, given: SignOff) -> Report:
    """Return the report with a person's sign-off, after which the change can merge.

    Raises ValueError if the report does not await a sign-off, or if the sign-off was given for other content.
    """
    if not report.exit_code.awaits_sign_off:
        raise ValueError("the report does not wait for a sign-off")
    if given.subject != sign_off.digest_subject(report):
        raise ValueError("the sign-off was given for other content")
    gates = tuple(meet_requirement(gate) for gate in report.gates)
    return replace(report, gates=gates, exit_code=Admission.PASS, sign_off=given)


def meet_requirement(gate: GateReport) -> GateReport:
    """Return a gate that awaits a sign-off with the requirement met; any other gate is unchanged."""
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
    """Return the comparison of a criterion as of the look that decided it.

    This is the look at which all its limits had passed, or else the last one.
    """
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
    """Return the tags on which a criterion with an allowed drop fell; other criteria are not compared."""
    names = {ruling.limit.criterion for ruling in standing.rulings if ruling.limit.kind == "max_drop"}
    pairs = {name: paired for name, paired in standing.pairs.items() if name in names}
    return tags.find_falls(evidence, pairs, alpha=policy.alpha, blocking=policy.blocking_tags)


def _make_broken_findings(evidence: Evidence, standing: looks.GateState) -> list[Finding]:
    """Return findings on broken cases: too many on one criterion, or a critical one, regardless of the mean."""
    found = []
    watched = standing.roles.watched
    sure = [s for s in standing.critical if s.sure]
    for name in watched:
        broken = tuple(dict.fromkeys(s.case for s in sure if s.criterion == name))
        if broken:
            when = "in every draw" if watched[name] > 1 else "although the check is strict"
            sentence = f"{name}: held in every stored sample, and now fails {when}: {completeness.name_cases(broken)}."
            found.append(_make_turned_finding(name, Verdict.FAIL, sentence, broken))
    sure = [s for s in sure if s.criterion not in watched]
    critical = tuple(dict.fromkeys(s.case for s in sure))
    if critical:
        criteria = ", ".join(dict.fromkeys(s.criterion for s in sure))
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
        turned = show_count(len(cases), "case")
        named = completeness.name_cases(cases)
        sentence = (
            f"{turned} changed from pass to fail, with too few draws to decide ({criteria}): {named}. "
            "More draws of each would show whether it is broken."
        )
        found.append(_make_turned_finding(None, Verdict.INCONCLUSIVE, sentence, cases))
    return found


def _make_too_many_finding(criterion: str, broken: Sequence[str], standing: looks.GateState) -> str:
    """Return a sentence with the broken cases of a criterion and the number allowed."""
    fixed = select_kind(standing.suspects, criterion, "fixed", "settled")
    against = f", {len(fixed)} fixed" if fixed else ""
    allowed = statistics.count_allowed_broken(standing.draws.count_different(criterion))
    return (
        f"{criterion}: {show_count(len(broken), 'case is', 'cases are')} broken{against}, and at most "
        f"{allowed} more broken than fixed are allowed ({completeness.name_cases(broken)}). {_BROKEN}"
    )


def _make_turned_finding(criterion: str | None, decision: Verdict, sentence: str, cases: Sequence[str]) -> Finding:
    return Finding(
        criterion=criterion, kind="broken", decision=decision, sentence=sentence, blocks=True, cases=tuple(cases)
    )


def _find_deciding(evidence: Evidence, standing: looks.GateState) -> list[Finding]:
    """Return a finding if only absolute thresholds decide, or if no threshold does, which is inconclusive."""
    decides = bool(standing.rulings or standing.checked or standing.roles.declared)
    if not decides and all(ruling.check.decision is Verdict.PASS for ruling in standing.blocking):
        sentence = (
            "No threshold applies: make a check blocking, set a `min` for a criterion, or let the level run judges."
        )
        return [completeness.make_incomplete_finding(None, sentence, ())] if evidence.criteria else []
    if evidence.baseline is not None:
        return []
    sentence = "There is no baseline: the absolute thresholds alone decide."
    return [Finding(criterion=None, kind="no_baseline", decision=Verdict.PASS, sentence=sentence, blocks=False)]


def _count(evidence: Evidence, comparisons: Sequence[Comparison], standing: looks.GateState) -> Counts:
    """Count expected, decided and missing scores; outputs that a judge is not asked about do not count."""
    pairs = [standing.pairs[comparison.criterion] for comparison in comparisons if comparison.criterion != ANSWERED]
    have = {result.case for result in evidence.results}
    expected, missing = -sum(len(paired.left_out) for paired in pairs), 0
    for criterion in evidence.criteria:
        if criterion.name != ANSWERED:
            excluded = frozenset(criterion.excluded)
            expected += sum(case not in excluded for case in standing.seen)
            missing += sum(case not in have and case not in excluded for case in standing.seen)
    undecided = sum(len(paired.undecided) for paired in pairs)
    return Counts(
        expected=expected,
        decided=max(0, expected - max(undecided, missing)),
        failures=sum(result.failure is not None for result in _join_all(evidence)),
        unscored=sum(
            standing.roles.is_unscored(name, result.values, result.case)
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
    """Return the verdict under the requirements of the change level, or the strictest ones where there is no level."""
    return decide(evidence, thresholds, rules, find_level_policy(evidence, rules), measured)


def find_level_policy(evidence: Evidence, rules: Policy) -> LevelPolicy:
    return rules.levels[evidence.level.effective] if evidence.level else STRICT_LEVEL
