"""`plan`: what a dataset can decide before any call: detectable drops, missing cases, calls saved by early stopping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalgate.decide import evidence as evidences
from evalgate.decide import power, schedule, statistics, thresholds
from evalgate.decide.baseline_samples import collect_samples
from evalgate.decide.roles import assign_roles
from evalgate.domain import Arm, Comparison, Config, Evidence, GatePlan, GateReport, Result, Target
from evalgate.errors import EvalgateError
from evalgate.gate import engine_setup, pipeline, reports
from evalgate.gate.known_answers import KnownAnswers, open_known_answers
from evalgate.gate.options import CallMode, Selection, open_for_run
from evalgate.gate.plans import make_plans, require_variables, select_gates
from evalgate.plan import estimate as estimates
from evalgate.plan.estimate import CallEstimate
from evalgate.store import results
from evalgate.store.store import Store

__all__ = ["CallEstimate", "PlanSummary", "Precision", "Units", "summarize_plan"]

# Used if nothing was measured: a medium spread of judges' scores, half of the largest seen on real datasets.
ASSUMED_SPREAD = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """The precision of one criterion's allowed drop (`margin`) before it is compared over `cases` independent units.

    `spread` is s_d, the standard deviation of the paired differences; `source` says where it comes from. `detectable`
    is the smallest drop that the cases reliably show, `needed` the cases that decide `margin`, `fewest` the cases below
    which no PASS is possible. `more` says if more samples of each case would help; None if the noise of one case is
    not known.
    """

    criterion: str
    margin: float
    cases: int
    spread: float
    source: str
    detectable: float
    needed: int
    fewest: int
    more: power.Forecast | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The number of independent units: cases of one cluster are one unit, and so are cases with equal requests.

    `clustered` are the cases that share one of `clusters` with another, `copies` the cases that repeat the request of
    an earlier one. `least` is how many units the mean needs to decide anything, if there are fewer; `blocks` says
    if too few units block a change of this level.
    """

    count: int
    clustered: int
    clusters: int
    copies: int
    least: int | None
    blocks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSummary:
    """The calls that a run of one plan would make, and the decisions that it could reach.

    `checks_alone`: blocking checks decide, and no mean is compared. `repeated` are the cases with more samples of the
    candidate, because the stored baseline varies there; `repeats` is the part of the calls for these samples. `full` is
    the estimate for every case, `expected` for equal versions with early stopping (the same if the run may not stop),
    `share` the part of the cases that such a run would see. `lacking`: the number of cases that a PASS needs and why
    the present ones are not sufficient, if the level requires a PASS. `similarity`: the calls for embeddings, which are
    in no other estimate.
    """

    plan: GatePlan
    units: Units
    checks_alone: bool
    repeated: tuple[str, ...]
    repeats: CallEstimate
    questions: tuple[Precision, ...]
    full: CallEstimate
    expected: CallEstimate
    share: float
    lacking: tuple[int, str] | None
    similarity: CallEstimate | None = None


def plan_run(
    config_path: Path, selection: Selection, calls: CallMode, store: Store, environment: Mapping[str, str]
) -> tuple[PlanSummary, ...]:
    """Summarize what a run would cost and could decide, gate by gate, without a call.

    A batch costs less and has one look."""
    workspace = open_for_run(config_path, selection, calls, environment=environment)
    config = workspace.config
    chosen = select_gates(workspace, selection)
    require_variables(config, chosen)
    plans = make_plans(workspace, chosen, selection, calls, store)
    embedding = config.targets  # embeddings are never part of a batch
    engine_setup.require_use(calls, config, plans)
    if calls.engine == "batch":
        plans, config = pipeline.drop_looks(plans), engine_setup.apply_batch_prices(config)
    with open_known_answers(config, plans, workspace.tree, store) as known:
        return tuple(
            replace(summarize_plan(plan, config, store, known), similarity=_estimate_similarity(plan, embedding, known))
            for plan in plans
        )


def summarize_plan(plan: GatePlan, config: Config, store: Store, known: KnownAnswers) -> PlanSummary:
    """Summarize a plan; s_d is taken from the last report in `store`, else from the baseline's scores, else assumed."""
    evidence = evidences.make_evidence(plan, config.targets)
    last = _read_last_report(store, plan)
    order = schedule.plan_looks(evidence, plan.gate.thresholds, config.policy)
    units = schedule.count_units(evidence)
    args, with_baseline = (evidence.criteria, plan.gate.thresholds, config.policy), plan.baseline is not None
    limits = thresholds.list_limits(*args, with_baseline=with_baseline)
    drops = [limit for limit in limits if limit.kind == "max_drop"]
    demands = config.policy.levels[plan.level.effective].inconclusive
    repeats = [t for t in plan.trials if t.arm is Arm.CANDIDATE and t.repeat >= plan.gate.candidate_samples]
    results = plan.stored or (last.evidence.results if last is not None else ())
    questions = tuple(
        _estimate_precision(limit, units, last, results, samples=plan.gate.candidate_samples) for limit in drops
    )
    share = 1.0
    if len(order) > 1:
        share = max(
            (power.estimate_share(spread=q.spread, cases=units, margin=q.margin) for q in questions), default=1.0
        )
    decides = schedule.decides_over_all(evidence, plan.gate.thresholds, config.policy)
    return PlanSummary(
        plan=plan,
        units=_count_units(evidence, units, least=config.policy.min_cases if limits else 0, blocks=demands != "merge"),
        checks_alone=not limits and bool(assign_roles(*args, with_baseline=with_baseline).declared),
        repeated=tuple(dict.fromkeys(trial.case.id for trial in repeats)),
        repeats=estimates.estimate_calls(
            replace(plan, trials=tuple(repeats)), config.targets, known.has, known.has_judgement
        ),
        questions=questions,
        full=_estimate_calls(plan, config.targets, known),
        expected=_expect_calls(plan, config.targets, known, share, checks=decides),
        share=share,
        lacking=pipeline.find_lacking_cases(plan, config),
    )


def _estimate_calls(plan: GatePlan, targets: Mapping[str, Target], known: KnownAnswers) -> CallEstimate:
    return estimates.estimate_calls(plan, targets, known.has, known.has_judgement)


def _estimate_similarity(plan: GatePlan, targets: Mapping[str, Target], known: KnownAnswers) -> CallEstimate | None:
    """Estimate the calls for embeddings: one for each different text of a case, and one for each answer."""
    if plan.similarity is None:
        return None
    texts = known.list_embedded(plan.similarity, plan)
    return estimates.estimate_embeddings(targets[plan.similarity.target], plan.similarity.model, texts)


def _expect_calls(
    plan: GatePlan, targets: Mapping[str, Target], known: KnownAnswers, share: float, *, checks: bool
) -> CallEstimate:
    seen = set(plan.order[: round(share * len(plan.order))])
    first = replace(plan, trials=tuple(trial for trial in plan.trials if trial.case.id in seen))
    part = _estimate_calls(first, targets, known)
    if not checks or len(seen) == len(plan.order):
        return part
    # for the remaining cases, the checks need one answer of the candidate
    rest = tuple(t for t in plan.trials if t.case.id not in seen and t.arm is Arm.CANDIDATE and t.repeat == 0)
    return part + estimates.estimate_calls(
        replace(plan, trials=rest, judges=()), targets, known.has, known.has_judgement
    )


def _count_units(evidence: Evidence, count: int, *, least: int, blocks: bool) -> Units:
    sizes = Counter(evidence.clusters.values())
    shared = [size for size in sizes.values() if size > 1]
    return Units(
        count=count,
        clustered=sum(shared),
        clusters=len(shared),
        copies=sum(case != first for case, first in evidence.requests.items()),
        least=least if count < least else None,
        blocks=blocks,
    )


def _estimate_precision(
    limit: thresholds.Limit,
    units: int,
    last: GateReport | None,
    results: Sequence[Result],
    *,
    samples: int,
) -> Precision:
    stored = [scores for scores in collect_samples(results, limit.criterion).values() if scores]
    compared = _find_comparison(last, limit.criterion)
    spread, source = ASSUMED_SPREAD, "assumed, because nothing was measured yet"
    if compared is not None and compared.deviation:
        spread, source = compared.deviation, "from the last comparison"
    elif stored:
        spread = power.estimate_spread(statistics.spread([sum(s) / len(s) for s in stored]))
        source = "estimated from the baseline's scores"
    noise = power.estimate_noise(stored)
    more = None
    if noise is not None and compared is not None and compared.difference is not None and compared.deviation:
        more = power.forecast_repeats(
            difference=compared.difference.value,
            deviation=compared.deviation,
            noise=noise,
            cases=units,
            margin=limit.value,
            baseline_samples=max(map(len, stored)),
            samples=samples,
        )
    return Precision(
        criterion=limit.criterion,
        margin=limit.value,
        cases=units,
        spread=spread,
        source=source,
        detectable=power.find_detectable_drop(spread, units),
        needed=power.count_cases_for_margin(spread, limit.value, sequential=False),
        fewest=power.count_fewest_cases(limit.value, sequential=False),
        more=more,
    )


def _read_last_report(store: Store, plan: GatePlan) -> GateReport | None:
    """Return the gate in the last run's report, if there is a valid one with the same dataset."""
    path = store.last_report
    try:
        with path.open(encoding="utf-8") as file:
            report = reports.verify_report(results.read(file, str(path), store.results), str(path))
    except (OSError, UnicodeDecodeError, EvalgateError):
        return None
    found = (gate for gate in report.gates if gate.evidence.name == plan.gate.name)
    return next((gate for gate in found if gate.evidence.dataset.digest == plan.dataset.digest), None)


def _find_comparison(last: GateReport | None, criterion: str) -> Comparison | None:
    compared = last.comparisons if last is not None else ()
    return next((comparison for comparison in compared if comparison.criterion == criterion), None)
