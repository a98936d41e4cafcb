"""Find the stored samples of an accepted version that fit a plan, or the reason why none do.

Samples are drawn after the merge and never taken from the run that passed. A version passes in part by chance, so the
samples of its passing run are biased upwards. Later changes compared with them would be blocked without a cause.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import evalgate
from evalgate.decide.blocking import MAX_UNANSWERED
from evalgate.decide.statistics import CASE_PASSES
from evalgate.domain import (
    ANSWERED,
    BaselineSample,
    Config,
    Failure,
    Gate,
    GatePlan,
    GoldenDataset,
    Outcome,
    Policy,
    PromptVersion,
    Result,
    StoredBaseline,
    Target,
    Unscored,
    digest,
)
from evalgate.domain.numbers import show_count
from evalgate.domain.report_criteria import find_excluded, list_criteria, make_judge_criterion
from evalgate.errors import InputError
from evalgate.gate import adapted_targets
from evalgate.plan.target_changes import find_model
from evalgate.store.baseline_json import digest_results
from evalgate.store.baselines import list_baselines, read_baseline
from evalgate.store.store import Store

_DAY = 86_400.0
_CLOCKS_DIFFER = 1 / 24
_NAMES = {
    "target": "the target",
    "checks": "the checks",
    "judges": "the judges",
    "dataset": "the dataset",
    "samples": "the number of samples",
    "evalgate": "evalgate's version",
}

# the parts that determine the answers; the other parts only affect scores, which can be computed again
_ANSWERED_BY = ("prompt", "target", "dataset")


ASKED = "give the gate a target whose answers are kept: one of type openai or local, or a function with a `version`"
"""What mends the reasons of `explain_not_kept`."""


def explain_not_kept(gate: Gate, targets: Mapping[str, Target]) -> str | None:
    """Return the reason why samples of a gate's baseline cannot be stored, or None if they can."""
    target = targets[gate.baseline_target]
    if target.kind == "recorded":
        return f'the outputs of target "{target.name}" are recorded already'
    if target.kind == "python" and "version" not in target.options:
        return f'target "{target.name}" is a function without a `version`, so a change of it cannot be detected'
    return None


def make_parts(
    gate: Gate, version: PromptVersion, dataset: GoldenDataset, targets: Mapping[str, Target]
) -> dict[str, str]:
    """Return the digests of all parts that two samplings must share to be comparable; the policy is not one of them.

    All judges of the gate count, even those that a change level does not call. The form in which the endpoint accepts
    requests belongs to the target.
    """
    target = targets[gate.baseline_target]
    adaptations = adapted_targets.find_version_adaptations(target, version)
    return {
        "prompt": version.digest,
        "target": digest(
            [
                *target.served,
                find_model(target, version),
                *target.scored_as,
                *([list(adaptations)] if adaptations else []),
            ]
        ),
        "checks": digest([[c.name, c.digest, c.blocking] for c in list_criteria(gate, (), targets)]),
        "judges": digest(
            [[judge.name, make_judge_criterion(judge, targets[judge.target]).digest] for judge in gate.judges]
        ),
        "dataset": dataset.digest,
        "samples": digest(gate.baseline_samples),
        "evalgate": evalgate.__version__,
    }


def add_stored_samples(plan: GatePlan, config: Config, store: Store) -> GatePlan:
    """Return the plan with stored samples in place of its baseline trials, else unchanged with a note of the reason.

    There is no note if no samples were ever stored for this gate and version.
    """
    if plan.baseline is None or explain_not_kept(plan.gate, config.targets) is not None:
        return plan
    parts = make_parts(plan.gate, plan.baseline, plan.dataset, adapted_targets.add_known(config.targets, store))
    path = store.find_baseline(digest(dict(parts)))
    found = None
    try:
        found = read_baseline(path)
        why = None if found is None else _explain_unfit(found, plan, config.policy)
    except InputError as error:
        why = f"it is damaged ({error.faults[0].message})"
    if found is None and why is None:
        found = _find_closest(plan.gate, parts, store)
        if found is None:
            return plan
        why = f"it differs in {' and '.join(_list_differences(found.parts, parts))}"
    if why is not None:
        of = f" of {found.sampled_at}" if found is not None else f" {path.name}"
        note = f"the stored baseline{of} was not used, because {why}: the baseline is sampled in this run"
        return replace(plan, notes=(*plan.notes, note))
    assert found is not None
    wanted = {*(check.name for check in plan.gate.checks), *(judge.name for judge in plan.judges), ANSWERED}
    checked = tuple(f"self-check of the stored baseline: {sentence}" for sentence in found.self_check)
    return replace(
        plan,
        notes=(*plan.notes, *checked),
        trials=tuple(trial for trial in plan.trials if trial.arm != "baseline"),
        stored=tuple(_keep_criteria(result, wanted) for result in found.results),
        stored_baseline=BaselineSample(
            digest=digest_results(found), sampled_at=found.sampled_at, samples=found.samples
        ),
    )


def find_past_samples(
    gate: Gate, version: PromptVersion, dataset: GoldenDataset, config: Config, store: Store
) -> tuple[StoredBaseline | None, tuple[str, ...]]:
    """Return the newest samples, of any age, of this version's answers to these cases from the same target.

    The second value names what else has changed since ("the judges"). If there are no samples, it has the reasons.
    """
    parts = make_parts(gate, version, dataset, adapted_targets.add_known(config.targets, store))
    found, damaged = list_baselines(store)
    ageless = replace(config.policy, baseline_max_age_days=float("inf"))
    why = [f"{Path(str(error.faults[0].place)).relative_to(store.root).as_posix()} is damaged" for error in damaged]
    for one in found:
        if any(one.parts.get(part) != parts[part] for part in _ANSWERED_BY):
            continue
        unfit = explain_stale(one, ageless) or _explain_incomplete(
            one, [case.id for case in dataset.cases], one.samples
        )
        if unfit is None:
            return one, tuple(_list_differences(one.parts, parts))
        why.append(f"that of {one.sampled_at} is not used, because {unfit}")
    other = _find_closest(gate, parts, store)
    if not why and other is not None:
        differs = [
            name for name in _list_differences(other.parts, parts) if name in {_NAMES["target"], _NAMES["dataset"]}
        ]
        why.append(f"those of {other.sampled_at} differ in {' and '.join(differs)}")
    return None, tuple(why)


def explain_outage(results: Sequence[Result]) -> str | None:
    """Return the reason why samples are unusable because too many are not answers (an outage), or None."""
    failed = sum((result.values.get(ANSWERED) or 0.0) < CASE_PASSES for result in results)
    if failed <= MAX_UNANSWERED * len(results):
        return None
    return (
        f"{failed} of {show_count(len(results), 'draw')} "
        f"{'is no answer' if failed == 1 else 'are not answers'}, and {MAX_UNANSWERED:.0%} are allowed"
    )


def explain_stale(stored: StoredBaseline, policy: Policy) -> str | None:
    """Return the reason why samples are too old to compare with, or None if they are recent enough."""
    days = _count_days(stored)
    if days > policy.baseline_max_age_days:
        return f"it is {days:.1f} days old, and {policy.baseline_max_age_days:g} are allowed"
    if days < -_CLOCKS_DIFFER:
        return "its date is in the future"
    return None


def list_models(results: Iterable[Result]) -> tuple[str, ...]:
    """Return the models that answered, by the names that endpoints report; sorted."""
    return tuple(sorted({result.served_by for result in results if result.served_by is not None}))


def list_incomplete(results: Sequence[Result]) -> list[str]:
    """Return the cases with a permanently failed call, of the target or of a judge; in order, each once."""
    lost = [
        result.case
        for result in results
        if _is_failed(result.outcome) or any(_is_failed(reply[-1]) for reply in result.replies.values() if reply)
    ]
    return list(dict.fromkeys(lost))


def _explain_unfit(found: StoredBaseline, plan: GatePlan, policy: Policy) -> str | None:
    """Return the reason why samples with the right key cannot be used as the baseline, or None if they can."""
    stale = explain_stale(found, policy) or explain_outage(found.results)
    if stale is not None:
        return stale
    lacking = _explain_incomplete(found, plan.order, plan.gate.baseline_samples)
    if lacking is not None:
        return lacking
    checks = {*(check.name for check in plan.gate.checks), ANSWERED}
    judged = {judge.name for judge in plan.judges}
    excluded = find_excluded([*plan.gate.checks, *plan.judges], plan.dataset)
    for result in found.results:
        for name in sorted(checks | judged):
            if result.case in excluded.get(name, ()):
                continue
            # a missing score of a check or an uncalled judge is final; an unreadable reply may be readable next time
            asked = name in judged and name in result.replies
            if name not in result.scores or (asked and isinstance(result.scores[name], Unscored)):
                return f"case {result.case} has no score for {name}"
    return None


def _explain_incomplete(found: StoredBaseline, cases: Sequence[str], samples: int) -> str | None:
    """Return the reason why samples are not complete for these cases and this number of samples, or None."""
    have = {(result.case, result.repeat) for result in found.results}
    expected = {(case, repeat) for case in cases for repeat in range(samples)}
    if have != expected:
        return f"it holds {len(have & expected)} of {show_count(len(expected), 'sample')}"
    lost = list_incomplete(found.results)
    return f"case {lost[0]} has a failed call" if lost else None


def _find_closest(gate: Gate, parts: Mapping[str, str], store: Store) -> StoredBaseline | None:
    """Return the newest samples of this gate and this prompt that differ in another part."""
    found, _ = list_baselines(store)
    return next((one for one in found if one.gate == gate.name and one.parts.get("prompt") == parts["prompt"]), None)


def _list_differences(stored: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for part, name in _NAMES.items() if stored.get(part) != now.get(part)]


def _keep_criteria(result: Result, wanted: set[str]) -> Result:
    """Return a stored result for use in a run: marked as cached, with the scores of the present criteria only."""
    return replace(
        result,
        outcome=None if result.outcome is None else replace(result.outcome, cached=True),
        scores={name: score for name, score in result.scores.items() if name in wanted},
        replies={
            name: tuple(replace(reply, cached=True) for reply in replies)
            for name, replies in result.replies.items()
            if name in wanted
        },
    )


def _is_failed(outcome: Outcome | None) -> bool:
    return outcome is None or (isinstance(outcome, Failure) and outcome.kind == "infrastructure")


def _count_days(stored: StoredBaseline) -> float:
    then = datetime.datetime.fromisoformat(stored.sampled_at)
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds() / _DAY
