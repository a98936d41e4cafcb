"""Whether a report from elsewhere is evidence on a plan: of the same content, model, cases, criteria and baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evalgate.decide import policy
from evalgate.domain import Config, Evidence, GatePlan, Report, ReportKind
from evalgate.domain.report_criteria import list_criteria
from evalgate.domain.report_kind import is_merged
from evalgate.gate import adapted_targets, verdict_cache

_WITHOUT_KEY = "has no key of its verdict, which a run writes: give the file as `evalgate run` wrote it"
_NOT_OF_A_CHANGE = {
    ReportKind.SHARD: "is that of a shard, which has no verdict: give the report of `evalgate merge`",
    ReportKind.PART: "is of a part of the cases, which is not a gate: give that of `evalgate run` on all cases",
    ReportKind.DRIFT: "is of a drift check, which compares a version with itself",
    ReportKind.REPLAY: "is of a replay of rows of production, which is not a verdict of the gate",
    ReportKind.SCORES: "is of another tool's scores, which belong to no prompt",
}


def explain_unfit(
    report: Report, plan: GatePlan, config: Config, is_published: Callable[[str], bool] = lambda digest: False
) -> str | None:
    """Return why a report is not evidence on a plan, as what follows "the report"; None if it is.

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
    return (
        _explain_content(found, plan)
        or _explain_answering(found, plan, config)
        or _explain_key(report, found, plan, config)
        or _explain_baseline(found, plan, is_published)
        or _explain_measurement(found, plan, config)
    )


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


def _explain_content(found: Evidence, plan: GatePlan) -> str | None:
    """Return why a report is of another content; one whose verdict has a key may differ (`_explain_key`)."""
    digest = None if found.candidate is None else found.candidate.digest
    if digest == plan.candidate.digest or (digest is not None and found.verdict_key is not None):
        return None
    return _tell_content(found, plan)


def _tell_content(found: Evidence, plan: GatePlan) -> str:
    other = "none" if found.candidate is None else found.candidate.digest[:12]
    return f"is of another content: digest {other}, and not {plan.candidate.digest[:12]}"


def _explain_answering(found: Evidence, plan: GatePlan, config: Config) -> str | None:
    """Return why a report does not show the answers that the configuration gets now.

    The model and the parameters of a target are not part of the content, and the models of judges belong to criteria.
    """
    if plan.revert is not None and plan.revert.passed:
        return None  # nothing is measured; that it passed was on the present targets
    if found.answering is not None and found.answering != adapted_targets.digest_answering(plan, config.targets):
        what = "by another model, or with other parameters or another number of samples"
        return f"was answered {what} than the configuration says now"
    if found.answering is None and found.verdict_key is None:
        return "does not say which model answered"
    return None


def _explain_key(report: Report, found: Evidence, plan: GatePlan, config: Config) -> str | None:
    """Return why the key of a report's verdict is not that of the plan's content; None if it has no key.

    The digest of the candidate is written beside the answers. The key is computed from the content and from all else
    that the report says, so that it tells a digest that was replaced. Where runs write no key the digest alone counts.
    """
    if found.verdict_key is None:
        wanted = verdict_cache.compute_keys(plan, config, replayed=False)
        return None if wanted is None or _has_no_key(found, plan, config) else _WITHOUT_KEY
    (gate,) = (gate for gate in report.gates if gate.evidence is found)
    keys = verdict_cache.compute_reported_keys(report, gate, plan, config)
    assert found.candidate is not None
    if found.candidate.digest != plan.candidate.digest:
        same = keys is not None and found.verdict_key == keys.own
        return None if same else _tell_content(found, plan)
    if keys is not None and found.verdict_key in (keys.shown, keys.own):
        return None
    return (
        "has the verdict of something else: its key does not follow from the content, the targets and what it says "
        "about level, baseline, cases and rules"
    )


def _has_no_key(found: Evidence, plan: GatePlan, config: Config) -> bool:
    """Return whether a run may write evidence without a key, although its targets are such that verdicts are kept.

    So it does for shards, whose key would be that of the whole run, for the proof of a revert, which measures nothing,
    and with recordings, whose replay does not depend on chance.
    """
    if is_merged(found.notes) or (plan.revert is not None and plan.revert.passed):
        return True
    names = (plan.gate.candidate_target, plan.gate.baseline_target, *(judge.target for judge in plan.gate.judges))
    return any(config.targets[name].recordings is not None for name in names if name in config.targets)


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
