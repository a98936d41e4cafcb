"""The corridor's end: evidence from a run, a stored report or a scores file becomes a report with a verdict."""

from __future__ import annotations

import datetime
import difflib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

import evalgate
from evalgate.decide import policy
from evalgate.domain import (
    DEFAULT_LEVELS,
    Arm,
    Calls,
    Check,
    Config,
    Criterion,
    DatasetRef,
    Evidence,
    GatePlan,
    GateReport,
    Json,
    Judge,
    Level,
    LevelPolicy,
    Policy,
    PromptVersion,
    Report,
    Result,
    Score,
    ScoreRow,
    Threshold,
    Usage,
    VersionRef,
    digest,
)
from evalgate.errors import InputError

STRICT = LevelPolicy(judges=True, inconclusive="block")


def report_of(gates: Sequence[GateReport], warnings: Sequence[str] = ()) -> Report:
    """A new report of these gates, stamped with this moment; no gates is a pass with nothing to gate."""
    decision, exit_code = policy.overall(gates)
    return Report(
        run_id=uuid.uuid4().hex[:12],
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        decision=decision,
        exit_code=exit_code,
        gates=tuple(gates),
        warnings=tuple(warnings),
    )


def evidence_of(
    plan: GatePlan, results: Sequence[Result], *, calls: Calls, usage: Usage, cost_usd: float | None
) -> Evidence:
    """What a finished run knows about one gate; results in the order of the plan, whatever order they came in."""
    order = {(t.case.id, t.arm, t.repeat): position for position, t in enumerate(plan.trials)}
    return Evidence(
        name=plan.gate.name,
        level=plan.level,
        candidate=_version(plan.candidate),
        baseline=None if plan.baseline is None else _version(plan.baseline),
        dataset=DatasetRef(path=plan.dataset.path, digest=plan.dataset.digest, cases=len(plan.dataset.cases)),
        criteria=(*map(_check, plan.gate.checks), *map(_judge, plan.judges)),
        results=tuple(sorted(results, key=lambda r: order[r.case, r.arm, r.repeat])),
        notes=plan.notes,
        calls=calls,
        usage=usage,
        cost_usd=cost_usd,
    )


def judged(evidence: Evidence, thresholds: Mapping[str, Threshold], rules: Policy) -> GateReport:
    """The verdict on evidence under a policy: the level's own demands, or the strictest where no level is known."""
    level_policy = rules.levels[evidence.level.effective] if evidence.level else STRICT
    return policy.decide(evidence, thresholds, rules, level_policy)


def again(report: Report, config: Config | None, *, floors: Mapping[str, float], max_drop: float | None) -> Report:
    """A verdict from a stored report, without a model call.

    Thresholds and policy are the configuration's where it has a gate of that name, else those stored in the report;
    `floors` and `max_drop` are laid over them. Raises InputError for a criterion that no gate has.
    """
    _refuse_unknown(floors, [c.name for gate in report.gates for c in gate.evidence.criteria])
    current = {} if config is None else {gate.name: gate for gate in config.gates}
    gates = []
    for stored in report.gates:
        gate = current.get(stored.evidence.name)
        thresholds, rules, level_policy = stored.thresholds, stored.policy, stored.level_policy
        if gate is not None and config is not None:
            thresholds, rules = gate.thresholds, config.policy
            level_policy = rules.levels[stored.evidence.level.effective] if stored.evidence.level else STRICT
        names = {criterion.name for criterion in stored.evidence.criteria}
        own = {name: floor for name, floor in floors.items() if name in names}
        thresholds, rules = _overlaid(thresholds, rules, own, max_drop)
        gates.append(policy.decide(stored.evidence, thresholds, rules, level_policy))
    decision, exit_code = policy.overall(gates)
    return replace(report, decision=decision, exit_code=exit_code, gates=tuple(gates))


def from_scores(
    rows: Sequence[ScoreRow], path: str, *, floors: Mapping[str, float], max_drop: float | None, level: Level | None
) -> Report:
    """A verdict on any tool's scores. Without a level an inconclusive verdict blocks.

    A case that has no row for a criterion or an arm stays undecided, so it keeps the verdict from being a pass.
    """
    criteria = tuple(dict.fromkeys(row.criterion for row in rows))
    _refuse_unknown(floors, criteria)
    grouped: dict[tuple[str, str, int], list[ScoreRow]] = {}
    for row in rows:
        grouped.setdefault((row.case, row.arm, row.repeat), []).append(row)
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
        criteria=tuple(Criterion(name=c, kind="judge", blocking=False, digest=digest(c)) for c in criteria),
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
    level_policy = STRICT if level is None else rules.levels[level]
    return report_of([policy.decide(evidence, thresholds, rules, level_policy)])


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


def _version(version: PromptVersion) -> VersionRef:
    return VersionRef(name=version.name, version=version.version, digest=version.digest, source=version.source)


def _scores_version(arm: str, rows: Sequence[ScoreRow], path: str) -> VersionRef | None:
    own: list[Json] = [[row.case, row.criterion, row.repeat, row.value] for row in rows if row.arm == arm]
    return VersionRef(name=arm, version=None, digest=digest(own), source=path) if own else None


def _check(check: Check) -> Criterion:
    limit = check.options.get("p95_seconds")
    return Criterion(
        name=check.name,
        kind="check",
        blocking=check.blocking,
        digest=digest([check.type, check.negated, dict(check.options)]),
        p95_seconds=float(limit) if isinstance(limit, int | float) else None,
    )


def _judge(judge: Judge) -> Criterion:
    return Criterion(
        name=judge.name,
        kind="judge",
        blocking=False,
        digest=digest([judge.rubric.digest, judge.model, dict(judge.parameters), judge.mode]),
    )
