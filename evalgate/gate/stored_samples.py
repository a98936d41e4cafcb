"""Which stored samples of an accepted version fit a plan, and why others do not.

They are drawn after the merge and never taken from the run that passed: a version passes in part by chance, and a
change that is compared with samples of a lucky run would be blocked without a cause.
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
from evalgate.domain.report_criteria import list_criteria, make_judge_criterion
from evalgate.errors import InputError
from evalgate.plan.target_changes import find_model
from evalgate.store.baseline_json import digest_results
from evalgate.store.baselines import list_baselines, read_baseline
from evalgate.store.store import Store

_DAY = 86_400.0
_CLOCKS_DIFFER = 1 / 24
_NAMES = {
    "target": "who answers",
    "checks": "the checks",
    "judges": "the judges",
    "dataset": "the dataset",
    "samples": "the number of samples",
    "evalgate": "evalgate's version",
}

# what says whose answers samples are: everything else is about their scores, and those can be given anew
_ANSWERED_BY = ("prompt", "target", "dataset")


def explain_not_kept(gate: Gate, targets: Mapping[str, Target]) -> str | None:
    """Why samples of a gate's baseline cannot be kept for later; None when they can."""
    target = targets[gate.baseline_target]
    if target.kind == "recorded":
        return f'the outputs of target "{target.name}" are recorded already'
    if target.kind == "python" and "version" not in target.options:
        return f'target "{target.name}" is a function without a `version`, so nobody can tell when it has changed'
    return None


def make_parts(
    gate: Gate, version: PromptVersion, dataset: GoldenDataset, targets: Mapping[str, Target]
) -> dict[str, str]:
    """The digests of all that two samplings must have in common to be comparable; the policy is no part of it.

    All judges of the gate count, whether a change level asks them or not.
    """
    target = targets[gate.baseline_target]
    return {
        "prompt": version.digest,
        "target": digest([target.kind, target.identity, find_model(target, version)]),
        "checks": digest([[c.name, c.digest, c.blocking] for c in list_criteria(gate, (), targets)]),
        "judges": digest(
            [[judge.name, make_judge_criterion(judge, targets[judge.target]).digest] for judge in gate.judges]
        ),
        "dataset": dataset.digest,
        "samples": digest(gate.baseline_samples),
        "evalgate": evalgate.__version__,
    }


def add_stored_samples(plan: GatePlan, config: Config, store: Store) -> GatePlan:
    """The plan with the stored samples of its baseline and no trial of it; else as it was, with a note why not.

    Nothing is said where nothing was ever stored for this gate and version.
    """
    if plan.baseline is None or explain_not_kept(plan.gate, config.targets) is not None:
        return plan
    parts = make_parts(plan.gate, plan.baseline, plan.dataset, config.targets)
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
    """The newest samples, however old, of what this version answered these cases when the same target was asked.

    With them: what else has changed since, in words ("the judges"). Where there are none: sentences that say why.
    """
    parts = make_parts(gate, version, dataset, config.targets)
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


def explain_bad_hour(results: Sequence[Result]) -> str | None:
    """Why samples are those of a bad hour, of which nothing can be said later; None when they are not."""
    failed = sum((result.values.get(ANSWERED) or 0.0) < CASE_PASSES for result in results)
    if failed <= MAX_UNANSWERED * len(results):
        return None
    return f"{failed} of {len(results)} draws are no answer, and {MAX_UNANSWERED:.0%} are allowed"


def explain_stale(stored: StoredBaseline, policy: Policy) -> str | None:
    """Why samples are too old to be compared with; None while they are fresh."""
    days = _count_days(stored)
    if days > policy.baseline_max_age_days:
        return f"it is {days:.1f} days old, and {policy.baseline_max_age_days:g} are allowed"
    if days < -_CLOCKS_DIFFER:
        return "its date lies in the future"
    return None


def list_models(results: Iterable[Result]) -> tuple[str, ...]:
    """The models that answered, by the names endpoints give them; sorted."""
    return tuple(sorted({result.served_by for result in results if result.served_by is not None}))


def list_incomplete(results: Sequence[Result]) -> list[str]:
    """The cases with a call that failed for good, on the way to an answer or to a score; in order, each once."""
    lost = [
        result.case
        for result in results
        if _is_failed(result.outcome) or any(_is_failed(reply[-1]) for reply in result.replies.values() if reply)
    ]
    return list(dict.fromkeys(lost))


def _explain_unfit(found: StoredBaseline, plan: GatePlan, policy: Policy) -> str | None:
    """Why samples with the right key cannot be used as the baseline; None when they can."""
    stale = explain_stale(found, policy) or explain_bad_hour(found.results)
    if stale is not None:
        return stale
    lacking = _explain_incomplete(found, plan.order, plan.gate.baseline_samples)
    if lacking is not None:
        return lacking
    checks = {*(check.name for check in plan.gate.checks), ANSWERED}
    judged = {judge.name for judge in plan.judges}
    for result in found.results:
        for name in sorted(checks | judged):
            # what a check leaves open stays open, and so does a judge that was not asked; another may be read next time
            asked = name in judged and name in result.replies
            if name not in result.scores or (asked and isinstance(result.scores[name], Unscored)):
                return f"case {result.case} has no score for {name}"
    return None


def _explain_incomplete(found: StoredBaseline, cases: Sequence[str], samples: int) -> str | None:
    """Why it is not what so many samples of each case answered; None when it is."""
    have = {(result.case, result.repeat) for result in found.results}
    expected = {(case, repeat) for case in cases for repeat in range(samples)}
    if have != expected:
        return f"it holds {len(have & expected)} of {len(expected)} samples"
    lost = list_incomplete(found.results)
    return f"case {lost[0]} has a failed call" if lost else None


def _find_closest(gate: Gate, parts: Mapping[str, str], store: Store) -> StoredBaseline | None:
    """The newest samples of this gate and this very prompt that were made in another way."""
    found, _ = list_baselines(store)
    return next((one for one in found if one.gate == gate.name and one.parts.get("prompt") == parts["prompt"]), None)


def _list_differences(stored: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for part, name in _NAMES.items() if stored.get(part) != now.get(part)]


def _keep_criteria(result: Result, wanted: set[str]) -> Result:
    """A stored result as a run takes it over: with the scores of the criteria that are asked for now."""
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
