"""`baseline`: pin a release, and draw the samples that later changes are compared with."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import evalgate
from evalgate.change import pins, production, versions
from evalgate.change.workspace import Workspace, open_workspace
from evalgate.commands import aa
from evalgate.domain import Calls, Config, Gate, GatePlan, GoldenDataset, PromptVersion, Result, StoredBaseline
from evalgate.domain.lists import name_some
from evalgate.domain.report_criteria import list_criteria
from evalgate.errors import Fault, GitError, InputError, Place, ServiceError
from evalgate.execute.engine import Engine, ProgressEvent
from evalgate.gate import engine_setup as answering
from evalgate.gate import stored_samples
from evalgate.gate.evaluate import evaluate_trial
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.gate.plans import select_gates
from evalgate.inputs import datasets, prompts
from evalgate.plan import gate_plan
from evalgate.score.criterion import validate_criterion
from evalgate.services.git import Git
from evalgate.services.git_names import shorten_name
from evalgate.store.atomic import write_file
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
    """Draws fresh samples of each gate's next baseline: every case, all checks, all judges; and stores them.

    No known answer is used, except those of the same sampling if it was interrupted. Raises InputError if no gate's
    samples can be stored; ServiceError, with the other gates stored, for gates with a failed call.
    """
    workspace = open_workspace(config_path, verify=validate_criterion)
    config = workspace.config
    chosen = select_gates(workspace, selection)
    reasons = {gate.name: stored_samples.explain_not_kept(gate, config.targets) for gate in chosen}
    skipped = tuple(f'the gate "{name}" is not sampled: {reason}' for name, reason in reasons.items() if reason)
    plans = [_plan_sampling(workspace, gate, selection.candidate) for gate in chosen if not reasons[gate.name]]
    if not plans:
        raise InputError(faults=[Fault(message=sentence) for sentence in skipped])
    fresh = datetime.timedelta(days=config.policy.baseline_max_age_days)
    begun, journal = answering.find_journal(f"baseline-{answering.compute_run_key(plans)}", machine.store, fresh)
    done: list[Sampled] = []
    failed: list[_SamplingFailure] = []
    with answering.open_engine(
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
        dataset = datasets.load_dataset(workspace.tree, gate.dataset, gate.columns)
        own = (one for one in found if one.gate == gate.name and one.parts.get("dataset") == dataset.digest)
        newest = next(own, None)
        if newest is not None:
            requests = _list_requests(workspace, gate)
            args = (gate, dataset, newest.results, workspace.config, requests)
            tried += _try_rule(*args, runs=runs, seed=seed, on_run=on_run)
    return tuple(tried)


def pin_versions(
    config_path: Path, *, by: str, gates: Sequence[str] = (), ref: str | None = None
) -> tuple[Path, tuple[pins.Pin, ...], tuple[str, ...]]:
    """Pin gates to their prompts at a commit (HEAD). Return the written file, the new pins, and warnings.

    Pinned is the content of the commit. Raises GitError without a repository or a commit; InputError if `by` is blank,
    or if no commit was named and the working tree's prompt differs from the committed one.
    """
    workspace = open_workspace(config_path, verify=None)
    git, config = workspace.git, workspace.config
    chosen = select_gates(workspace, Selection(gates=tuple(gates)))
    if git is None:
        raise GitError("a pin names a commit, and there is no git repository here", hint="git init, and commit")
    if not by.strip():
        raise InputError("--by is blank: a pin names the person who signed off the release")
    commit = git.resolve(ref or "HEAD")
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = pins.pins_path(config.path)
    made = tuple(
        pins.Pin(
            gate=gate.name,
            version=version.version,
            digest=version.digest,
            ref=commit,
            signed_off_by=by.strip(),
            at=now,
            place=Place(path=path),
        )
        for gate in chosen
        for version in [_load_committed(workspace, gate, git, commit, named=ref is not None)]
    )
    file = Path(workspace.tree.root) / path
    _write(file, pins.render({**workspace.pins, **{one.gate: one for one in made}}))
    return file, made, _warn_unmerged(git, commit)


def _load_committed(workspace: Workspace, gate: Gate, git: Git, commit: str, *, named: bool) -> PromptVersion:
    version = versions.resolve_named(gate, workspace.tree, git, commit, "--ref")
    if not named:
        here = prompts.load_prompt(workspace.tree, gate.prompt)
        if (here.digest, here.version) != (version.digest, version.version):
            message = f"the prompt is not the committed one ({version.source})"
            raise InputError(message, place=Place(path=gate.prompt), hint="commit it, or name a commit: --ref REF")
    return version


def _warn_unmerged(git: Git, commit: str) -> tuple[str, ...]:
    """Return a warning if the commit is on a branch that may be squashed and deleted."""
    try:
        default = git.default_branch()
        if git.is_ancestor(commit, default):
            return ()
    except GitError:
        return ()
    return (f"{commit[:7]} is not on {shorten_name(default)}: once its branch is deleted, the pinned commit is lost",)


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", place=Place(path=str(path))) from error


def _plan_sampling(workspace: Workspace, gate: Gate, candidate: str | None) -> GatePlan:
    """The version that the next change will be compared with.

    It is the named version, else the gate's `baseline:` file, else the pinned release, else the working tree's.
    """
    tree, config, git = workspace.tree, workspace.config, workspace.git
    if candidate is not None:
        version = versions.load_candidate(gate, tree, git, candidate)
    else:
        registry = None if git is None else production.PinsRegistry(load=lambda: workspace.pins, git=git)
        own = partial(versions.load_candidate, gate, tree, git, None)
        version = production.load_production(gate, tree, registry, own)
    dataset = datasets.load_dataset(tree, gate.dataset, gate.columns)
    return gate_plan.make_sampling_plan(gate, version, dataset, config.targets, config.policy)


def _sample_gate(
    engine: Engine, plan: GatePlan, config: Config, begun: datetime.datetime, store: Store
) -> Sampled | _SamplingFailure:
    """Store one gate's samples, or return why not: a call failed permanently, or too many draws are not answers."""
    run = engine.run(plan.trials, lambda trial: evaluate_trial(plan, trial, config.targets))
    lost = stored_samples.list_incomplete(run.results)
    if lost:
        named = name_some(lost, _NAMED)
        message = f"a call failed permanently in {len(lost)} of {len(plan.order)} cases: {named}"
        hint = "run the same command again: the answers so far are kept"
        return _SamplingFailure(fault=_make_fault(plan, message, hint), is_outage=False)
    bad = stored_samples.explain_bad_hour(run.results)
    if bad is not None:
        hint = "check the answers of the endpoint, and sample again when it works"
        return _SamplingFailure(fault=_make_fault(plan, bad, hint), is_outage=True)
    version = plan.candidate
    stored = StoredBaseline(
        gate=plan.gate.name,
        prompt=version.name,
        version=version.version,
        dataset=plan.dataset.path,
        parts=stored_samples.make_parts(plan.gate, version, plan.dataset, config.targets),
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


def _list_requests(workspace: Workspace, gate: Gate) -> Mapping[str, str]:
    """Return, for each case that shares its request with another, the first such case, under the current prompt.

    Returns an empty mapping if that prompt cannot be requested: stored samples can be tested without it.
    """
    try:
        return _plan_sampling(workspace, gate, None).requests
    except (InputError, GitError):
        return {}


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
        list_criteria(gate, gate.judges, config.targets),
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
