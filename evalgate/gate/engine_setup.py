"""Set up the engine of a run: a provider for every target that the plans call, with cache and journal."""

from __future__ import annotations

import contextlib
import datetime
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from evalgate.change.workspace import PullRequest, Workspace
from evalgate.domain import Arm, Config, GatePlan, Target, digest, digest_of_all
from evalgate.domain.masking import in_force, make_mask
from evalgate.errors import Fault, GitError, InputError, Place, ServiceError
from evalgate.execute.engine import Engine, ProgressEvent
from evalgate.execute.providers.backends import Backend, BatchBackend
from evalgate.execute.providers.masked import MaskedProvider
from evalgate.execute.providers.protocol import Provider, name_embeddings
from evalgate.execute.request_forms import RequestForms
from evalgate.gate.base_code import open_code
from evalgate.gate.list_pricing import make_price
from evalgate.gate.options import CallMode, Machine
from evalgate.inputs.recorded_outputs import load_outputs
from evalgate.inputs.tree import Tree
from evalgate.mask import Mask
from evalgate.score.python_code import RunCode
from evalgate.store.journal import Journal
from evalgate.store.output_cache import Cache, read_recordings, write_recordings
from evalgate.store.store import Store

if TYPE_CHECKING:
    from evalgate.execute.providers.python_function import PythonProvider
    from evalgate.execute.providers.recorded import RecordedProvider

_STAMP = "%Y%m%dT%H%M%SZ"


@contextmanager
def open_engine(
    workspace: Workspace,
    plans: Sequence[GatePlan],
    machine: Machine,
    calls: CallMode,
    *,
    on_event: Callable[[ProgressEvent], None],
    journal: Path | None = None,
) -> Iterator[Engine]:
    """Open an engine that answers every request of the plans.

    `journal` is another file than that of a run of these very plans. With `calls.answers` "record", recordings are
    written when the engine closes without an error. With `calls.offline`, a request whose answer is not known ends the
    run with a ServiceError; with `calls.partial` that request alone fails.

    No answer, note or error of the engine, and nothing printed meanwhile, holds a secret that the configuration names.

    Raises, before a call is made, InputError for a missing key, function, model or package, for a function that sees no
    prompt where two prompts are compared, for recorded outputs that no request asks for, and for a `calls.engine` that
    no target uses; ServiceError where recordings to replay are missing, or there is no cluster.
    """
    config, run = workspace.config, compute_run_key([plan for plan in plans if plan.trials])
    machine.store.prepare()
    mask = make_mask(config, machine.environment, machine.secrets)
    machine = replace(machine, note=mask.through(machine.note))
    with ExitStack() as stack:
        stack.enter_context(mask.errors())
        stack.enter_context(in_force(mask))
        backend = _open_backend(calls, config, machine, run=run)
        setup = _EngineSetup(
            workspace=workspace, plans=plans, machine=machine, calls=calls, stack=stack, backend=backend, mask=mask
        )
        providers = setup.make_providers()
        if backend is not None:
            require_use(calls, config, plans)
            stack.callback(backend.close)
            backend.start()
        cache = None if calls.is_fresh and not calls.first_draw else Cache(machine.store.cache)
        path = journal or machine.store.find_journal(run)
        run_code = open_code(workspace, plans, machine.environment, mask, stack)
        engine = stack.enter_context(setup.make_engine(providers, cache, Journal(path), on_event, run_code))
        yield engine
        _write_recordings(config, workspace.tree, engine)  # nothing, unless answers were recorded
        if backend is not None:
            backend.finish()


def missing_keys(config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables of endpoints and of the registry that are not set; replayed targets need no key."""
    wanted = (target for target in config.targets.values() if target.kind == "openai" and target.recordings is None)
    names = dict.fromkeys(name for target in wanted for name in target.secret_variables)
    if config.release is not None:
        names |= dict.fromkeys(config.release.secret_variables)
    unset = dict.fromkeys(variable.name for target in config.targets.values() for variable in target.unset)
    return (*unset, *(name for name in names if name not in unset and not environment.get(name, "").strip()))


def apply_batch_prices(config: Config) -> Config:
    """Return the configuration with batch prices: an endpoint's are half of what a call costs."""
    from evalgate.execute.providers.batch.api import DISCOUNT, discount

    def halve(target: Target) -> Target:
        listed = None if target.list_prices is None else target.list_prices.scale(DISCOUNT)
        return replace(target, prices=discount(target.prices), list_prices=listed)

    targets = {name: halve(one) if one.kind == "openai" else one for name, one in config.targets.items()}
    return replace(config, targets=targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _EngineSetup:
    """Make the providers and the engine of a run; resources to close afterwards go on the stack."""

    workspace: Workspace
    plans: Sequence[GatePlan]
    machine: Machine
    calls: CallMode
    stack: ExitStack
    backend: Backend | None
    mask: Mask

    @property
    def config(self) -> Config:
        return self.workspace.config

    def make_providers(self) -> dict[str, Provider]:
        """Return the providers of all targets that the plans ask, by name."""
        names = {name for plan in self.plans for name in list_targets(plan)}
        targets = self.config.targets
        # the embedded model takes a while to load: report errors of other targets first
        ordered = sorted(names, key=lambda name: (targets[name].kind == "local", name))
        made = {name: self._make_provider(targets[name]) for name in ordered}
        embedding = {plan.similarity.target for plan in self.plans if plan.similarity is not None}
        made |= {name_embeddings(name): self._make_embeddings(targets[name]) for name in sorted(embedding)}
        return {name: MaskedProvider(provider, self.mask) for name, provider in made.items()}

    def make_engine(
        self,
        providers: Mapping[str, Provider],
        cache: Cache | None,
        journal: Journal,
        on_event: Callable[[ProgressEvent], None],
        run_code: RunCode,
    ) -> Engine:
        return Engine(
            providers,
            cache=cache,
            journal=journal,
            limits=self.config.limits,
            on_event=on_event,
            record=self.calls.answers == "record",
            store=self.machine.store.results,
            expected=sum(len(plan.trials) for plan in self.plans),
            mask=self.mask,
            quotes=self.config.texts == "all",
            forms=RequestForms(self.machine.store.adaptations),
            reads_cache=not self.calls.first_draw,
            price=make_price(self.config, self.calls.engine),
            run_code=run_code,
            measured=_list_measured_targets(self.plans),
        )

    def _make_provider(self, target: Target) -> Provider:
        timeout = self.config.limits.timeout
        known = self._make_without_calls(target)
        if known is not None:
            return known
        match target.kind:
            case "openai":
                return self._openai(target, timeout)
            case "recorded":
                return self._recorded(target)
            case "python":
                return self._python(target, timeout)
            case "local":
                return self._local(target, timeout)
            case _:
                assert_never(target.kind)

    def _make_without_calls(self, target: Target) -> Provider | None:
        """Return the provider of recordings or of stored answers alone, where this run makes no calls."""
        if self.calls.answers == "replay" and target.recordings is not None:
            return self._replay(target, target.recordings)
        if self.calls.offline and target.kind != "recorded":
            from evalgate.execute.providers.recorded import OfflineProvider

            return OfflineProvider(target, fatal=not self.calls.partial)
        return None

    def _make_embeddings(self, target: Target) -> Provider:
        """Return the provider of a target's embeddings; they are always asked for from this process."""
        from evalgate.execute.providers.embeddings import EmbeddingsProvider

        known = self._make_without_calls(target)
        if known is not None:
            return known
        key, headers = self._read_secrets(target)
        return EmbeddingsProvider(target, key, self.config.limits.timeout, headers=headers, mask=self.mask)

    def _read_secrets(self, target: Target) -> tuple[str | None, dict[str, str]]:
        environment = self.machine.environment
        headers = {name: environment.get(variable, "") for name, variable in target.headers.items()}
        return environment.get(target.api_key_env or ""), headers

    def _openai(self, target: Target, timeout: float) -> Provider:
        from evalgate.execute.providers.openai import OpenAIProvider

        key, headers = self._read_secrets(target)
        if self.backend is not None:
            return self.backend.provider(target, key, headers)
        return OpenAIProvider(target, key, timeout, headers=headers, mask=self.mask)

    def _replay(self, target: Target, path: str) -> Provider:
        from evalgate.execute.providers.recorded import ReplayProvider, describe_recording

        try:
            data = self.workspace.tree.read(path)
        except (GitError, InputError) as error:  # of a commit, or of the working tree
            message = f'{error.faults[0].message}; the answers of target "{target.name}" are to be read from it'
            raise ServiceError(message, place=Place(path=path), hint=describe_recording(target)) from error
        return ReplayProvider(target, read_recordings(data, path), path)

    def _recorded(self, target: Target) -> Provider:
        from evalgate.execute.providers.recorded import RecordedProvider

        provider = RecordedProvider(target, load_outputs(self.workspace.tree, target.location))
        faults = [fault for plan in self.plans for fault in _find_extra_outputs(plan, target, provider)]
        if faults:
            raise InputError(faults=faults)
        return provider

    def _python(self, target: Target, timeout: float) -> Provider:
        from evalgate.execute.providers.python_function import PythonProvider

        provider: PythonProvider
        if isinstance(self.workspace, PullRequest):
            from evalgate.gate.base_function import start_base_function

            provider = start_base_function(target, self.workspace, timeout, self.mask, self.stack)
        else:
            provider = PythonProvider(target, self.workspace.folder, timeout, self.machine.store.root, mask=self.mask)
        faults = [fault for plan in self.plans for fault in _find_unseen_prompts(plan, target, provider, self.config)]
        if faults:
            raise InputError(faults=faults)
        return provider

    def _local(self, target: Target, timeout: float) -> Provider:
        from evalgate.execute.providers import local_model
        from evalgate.execute.providers.openai import OpenAIProvider

        server = self.stack.enter_context(
            closing(local_model.start(local_model.find(target.location), self.machine.home))
        )
        return OpenAIProvider(
            target,
            None,
            timeout,
            base_url=server.base_url,
            served_by=server.fingerprint,
            concurrency=local_model.CONCURRENCY,
            mask=self.mask,
        )


def _open_backend(calls: CallMode, config: Config, machine: Machine, *, run: str) -> Backend | None:
    match calls.engine:
        case "asyncio":
            return None
        case "batch":
            from evalgate.execute.providers.batch.records import BatchRecords

            records = BatchRecords(machine.store.batches, run, only_this_run=calls.is_fresh)
            return BatchBackend(records=records, batching=config.batching, limits=config.limits, note=machine.note)
        case "ray":
            from evalgate.execute.providers.ray import RayCluster

            return RayCluster(machine.environment.get("RAY_ADDRESS"), config.limits, note=machine.note)
        case _:
            assert_never(calls.engine)


def require_use(calls: CallMode, config: Config, plans: Sequence[GatePlan]) -> None:
    """Require that a target uses the engine, and that the engine can measure what the checks need.

    A backend can only call endpoints: recordings, functions and the embedded model run in this process.
    """
    if calls.engine == "asyncio":
        return
    called = [config.targets[name] for name in sorted({name for plan in plans for name in list_targets(plan)})]
    names = {
        t.name for t in called if t.kind == "openai" and not (calls.answers == "replay" and t.recordings is not None)
    }
    if not names:
        message = f"--engine {calls.engine} has no effect: no target that is to be called is of type openai"
        raise InputError(message, hint="leave --engine out; or add --live, where recordings answer an openai target")
    if calls.engine != "batch":
        return
    faults = [
        Fault(
            message=f'gate "{plan.gate.name}": the check "{check.name}" needs seconds, and a batch does not report any',
            place=Place(path=config.path),
            hint="omit --engine batch, or remove the check",
        )
        for plan in plans
        for check in plan.gate.checks
        if check.type == "latency" and names & {plan.gate.candidate_target, plan.gate.baseline_target}
    ]
    if faults:
        raise InputError(faults=faults)


def _find_extra_outputs(plan: GatePlan, target: Target, provider: RecordedProvider) -> Iterator[Fault]:
    """Yield a fault for each arm with more recorded outputs than samples: the mean would ignore these silently."""
    names = {Arm.CANDIDATE: plan.gate.candidate_target, Arm.BASELINE: plan.gate.baseline_target}
    asked: dict[tuple[Arm, str], int] = defaultdict(int)
    for trial in plan.trials:
        if names[trial.arm] == target.name:
            asked[trial.arm, trial.case.id] += 1
    for arm in Arm:
        over = [case for (of, case), count in asked.items() if of == arm and provider.times(case) > count]
        if not over:
            continue
        more = f"; also {len(over) - 1} more case{'' if len(over) == 2 else 's'}" if len(over) > 1 else ""
        message = f"{provider.times(over[0])} outputs of case {over[0]} are recorded, {asked[arm, over[0]]} are used"
        yield Fault(
            message=f'gate "{plan.gate.name}", {arm}: {message}{more}',
            place=Place(path=target.location),
            hint=f"set `samples: {{{arm}: {max(map(provider.times, over))}}}`",
        )


def _find_unseen_prompts(plan: GatePlan, target: Target, provider: PythonProvider, config: Config) -> Iterator[Fault]:
    """Yield a fault if one function answers both arms without getting the prompt: then every edit would pass."""
    arms = {config.targets[plan.gate.candidate_target].identity, config.targets[plan.gate.baseline_target].identity}
    if provider.sees_prompt or plan.baseline is None or arms != {target.identity}:
        return
    if plan.candidate.digest != plan.baseline.digest:
        yield Fault(
            message=f'gate "{plan.gate.name}": the function {target.location} of target "{target.name}" does not get '
            "the prompt, so candidate and baseline would have the same answers",
            hint="let it take `(case, messages)`, or give the gate `target: {candidate, baseline}`",
        )


def list_targets(plan: GatePlan) -> set[str]:
    """Return the names of the targets that a plan may ask."""
    arms = {trial.arm for trial in plan.trials}
    names = {judge.target for judge in plan.judges}
    if Arm.CANDIDATE in arms:
        names.add(plan.gate.candidate_target)
    if Arm.BASELINE in arms or plan.stored:  # stored samples may still need fresh ones to confirm a case
        names.add(plan.gate.baseline_target)
    return names


def _list_measured_targets(plans: Sequence[GatePlan]) -> set[str]:
    """Return the names of the targets whose latency a check limits."""
    gates = [plan.gate for plan in plans if any(check.type == "latency" for check in plan.gate.checks)]
    return {target for gate in gates for target in (gate.candidate_target, gate.baseline_target)}


def compute_run_key(plans: Sequence[GatePlan]) -> str:
    """Return the name of the plans' journal: equal work gets the same one, so that the same command resumes it."""
    return digest(
        [
            [
                plan.gate.name,
                [judge.rubric.digest for judge in plan.judges],
                digest_of_all(trial.request.key for trial in plan.trials),
            ]
            for plan in plans
        ]
    )[:16]


def find_journal(name: str, store: Store, fresh: datetime.timedelta) -> tuple[datetime.datetime, Path]:
    """Return the start time and the journal of work of this name; work younger than `fresh` is continued.

    The time is part of the journal's name, so that resumed answers keep their true age.
    """
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    for path in reversed(store.list_journals(f"{name}-*Z")):
        with contextlib.suppress(ValueError):
            then = datetime.datetime.strptime(path.stem.rpartition("-")[2], _STAMP).replace(tzinfo=datetime.UTC)
            if datetime.timedelta() <= now - then <= fresh:
                return then, path
    return now, store.find_journal(f"{name}-{now.strftime(_STAMP)}")


def _write_recordings(config: Config, tree: Tree, engine: Engine) -> None:
    """Merge this run's answers into earlier recordings; writes one file for each path that targets name."""
    for path in {t.recordings for name, t in config.targets.items() if t.recordings and name in engine.recorded}:
        entries = dict(read_recordings(tree.read(path), path)) if tree.exists(path) else {}
        for name, recorded in engine.recorded.items():
            if config.targets[name].recordings == path:
                entries |= recorded
        write_recordings(Path(tree.root) / path, entries)
