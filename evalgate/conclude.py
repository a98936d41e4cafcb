"""The corridor's end: evidence from a run, a stored report or a scores file becomes a report with a verdict."""

from __future__ import annotations

import datetime
import difflib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import evalgate
from evalgate import criteria
from evalgate.decide import attempts, completeness, looks, policy, schedule, sign_off, soundness, statistics, wavering
from evalgate.decide.roles import roles_of
from evalgate.domain import (
    ANSWERED,
    DEFAULT_LEVELS,
    RULE,
    STRICT_LEVEL,
    Arm,
    Calls,
    Config,
    Criterion,
    DatasetRef,
    Evidence,
    Gate,
    GatePlan,
    GateReport,
    Json,
    Level,
    LevelPolicy,
    Policy,
    PolicyChange,
    PromptVersion,
    Report,
    Result,
    Score,
    ScoreRow,
    Target,
    Threshold,
    Usage,
    Verdict,
    VersionRef,
    digest,
)
from evalgate.domain.names import meant
from evalgate.errors import EvalgateError, ExitCode, Fault, InputError, Place
from evalgate.score import answered


def report_of(
    gates: Sequence[GateReport], warnings: Sequence[str] = (), policy_changes: Sequence[PolicyChange] = ()
) -> Report:
    """A new report of these gates, stamped with this moment; no gates is a pass with nothing to gate.

    Where the policy is edited, a pass waits for a sign-off, gates or none.
    """
    decision, exit_code = policy.concluded(gates, policy_changes)
    return Report(
        run_id=uuid.uuid4().hex[:12],
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        decision=decision,
        exit_code=exit_code,
        gates=tuple(gates),
        warnings=tuple(warnings),
        policy_changes=tuple(policy_changes),
    )


def not_evaluated(error: EvalgateError) -> Report:
    """The report of a run that ended before any verdict: its faults are warnings, its exit code the error's."""
    return Report(
        run_id=uuid.uuid4().hex[:12],
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        decision=Verdict.INCONCLUSIVE,
        exit_code=int(error.exit_code),
        gates=(),
        warnings=tuple(str(fault) for fault in error.faults),
    )


def unasked(plan: GatePlan, config: Config) -> GateReport:
    """What is known of a gate of which nothing was asked."""
    evidence = evidence_of(plan, config.targets, calls=Calls(), usage=Usage(), cost_usd=0.0)
    return judged(evidence, plan.gate.thresholds, config.policy)


def evidence_of(
    plan: GatePlan,
    targets: Mapping[str, Target],
    *,
    results: Sequence[Result] = (),
    confirmations: Sequence[Result] = (),
    calls: Calls,
    usage: Usage,
    cost_usd: float | None,
) -> Evidence:
    """What a run knows about one gate so far; results in the order of the plan, whatever order they came in."""
    asked = [targets[plan.gate.candidate_target], *([targets[plan.gate.baseline_target]] if plan.baseline else [])]
    return Evidence(
        name=plan.gate.name,
        level=None if plan.past else plan.level,
        candidate=_version(plan.candidate),
        baseline=None if plan.baseline is None else _version(plan.baseline),
        dataset=DatasetRef(
            path=plan.dataset.path,
            digest=plan.dataset.digest,
            cases=len(plan.dataset.cases),
            lost=plan.cases.lost,
            kept=plan.cases.kept,
            edited=plan.cases.edited,
        ),
        criteria=criteria.of_gate(plan.gate, plan.judges, targets),
        results=in_order(results, plan.order),
        order=plan.order,
        clusters={case.id: case.cluster for case in plan.dataset.cases if case.cluster is not None},
        sequential=plan.sequential,
        confirmations=in_order(confirmations, plan.order),
        redraws=all(target.kind != "recorded" for target in asked) and not _too_few_to_settle(plan),
        stored_baseline=plan.stored_baseline,
        shard=plan.shard,
        notes=(*plan.notes, *_served_differently(results)),
        calls=calls,
        usage=usage,
        cost_usd=cost_usd,
        requests=plan.requests,
        deterministic=_deterministic(plan, targets),
    )


def _deterministic(plan: GatePlan, targets: Mapping[str, Target]) -> tuple[Arm, ...]:
    """The arms that answer an equal request equally: those of the embedded model."""
    names = {Arm.CANDIDATE: plan.gate.candidate_target}
    if plan.baseline is not None:
        names[Arm.BASELINE] = plan.gate.baseline_target
    return tuple(arm for arm, name in names.items() if targets[name].kind == "local")


def _too_few_to_settle(plan: GatePlan) -> bool:
    """Whether single cases cannot be settled, since the baseline's side needs samples that can no longer be drawn."""
    return plan.past and plan.gate.baseline_samples < statistics.BASELINE_DRAWS


def in_order(results: Sequence[Result], order: Sequence[str]) -> tuple[Result, ...]:
    """Case by case as they were run, then by repeat, then by arm."""
    place = {case: number for number, case in enumerate(order)} if results else {}
    ordered = sorted(results, key=lambda result: result.arm)
    ordered.sort(key=lambda result: result.repeat)
    ordered.sort(key=lambda result: place[result.case])
    return tuple(ordered)


def wavering_cases(plan: GatePlan, config: Config) -> tuple[str, ...]:
    """The cases of which the candidate draws several samples, because the stored baseline varies on them."""
    evidence = evidence_of(plan, config.targets, calls=Calls(), usage=Usage(), cost_usd=None)
    roles = roles_of(evidence.criteria, plan.gate.thresholds, config.policy, with_baseline=plan.baseline is not None)
    return wavering.wavering_cases(plan.stored, plan.order, roles.compared)


def cases_lacking(plan: GatePlan, config: Config) -> tuple[int, str] | None:
    """How many cases a PASS needs at the least, and why those there are cannot give one.

    None where a PASS is possible, or where the level does not need one.
    """
    evidence = evidence_of(plan, config.targets, calls=Calls(), usage=Usage(), cost_usd=None)
    if _demands(evidence, config.policy).inconclusive != "block":
        return None
    return schedule.lacking(evidence, plan.gate.thresholds, config.policy)


def judged(
    evidence: Evidence, thresholds: Mapping[str, Threshold], rules: Policy, measured: looks.Measured | None = None
) -> GateReport:
    """The verdict on evidence under a policy: the level's own demands, or the strictest where no level is known."""
    return policy.decide(evidence, thresholds, rules, _demands(evidence, rules), measured)


def checked(report: Report, path: str) -> Report:
    """A stored report, when it says what its own evidence and policy lead to. Raises InputError when it does not.

    What is displayed or decided from a file never contradicts what was measured. A report of another rule cannot be
    checked so: it is decided anew by this one, and says so in a warning.
    """
    if report.rule != RULE:
        return _under_this_rule(report)
    fault = soundness.why_not(report)
    if fault is not None:
        raise InputError(fault, place=Place(path=path), hint="the file was edited: run the gate again")
    return report


def _under_this_rule(report: Report) -> Report:
    """What this rule makes of the evidence of a report of another one; no sign-off holds for that."""
    gates = []
    for gate in report.gates:
        evidence = gate.evidence
        if all(criterion.name != ANSWERED for criterion in evidence.criteria) and _has_outcomes(evidence):
            implicit = Criterion(name=ANSWERED, kind="check", blocking=True, digest=digest([ANSWERED, "fail"]))
            evidence = replace(_answered_anew(evidence, "fail"), criteria=(*evidence.criteria, implicit))
        gates.append(policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy))
    decision, exit_code = policy.concluded(gates, report.policy_changes)
    if not report.gates:  # nothing was decided: a run that broke off keeps its exit code
        decision, exit_code = report.decision, report.exit_code
    warning = f"decided by rule {report.rule} then, and by rule {RULE} here: {report.decision} became {decision}"
    return replace(
        report,
        gates=tuple(gates),
        decision=decision,
        exit_code=exit_code,
        sign_off=None,
        rule=RULE,
        warnings=(*report.warnings, *([warning] if report.gates else [])),
    )


def _has_outcomes(evidence: Evidence) -> bool:
    return any(result.served_by or result.failure or result.outcome is not None for result in evidence.results[:1])


def again(report: Report, config: Config | None, *, floors: Mapping[str, float], max_drop: float | None) -> Report:
    """A verdict from a stored report, without a model call.

    Criteria, thresholds and policy are the configuration's, else those stored in the report; `floors` and `max_drop`
    are laid over them. A criterion that is configured now and was not measured then, or was another one, leaves every
    case undecided. What was signed off stays so while candidate, dataset and policy are the same, and waits for it
    anew where they are not. The attempts that were counted then still count. Raises InputError for a criterion or a
    gate that is not there.
    """
    _refuse_unknown(floors, [c.name for gate in report.gates for c in gate.evidence.criteria])
    gates = []
    for stored in report.gates:
        evidence, thresholds, rules, demands = stored.evidence, stored.thresholds, stored.policy, stored.level_policy
        if config is not None and evidence.level is not None:
            gate = _gate_named(evidence.name, config)
            thresholds, rules = gate.thresholds, config.policy
            demands = _demands(evidence, rules)
            evidence = _under(gate, evidence, demands, config)
            # a case that was not critical then was not asked first: every case is needed now
            also_critical = set(rules.critical_tags) - set(stored.policy.critical_tags)
            if not rules.stop_early or also_critical:
                evidence = replace(evidence, sequential=False)
        names = {criterion.name for criterion in evidence.criteria}
        own = {name: floor for name, floor in floors.items() if name in names}
        thresholds, rules = _overlaid(thresholds, rules, own, max_drop)
        gates.append(policy.decide(evidence, thresholds, rules, demands))
    texts = report.texts if config is None else config.texts
    decided = attempts.applied(replace(report, gates=tuple(gates), sign_off=None, texts=texts), report.attempts)
    given = report.sign_off
    if given is None or decided.exit_code != ExitCode.AWAITING_SIGN_OFF or given.subject != sign_off.subject(decided):
        return decided
    return policy.signed(decided, given)


def from_scores(
    rows: Sequence[ScoreRow], path: str, *, floors: Mapping[str, float], max_drop: float | None, level: Level | None
) -> Report:
    """A verdict on any tool's scores. Without a level an inconclusive verdict blocks.

    A case that has no row for a criterion, an arm or a repeat between others stays undecided, so it keeps the verdict
    from being a pass.
    """
    names = tuple(dict.fromkeys(row.criterion for row in rows))
    _refuse_unknown(floors, names)
    _refuse_misspelt(rows, path)
    if max_drop is not None and not any(row.arm == Arm.BASELINE for row in rows):
        raise InputError("--max-drop compares with a baseline, but no row has one", place=Place(path=path))
    grouped: dict[tuple[str, str, int], list[ScoreRow]] = {}
    for row in rows:
        grouped.setdefault((row.case, row.arm, row.repeat), []).append(row)
    grouped |= {gap: [] for gap in completeness.missing_repeats(grouped)}
    evidence = Evidence(
        name="scores",
        level=None,
        candidate=_scores_version("candidate", rows, path),
        baseline=_scores_version("baseline", rows, path),
        dataset=DatasetRef(
            path=path,
            digest=digest(sorted({row.case for row in rows})),
            cases=len({row.case for row in rows}),
        ),
        criteria=tuple(Criterion(name=c, kind="judge", blocking=False, digest=digest(c)) for c in names),
        clusters={row.case: row.cluster for row in rows if row.cluster is not None},
        results=tuple(
            Result(
                case=case,
                arm=Arm(arm),
                repeat=repeat,
                tags=tuple(dict.fromkeys(row.tag for row in group if row.tag)),
                outcome=None,
                scores={row.criterion: Score(value=row.value) for row in group},
            )
            for (case, arm, repeat), group in grouped.items()
        ),
    )
    thresholds, rules = _overlaid({}, Policy(levels=DEFAULT_LEVELS), floors, max_drop)
    level_policy = STRICT_LEVEL if level is None else rules.levels[level]
    return report_of([policy.decide(evidence, thresholds, rules, level_policy)])


def _demands(evidence: Evidence, rules: Policy) -> LevelPolicy:
    return rules.levels[evidence.level.effective] if evidence.level else STRICT_LEVEL


def _gate_named(name: str, config: Config) -> Gate:
    for gate in config.gates:
        if gate.name == name:
            return gate
    raise InputError(
        f'the report\'s gate "{name}" is not in {config.path}', hint="name the configuration it was run with: --config"
    )


def _under(gate: Gate, evidence: Evidence, demands: LevelPolicy, config: Config) -> Evidence:
    """The evidence for the criteria as they are configured now; scores of what was another criterion are dropped."""
    wanted = criteria.of_gate(gate, gate.judges_at(demands), config.targets)
    measured = {criterion.name: criterion.digest for criterion in evidence.criteria}
    stale = {criterion.name for criterion in wanted if measured.get(criterion.name) != criterion.digest}
    evidence = replace(evidence, criteria=wanted)
    if ANSWERED in stale:
        evidence = _answered_anew(evidence, gate.cut_answers)
    stale -= {ANSWERED}
    if not stale & measured.keys():
        return evidence
    return replace(evidence, results=tuple(result.without(stale) for result in evidence.results))


def _answered_anew(evidence: Evidence, cut: Literal["fail", "allow"]) -> Evidence:
    """The evidence with whether each outcome is an answer, told from the outcomes themselves."""

    def told(results: Sequence[Result]) -> tuple[Result, ...]:
        return tuple(
            result if result.outcome is None else result.with_score(ANSWERED, answered.score(result.outcome, cut))
            for result in results
        )

    return replace(evidence, results=told(evidence.results), confirmations=told(evidence.confirmations))


def _overlaid(
    thresholds: Mapping[str, Threshold], rules: Policy, floors: Mapping[str, float], max_drop: float | None
) -> tuple[dict[str, Threshold], Policy]:
    laid = dict(thresholds)
    for name, floor in floors.items():
        laid[name] = replace(laid.get(name, Threshold()), minimum=floor)
    if max_drop is not None:
        laid = {name: replace(t, max_drop=max_drop) for name, t in laid.items()}
        rules = replace(rules, max_drop=max_drop)
    return laid, rules


def _refuse_unknown(floors: Mapping[str, float], known: Sequence[str]) -> None:
    for name in floors:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"the criteria are: {', '.join(sorted(set(known)))}"
            raise InputError(f'--min: no criterion is named "{name}"', hint=hint)


def _refuse_misspelt(rows: Sequence[ScoreRow], path: str) -> None:
    """A tag that is a critical one but for its spelling would make no case critical."""
    critical = Policy(levels=DEFAULT_LEVELS).critical_tags
    first = {row.tag: row.line for row in reversed(rows) if row.tag is not None and row.tag not in critical}
    faults = [
        Fault(
            message=f'the tag "{tag}" makes no case critical; did you mean "{other}"?',
            place=Place(path=path, line=line),
        )
        for tag, line in first.items()
        if (other := meant(tag, critical, slips=critical)) is not None
    ]
    if faults:
        raise InputError(faults=faults)


def _served_differently(results: Sequence[Result]) -> tuple[str, ...]:
    """A note when the endpoint names other models for one arm than for the other, as after a silent upgrade."""
    served = {arm: sorted({str(r.served_by) for r in results if r.arm is arm and r.failure is None}) for arm in Arm}
    if not all(served.values()) or served[Arm.CANDIDATE] == served[Arm.BASELINE]:
        return ()
    return tuple(f"{arm} was served by {', '.join(names)}" for arm, names in served.items())


def _version(version: PromptVersion) -> VersionRef:
    return VersionRef(name=version.name, version=version.version, digest=version.digest, source=version.source)


def _scores_version(arm: str, rows: Sequence[ScoreRow], path: str) -> VersionRef | None:
    own: list[Json] = [[row.case, row.criterion, row.repeat, row.value] for row in rows if row.arm == arm]
    return VersionRef(name=arm, version=None, digest=digest(own), source=path) if own else None
