"""Whether a report from elsewhere is evidence on a plan: of the same content, cases, criteria and baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalgate.decide import policy
from evalgate.domain import Config, Evidence, GatePlan, Report, ReportKind
from evalgate.domain.report_criteria import list_criteria
from evalgate.gate import verdict_cache

_NOT_OF_A_CHANGE = {
    ReportKind.SHARD: "is that of a shard, which has no verdict: give the report of `evalgate merge`",
    ReportKind.DRIFT: "is of a drift check, which compares a version with itself",
    ReportKind.SCORES: "is of another tool's scores, which belong to no prompt",
}


def explain_unfit(
    report: Report, plan: GatePlan, config: Config, is_published: Callable[[str], bool] = lambda digest: False
) -> str | None:
    """Return why a report is no evidence on a plan, as what follows "the report"; None if it is.

    `config` has the adaptations of its targets that are known. The baseline is that of the plan, or a published
    version: production may have moved since. `is_published` tells the digests of those.
    """
    if report.redrawn is not None:
        return "shows answers that were drawn again after a verdict, so it decides nothing"
    found = find_evidence(report, plan)
    if found is None:
        others = ", ".join(gate.evidence.name for gate in report.gates) or "no gate"
        return f'has no gate "{plan.gate.name}": it has {others}'
    if found.kind is not ReportKind.GATE:
        return _NOT_OF_A_CHANGE[found.kind]
    if found.candidate is None or not _has_content(found, plan, config):
        other = "none" if found.candidate is None else found.candidate.digest[:12]
        return f"is of another content: digest {other}, and not {plan.candidate.digest[:12]}"
    return _explain_baseline(found, plan, is_published) or _explain_measurement(found, plan, config)


def find_evidence(report: Report, plan: GatePlan) -> Evidence | None:
    """Return the evidence of a report on the gate of a plan; None if it has none."""
    return next((gate.evidence for gate in report.gates if gate.evidence.name == plan.gate.name), None)


def bring_up_to_date(evidence: Evidence, plan: GatePlan) -> Evidence:
    """Return the evidence at the stricter of its own level and that of the plan, and with the plan's proof of a revert.

    What a report says about the level and about an earlier PASS depends on where it was made.
    """
    assert evidence.level is not None
    level = plan.level
    if level.effective < evidence.level.effective:
        level = replace(evidence.level, findings=tuple(dict.fromkeys((*evidence.level.findings, *level.findings))))
    return replace(evidence, level=level, revert=plan.revert)


def _explain_baseline(found: Evidence, plan: GatePlan, is_published: Callable[[str], bool]) -> str | None:
    baseline = None if found.baseline is None else found.baseline.digest
    now = None if plan.baseline is None else plan.baseline.digest
    if baseline == now or (baseline is not None and is_published(baseline)):
        return None
    shown = [digest[:12] if digest is not None else "none" for digest in (baseline, now)]
    return f"compares with another baseline ({shown[0]}) than the gate does now ({shown[1]})"


def _explain_measurement(found: Evidence, plan: GatePlan, config: Config) -> str | None:
    if found.dataset.digest != plan.dataset.digest:
        return f"is of other cases than {plan.dataset.path} has now"
    if plan.revert is not None and plan.revert.passed:
        return None  # it passed before, and nothing is measured
    measured = set(found.order) or {result.case for result in found.results}
    if measured != {case.id for case in plan.dataset.cases}:
        return f"does not plan all cases of {plan.dataset.path}"
    demands = policy.find_level_policy(bring_up_to_date(found, plan), config.policy)
    wanted = list_criteria(plan.gate, plan.gate.judges_at(demands), config.targets, plan.dataset)
    own = {criterion.name: criterion for criterion in found.criteria}
    other = [criterion.name for criterion in wanted if own.get(criterion.name) != criterion]
    return f"was made with other criteria than the configuration has now: {', '.join(other)}" if other else None


def _has_content(found: Evidence, plan: GatePlan, config: Config) -> bool:
    """Return whether the evidence is of the plan's candidate, or of one that has the same verdict."""
    assert found.candidate is not None
    if found.candidate.digest == plan.candidate.digest:
        return True
    keys = verdict_cache.compute_keys(plan, config, replayed=True)
    return keys is not None and found.verdict_key == keys.own
