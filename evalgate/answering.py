"""Who answers: a provider for every target a plan asks, and the engine around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from evalgate.domain import Arm, Config, GatePlan, Request, Target, digest
from evalgate.execute.cache import Cache, read_recordings, write_recordings
from evalgate.execute.engine import Engine, Event
from evalgate.execute.journal import Journal
from evalgate.execute.protocol import Provider
from evalgate.inputs.golden import load_outputs
from evalgate.inputs.tree import Tree

Answers = Literal["replay", "live", "record"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What lies around a run: secrets by variable name, the folders of store, models and configuration."""

    environment: Mapping[str, str]
    store: Path
    home: Path
    folder: Path


@contextmanager
def open_engine(
    config: Config,
    plans: Sequence[GatePlan],
    tree: Tree,
    around: Surroundings,
    *,
    answers: Answers,
    use_cache: bool,
    on_event: Callable[[Event], None],
) -> Iterator[Engine]:
    """An engine that can answer every request of the plans; with "record", recordings are written when it closes well.

    Raises InputError for a missing key, function, model or package, before anything is asked.
    """
    _prepare(around.store)
    with ExitStack() as stack:
        opening = _Opening(config=config, tree=tree, around=around, answers=answers, stack=stack)
        providers = {
            name: opening.provider(config.targets[name])
            for name in sorted({name for plan in plans for name in _targets(plan)})
        }
        fresh = answers == "record" or not use_cache
        engine = stack.enter_context(
            Engine(
                providers,
                cache=None if fresh else Cache(around.store / "cache.sqlite3"),
                journal=Journal(around.store / "journal" / f"{_run_key(plans)}.jsonl"),
                limits=config.limits,
                on_event=on_event,
                record=answers == "record",
            )
        )
        yield engine
        if answers == "record":
            _write_recordings(config, tree, engine)


def known_answers(
    config: Config, plans: Sequence[GatePlan], tree: Tree, around: Surroundings
) -> Callable[[Request], bool]:
    """Whether a request is answered without a call: by recordings, recorded outputs, or the cache."""
    recordings = {
        name: read_recordings(tree.read(path), path)
        for name in {name for plan in plans for name in _targets(plan)}
        if (path := config.targets[name].recordings) is not None
    }
    cache = Cache(around.store / "cache.sqlite3") if (around.store / "cache.sqlite3").is_file() else None

    def known(request: Request) -> bool:
        if config.targets[request.target].kind == "recorded":
            return True
        if request.target in recordings:
            return request.key in recordings[request.target]
        return cache is not None and cache.get(request.key) is not None

    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """Makes providers; what they need to have closed afterwards is on the stack."""

    config: Config
    tree: Tree
    around: Surroundings
    answers: Answers
    stack: ExitStack

    def provider(self, target: Target) -> Provider:
        from evalgate.execute.functions import PythonProvider
        from evalgate.execute.openai_provider import OpenAIProvider
        from evalgate.execute.stored import RecordedProvider, ReplayProvider

        timeout = self.config.limits.timeout
        path = target.recordings
        if self.answers == "replay" and path is not None:
            return ReplayProvider(target, read_recordings(self.tree.read(path), path), path)
        match target.kind:
            case "openai":
                return OpenAIProvider(target, self.around.environment.get(target.api_key_env or ""), timeout)
            case "recorded":
                return RecordedProvider(target, load_outputs(self.tree, target.location))
            case "python":
                return PythonProvider(target, self.around.folder, timeout)
            case "local":
                return self._local(target, timeout)
            case _:
                assert_never(target.kind)

    def _local(self, target: Target, timeout: float) -> Provider:
        from evalgate.execute import local
        from evalgate.execute.openai_provider import OpenAIProvider

        server = self.stack.enter_context(closing(local.start(local.find(target.location), self.around.home)))
        # One slot: the model answers one request at a time, and the same way every time.
        return OpenAIProvider(
            target, None, timeout, base_url=server.base_url, served_by=server.fingerprint, concurrency=1
        )


def _targets(plan: GatePlan) -> set[str]:
    arms = {trial.arm for trial in plan.trials}
    names = {judge.target for judge in plan.judges}
    if Arm.CANDIDATE in arms:
        names.add(plan.gate.candidate_target)
    if Arm.BASELINE in arms:
        names.add(plan.gate.baseline_target)
    return names


def _run_key(plans: Sequence[GatePlan]) -> str:
    """The same work has the same journal, so that an interrupted run is continued by the very same command."""
    return digest(
        [
            [
                plan.gate.name,
                [judge.rubric.digest for judge in plan.judges],
                [trial.request.key for trial in plan.trials],
            ]
            for plan in plans
        ]
    )[:16]


def _prepare(store: Path) -> None:
    """The store hides itself from git; a folder that cannot be written is reported by cache and journal."""
    ignore = store / ".gitignore"
    try:
        store.mkdir(parents=True, exist_ok=True)
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError:
        return


def _write_recordings(config: Config, tree: Tree, engine: Engine) -> None:
    """Lays this run's answers over those of earlier recordings, a file for each path that targets name."""
    for path in {t.recordings for name, t in config.targets.items() if t.recordings and name in engine.recorded}:
        entries = dict(read_recordings(tree.read(path), path)) if tree.exists(path) else {}
        for name, recorded in engine.recorded.items():
            if config.targets[name].recordings == path:
                entries |= recorded
        write_recordings(Path(tree.root) / path, entries)
