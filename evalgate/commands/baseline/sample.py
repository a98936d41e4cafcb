"""`baseline sample`: draw the samples that later changes are compared with, and test the rule on them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import evalgate
from evalgate.change import production, versions
from evalgate.change.workspace import Workspace, open_workspace
from evalgate.commands import aa
from evalgate.domain import Calls, Config, Gate, GatePlan, GoldenDataset, Result, StoredBaseline
from evalgate.domain.lists import name_some
from evalgate.domain.numbers import show_count
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import Fault, GitError, InputError, ServiceError
from evalgate.execute.engine import Engine, ProgressEvent
from evalgate.gate import adapted_targets, engine_setup, released, stored_samples
from evalgate.gate.evaluate import evaluate_trial
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.gate.plans import load_cases, require_variables, select_gates
from evalgate.gate.reply_watch import ReplyWatch
from evalgate.inputs import datasets
from evalgate.plan import gate_plan
from evalgate.score.criterion import validate_criterion
from evalgate.store.baselines import list_baselines, write_baseline
from evalgate.store.store import Store

_NAMED = 3
_QUICK = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """The samples of one gate, the file that stores them, and their calls and cost."""

    stored: StoredBaseline
    path: Path
    cases: int
    calls: Calls
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SamplingFailure:
    """The reason why a gate's samples are not stored; `is_outage`: too many of them are not answers (an outage)."""

    fault: Fault
    is_outage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """The result of sampling; `skipped` has a sentence for each gate whose samples cannot be stored."""

    gates: tuple[Sampled, ...]
    skipped: tuple[str, ...]
    warnings: tuple[str, ...]


def draw_samples(
    config_path: Path, selection: Selection, machine: Machine, on_event: Callable[[ProgressEvent], None]
) -> Sampling:
    """Draw fresh samples of each gate's next baseline: every case, all checks, all judges; and stores them.

    No known answer is used, except those of the same sampling if it was interrupted. Raises InputError if no gate's
    samples can be stored; ServiceError, with the other gates stored, for gates with a failed call.
    """
    workspace = open_workspace(config_path, verify=validate_criterion, environment=machine.environment)
    config = workspace.config
    chosen = select_gates(workspace, selection)
    require_variables(config, chosen)
    reasons = {gate.name: stored_samples.explain_not_kept(gate, config.targets) for gate in chosen}
    skipped = tuple(f'the gate "{name}" is not sampled: {reason}' for name, reason in reasons.items() if reason)
    plans = [
        _plan_sampling(workspace, gate, selection.candidate, machine.store) for gate in chosen if not reasons[gate.name]
    ]
    if not plans:
        raise InputError(faults=[Fault(message=sentence, hint=stored_samples.ASKED) for sentence in skipped])
    fresh = datetime.timedelta(days=config.policy.baseline_max_age_days)
    begun, journal = engine_setup.find_journal(f"baseline-{engine_setup.compute_run_key(plans)}", machine.store, fresh)
    done: list[Sampled] = []
    failed: list[_SamplingFailure] = []
    with engine_setup.open_engine(
        workspace, plans, machine, CallMode(answers="live", use_cache=False), on_event=on_event, journal=journal
    ) as engine:
        for plan in plans:
            sampled = _sample_gate(engine, plan, config, begun, machine.store)
            if isinstance(sampled, Sampled):
                done.append(sampled)
            else:
                failed.append(sampled)
        if failed:
            if any(refused.is_outage for refused in failed):
                engine.finish()  # drop the journal: answers of an outage are requested again, cut answers too
            raise ServiceError(faults=[refused.fault for refused in failed])
        engine.finish()
        warnings = engine.warnings
    return Sampling(gates=tuple(done), skipped=skipped, warnings=warnings)


def check_rule(
    config_path: Path, store: Store, *, runs: int, seed: int, on_run: Callable[[], None]
) -> tuple[aa.Tried, ...]:
    """Test the rule on each gate's newest stored samples of the current dataset; empty if nothing is stored."""
    workspace = open_workspace(config_path, verify=None)
    found, _ = list_baselines(store)
    tried: list[aa.Tried] = []
    for gate in workspace.config.gates:
        dataset, requests = _load_current(workspace, gate, store)
        own = (one for one in found if one.gate == gate.name and one.parts.get("dataset") == dataset.digest)
        newest = next(own, None)
        if newest is not None:
            args = (gate, dataset, newest.results, workspace.config, requests)
            tried += _try_rule(*args, runs=runs, seed=seed, on_run=on_run)
    return tuple(tried)


def _plan_sampling(workspace: Workspace, gate: Gate, candidate: str | None, store: Store) -> GatePlan:
    """Plan the version that the next change will be compared with.

    It is the named version, else the gate's `baseline:` file, else the registry's or the pinned release, else the
    working tree's.
    """
    tree, config, git = workspace.tree, workspace.config, workspace.git
    if candidate is not None:
        version = versions.load_candidate(gate, tree, git, candidate)
    else:
        finder = released.make_finder(config, workspace.folder, store)
        registry = None if git is None else production.ProductionVersions(find=finder or workspace.pins.get, git=git)
        own = partial(versions.load_candidate, gate, tree, git, None)
        version = production.load_production(gate, tree, registry, own)
    dataset = load_cases(tree, gate, [version], config)
    return gate_plan.make_sampling_plan(gate, version, dataset, config.targets, config.policy)


def _sample_gate(
    engine: Engine, plan: GatePlan, config: Config, begun: datetime.datetime, store: Store
) -> Sampled | _SamplingFailure:
    """Store one gate's samples, or return why not: a call failed permanently, or too many draws are not answers."""
    watch = ReplyWatch()
    run = engine.run(
        plan.trials,
        lambda trial: evaluate_trial(
            plan, trial, config.targets, watch, run_code=engine.run_code, renews=engine.endpoints
        ),
    )
    lost = stored_samples.list_incomplete(run.results)
    if lost:
        named = name_some(lost, _NAMED)
        message = f"a call failed permanently in {len(lost)} of {show_count(len(plan.order), 'case')}: {named}"
        hint = "run the same command again: the answers so far are kept"
        return _SamplingFailure(fault=_make_fault(plan, message, hint), is_outage=False)
    bad = stored_samples.explain_outage(run.results)
    if bad is not None:
        hint = "check the answers of the endpoint, and sample again when it works"
        return _SamplingFailure(fault=_make_fault(plan, bad, hint), is_outage=True)
    version = plan.candidate
    stored = StoredBaseline(
        gate=plan.gate.name,
        prompt=version.name,
        version=version.version,
        dataset=plan.dataset.path,
        parts=stored_samples.make_parts(
            plan.gate,
            version,
            plan.dataset,
            adapted_targets.add_learned(config.targets, engine),
        ),
        sampled_at=begun.isoformat(timespec="seconds"),
        tool_version=evalgate.__version__,
        served_by=stored_samples.list_models(run.results),
        results=tuple(run.results),
        self_check=tuple(
            map(
                aa.describe,
                _try_rule(plan.gate, plan.dataset, run.results, config, plan.requests, runs=_QUICK),
            )
        ),
    )
    path = write_baseline(stored, store)
    return Sampled(stored=stored, path=path, cases=len(plan.order), calls=run.calls, cost_usd=run.cost_usd)


def _make_fault(plan: GatePlan, why: str, hint: str) -> Fault:
    return Fault(message=f'the baseline of gate "{plan.gate.name}" was not stored: {why}', hint=hint)


def _load_current(workspace: Workspace, gate: Gate, store: Store) -> tuple[GoldenDataset, Mapping[str, str]]:
    """Return a gate's dataset, and the first case with the same request for each case that shares its request.

    The mapping is that of the current prompt. It is empty if the prompt cannot be requested: stored samples can be
    tested without it.
    """
    try:
        plan = _plan_sampling(workspace, gate, None, store)
    except (InputError, GitError):
        return datasets.load_dataset(workspace.tree, gate.dataset, gate.columns), {}
    return plan.dataset, plan.requests


def _try_rule(
    gate: Gate,
    dataset: GoldenDataset,
    results: Sequence[Result],
    config: Config,
    requests: Mapping[str, str],
    *,
    runs: int,
    seed: int = 1,
    on_run: Callable[[], None] = lambda: None,
) -> tuple[aa.Tried, ...]:
    return aa.try_results(
        results,
        list_criteria(gate, gate.judges, config.targets, dataset),
        gate.thresholds,
        config.policy,
        gate=gate.name,
        sequential=config.policy.stop_early,
        redraws=config.targets[gate.candidate_target].kind != "recorded",
        clusters={case.id: case.cluster for case in dataset.cases if case.cluster is not None},
        requests=requests,
        runs=runs,
        seed=seed,
        on_run=on_run,
    )
