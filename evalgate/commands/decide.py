"""`decide`: a verdict from a stored report, or from the scores of any tool, without a model call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from evalgate.decide import attempts, completeness, policy, sign_off
from evalgate.decide import evidence as evidences
from evalgate.domain import (
    ANSWERED,
    DEFAULT_LEVELS,
    STRICT_LEVEL,
    Arm,
    Config,
    Criterion,
    DatasetRef,
    Evidence,
    Gate,
    Json,
    Level,
    LevelPolicy,
    Policy,
    Report,
    ReportKind,
    Result,
    Score,
    Scored,
    ScoreRow,
    Threshold,
    Unscored,
    VersionRef,
    digest,
)
from evalgate.domain.names import find_meant, suggest, suggest_closest
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import Fault, InputError, Place
from evalgate.gate.plans import require_variables
from evalgate.gate.reports import make_report

if TYPE_CHECKING:
    from evalgate.inputs.importers.given_scores import GivenScores


def decide_again(
    report: Report, config: Config | None, *, floors: Mapping[str, float], max_drop: float | None
) -> Report:
    """Decide a stored report again, without a model call.

    Criteria, thresholds and policy are the configuration's, else those stored in the report; `floors` and `max_drop`
    override them. A configured criterion that was not measured in the report, or that has changed, leaves every case
    undecided. A sign-off stays valid while candidate, dataset and policy are the same; otherwise a new one is needed.
    Earlier attempts that the report counts still count. Raises InputError for an unknown criterion or gate, for a
    report on answers that were drawn again, because a second draw decides nothing, and for one of a part of the cases.
    """
    if report.redrawn is not None:
        raise InputError(
            "the report shows answers that were drawn again after a verdict, so it decides nothing",
            hint="`evalgate run` without --redraw, --live and --no-cache returns the verdict",
        )
    if any(gate.evidence.kind is ReportKind.PART for gate in report.gates):
        raise InputError(
            "the report is of a part of the cases, which is not a gate, so it decides nothing",
            hint="`evalgate run` without --case, --tag and --first gives the verdict",
        )
    _refuse_unknown(floors, [c.name for gate in report.gates for c in gate.evidence.criteria])
    gates = []
    for stored in report.gates:
        evidence, thresholds, rules, demands = stored.evidence, stored.thresholds, stored.policy, stored.level_policy
        if config is not None and evidence.kind.is_of_change:
            gate = _find_gate(evidence.name, config)
            require_variables(config, [gate])
            thresholds, rules = gate.thresholds, config.policy
            demands = policy.find_level_policy(evidence, rules)
            evidence = _apply_criteria(gate, evidence, demands, config)
            # cases that are critical only now were not run first in the report: every case is needed
            also_critical = set(rules.critical_tags) - set(stored.policy.critical_tags)
            if not rules.stop_early or also_critical:
                evidence = replace(evidence, sequential=False)
        names = {criterion.name for criterion in evidence.criteria}
        own = {name: floor for name, floor in floors.items() if name in names}
        thresholds, rules = _overlay(thresholds, rules, own, max_drop)
        if evidence.revert is not None and (dict(thresholds), rules) != (dict(stored.thresholds), stored.policy):
            evidence = replace(evidence, revert=replace(evidence.revert, passed=""))  # it passed by other rules
        gates.append(policy.decide(evidence, thresholds, rules, demands))
    texts = report.texts if config is None else config.texts
    decided = attempts.apply_attempts(replace(report, gates=tuple(gates), sign_off=None, texts=texts), report.attempts)
    given = report.sign_off
    if given is None or not decided.exit_code.awaits_sign_off or given.subject != sign_off.digest_subject(decided):
        return decided
    return policy.apply_sign_off(decided, given)


def read_scores(
    scores: object,
    baseline: str | PathLike[str] | None = None,
    *,
    select: str | None = None,
    baseline_select: str | None = None,
    criteria: Sequence[str] = (),
    scales: Iterable[tuple[str, float, float]] = (),
) -> GivenScores:
    """Read scores from a file, a DataFrame, or mappings.

    A file may be the result file of another tool; the other arguments are for files only, see `ScoreFiles`. `scales`
    has for a criterion the values that become 0 and 1. Raises InputError with all faults, each with its row.
    """
    from evalgate.inputs import score_rows
    from evalgate.inputs.formats import dataframe, rows
    from evalgate.inputs.importers.given_scores import GivenScores, ScoreFiles, load_given_scores
    from evalgate.inputs.importers.tool_scores import ScoreChoice
    from evalgate.inputs.tree import WorkTree

    choice = ScoreChoice(criteria=tuple(criteria), scales={name: (low, high) for name, low, high in scales})
    if isinstance(scores, str | PathLike):
        files = ScoreFiles(
            scores=Path(scores),
            baseline=None if baseline is None else Path(baseline),
            select=select,
            baseline_select=baseline_select,
            choice=choice,
        )
        return load_given_scores(WorkTree(Path.cwd()), files)
    if baseline is not None or select is not None or baseline_select is not None or choice != ScoreChoice():
        raise InputError("baseline, select, criteria and scales are for files of scores")
    if dataframe.is_frame(scores):
        numbered = dataframe.list_rows(scores, "scores")
    elif isinstance(scores, Iterable) and not isinstance(scores, Mapping):
        numbered = dict(enumerate(scores, start=1))
    else:
        raise InputError(f"scores must be a file, a DataFrame or rows, not {type(scores).__name__}")
    found = score_rows.read_scores(rows.number_rows(numbered, "scores"), "scores", absent=True)
    return GivenScores(rows=found, path="scores")


def decide_scores(
    given: GivenScores, *, floors: Mapping[str, float], max_drop: float | None, level: Level | None
) -> Report:
    """Decide on the scores of any tool. Without a level an inconclusive verdict blocks.

    A case stays undecided, and so prevents a PASS, if it lacks a row for a criterion that applies to it, an arm, or a
    repeat between others, or if a row says that there is no score.
    """
    rows, path = given.rows, given.path
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
        candidate=_make_version(Arm.CANDIDATE, given),
        baseline=_make_version(Arm.BASELINE, given),
        dataset=DatasetRef(
            path=path,
            digest=digest(sorted({row.case for row in rows})),
            cases=len({row.case for row in rows}),
        ),
        criteria=tuple(_make_criterion(name, given.excluded.get(name, ())) for name in names),
        clusters={row.case: row.cluster for row in rows if row.cluster is not None},
        notes=given.notes,
        results=tuple(
            Result(
                case=case,
                arm=Arm(arm),
                repeat=repeat,
                tags=tuple(dict.fromkeys(row.tag for row in group if row.tag)),
                outcome=None,
                scores={row.criterion: _read_scored(row) for row in group},
            )
            for (case, arm, repeat), group in grouped.items()
        ),
    )
    thresholds, rules = _overlay({}, Policy(levels=DEFAULT_LEVELS), floors, max_drop)
    level_policy = STRICT_LEVEL if level is None else rules.levels[level]
    return make_report([policy.decide(evidence, thresholds, rules, level_policy)])


def read_pair(baseline: object, candidate: object, criterion: str) -> GivenScores:
    """Read the scores of both versions, as `inputs.paired_scores.read_pair` does."""
    from evalgate.inputs import paired_scores
    from evalgate.inputs.importers.given_scores import GivenScores

    return GivenScores(rows=paired_scores.read_pair(baseline, candidate, criterion), path="scores")


def explain(report: Report) -> str:
    """Return the evidence of a report as text: what a failed assertion says."""
    from evalgate.report import terminal, view

    return f"{view.verdict(report)}: {view.sentence(report)}\n\n{terminal.render(report)}"


def _make_criterion(name: str, excluded: tuple[str, ...]) -> Criterion:
    return Criterion(name=name, kind="judge", blocking=False, digest=digest(name), excluded=excluded)


def _read_scored(row: ScoreRow) -> Scored:
    return Score(value=row.value) if row.unscored is None else Unscored(reason=row.unscored)


def _find_gate(name: str, config: Config) -> Gate:
    for gate in config.gates:
        if gate.name == name:
            return gate
    raise InputError(
        f'the report\'s gate "{name}" is not in {config.path}', hint="name the configuration it was run with: --config"
    )


def _apply_criteria(gate: Gate, evidence: Evidence, demands: LevelPolicy, config: Config) -> Evidence:
    """Return the evidence for the criteria as configured now; scores of criteria that have changed are dropped."""
    measured = {criterion.name: criterion for criterion in evidence.criteria}
    now = list_criteria(gate, gate.judges_at(demands), config.targets)
    stale = {c.name for c in now if c.name not in measured or measured[c.name].digest != c.digest}
    # the conditions are the same where the digest is, so that they exclude the same cases of the report
    wanted = tuple(c if c.name in stale else replace(c, excluded=measured[c.name].excluded) for c in now)
    evidence = replace(evidence, criteria=wanted)
    if ANSWERED in stale:
        evidence = evidences.score_answers(evidence, gate.cut_answers)
    stale -= {ANSWERED}
    if not stale & measured.keys():
        return evidence
    return replace(evidence, results=tuple(result.without(stale) for result in evidence.results))


def _overlay(
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
            hint = suggest_closest(name, known, otherwise=f"the criteria are: {', '.join(sorted(set(known)))}")
            raise InputError(f'--min: no criterion is named "{name}"', hint=hint)


def _refuse_misspelt(rows: Sequence[ScoreRow], path: str) -> None:
    """Raise InputError for a tag that is a misspelt critical one: it would make no case critical."""
    critical = Policy(levels=DEFAULT_LEVELS).critical_tags
    first = {row.tag: row.line for row in reversed(rows) if row.tag is not None and row.tag not in critical}
    faults = [
        Fault(
            message=f'the tag "{tag}" makes no case critical; {suggest(other)}',
            place=Place(path=path, line=line),
        )
        for tag, line in first.items()
        if (other := find_meant(tag, critical, slips=critical)) is not None
    ]
    if faults:
        raise InputError(faults=faults)


def _make_version(arm: Arm, given: GivenScores) -> VersionRef | None:
    own: list[Json] = [
        [row.case, row.criterion, row.repeat, row.value if row.unscored is None else None]
        for row in given.rows
        if row.arm == arm
    ]
    source = given.sources.get(arm, given.path)
    return VersionRef(name=arm, version=None, digest=digest(own), source=source) if own else None
