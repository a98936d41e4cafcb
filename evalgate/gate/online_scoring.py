"""Score answers in production by a gate's own checks and judges: with its cache, its budget and its limits.

A judge is asked as in a run of the gate. It does not learn which version gave the answer, and the texts of rows are as
untrusted as any output. Nothing of them is kept but in the cache, as the replies of judges.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalgate.change.workspace import WorkingTree, open_workspace
from evalgate.domain import (
    Arm,
    Calls,
    Case,
    ChangeLevel,
    Check,
    Config,
    Gate,
    GatePlan,
    GoldenDataset,
    Judge,
    Level,
    Outcome,
    Output,
    PromptVersion,
    Request,
    Result,
    Score,
    Scored,
    Trial,
    Unscored,
)
from evalgate.domain.numbers import show_count
from evalgate.domain.text import WITHHELD
from evalgate.errors import InputError, MissingSecretError
from evalgate.gate.evaluate import evaluate_trial
from evalgate.gate.online_criteria import digest_criterion, find_criterion, find_gate
from evalgate.gate.options import CallMode, Machine
from evalgate.gate.pipeline import refuse_committed
from evalgate.gate.reply_watch import ReplyWatch
from evalgate.gate.row_criteria import list_needed_fields
from evalgate.release.rollout.online_scores import AnswerScores, ChosenAnswers
from evalgate.release.rollout.row_texts import has_texts, read_texts
from evalgate.release.rollout.traffic_rows import load_row, read_time
from evalgate.score.criterion import validate_criterion
from evalgate.store.results_file import ResultsFile

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent

Rows = Callable[[], Iterable[bytes | str | Mapping[str, Any]]]
Steps = Generator[Sequence[Request], Sequence[Outcome], Result]
_LEVEL = ChangeLevel(declared=None, minimum=Level.MAJOR, effective=Level.MAJOR)
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringCost:
    """What scoring took, and why scores are missing, by the number of answers. `cost_usd` None: not known."""

    answers: int
    calls: Calls = field(default_factory=Calls)
    cost_usd: float | None = 0.0
    unscored: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(kw_only=True)
class OnlineScorer:
    """Scores the answers of a prompt by its gate. It is called with those that a stage has chosen.

    `open_rows` opens the rows once more: texts are read of chosen answers only. With `is_offline` no call is made, and
    an answer whose replies are not all in the cache is waiting. `last` is what the last call took; None before one.
    """

    config_path: Path
    name: str
    open_rows: Rows
    machine: Machine
    is_offline: bool = False
    on_event: Callable[[ProgressEvent], None] = lambda event: None
    last: ScoringCost | None = None

    def __call__(self, chosen: ChosenAnswers) -> AnswerScores:
        """Return the scores of the chosen answers.

        Raises ServiceError for a judge or rows that cannot be reached, and InputError for a configuration without the
        gate, a key that is not set, or a judge without prices where `max_cost_usd` is set.
        """
        if not chosen.ids:
            self.last = ScoringCost(answers=0)
            return AnswerScores()
        workspace = open_workspace(self.config_path, verify=validate_criterion, environment=self.machine.environment)
        gate = find_gate(workspace.config, self.name)
        if gate is None:
            raise InputError(
                f"{self.name}: the rollout scores answers by the gate of this name, which {self.config_path} lacks",
                hint="add the gate again, or end the rollout with `evalgate release abort`",
            )
        task = _Task(gate=gate, config=workspace.config, criteria=chosen.criteria)
        texts = ChosenTexts(self.name, chosen.ids, ResultsFile(None))
        texts.read(self.open_rows())
        results, waiting, calls, cost, warnings = (
            _score_known(task, texts, self.machine)
            if self.is_offline or not task.judges
            else self._ask(workspace, task, texts)
        )
        unscored = Counter(
            f"{name}: {score.reason}"
            for result in results
            for name, score in result.scores.items()
            if isinstance(score, Unscored)
        )
        lacking = len(chosen.ids) - len(texts)
        if lacking:
            unscored["the row was not found when the rows were read again"] = lacking
        self.last = ScoringCost(
            answers=len(chosen.ids),
            calls=calls,
            cost_usd=cost,
            unscored=dict(unscored.most_common(_NAMED)),
            warnings=warnings,
        )
        return AnswerScores(values={one.case: _list_values(one) for one in results}, waiting=frozenset(waiting))

    def _ask(self, workspace: WorkingTree, task: _Task, texts: ChosenTexts) -> _Found:
        from evalgate.gate import engine_setup

        refuse_committed(workspace, self.machine.store)
        task.require_variables()
        plan = task.make_plan()
        journal = self.machine.store.find_journal(f"online-{engine_setup.compute_run_key([plan])}")
        with engine_setup.open_engine(
            workspace, [plan], self.machine, CallMode(answers="live"), on_event=self.on_event, journal=journal
        ) as engine:
            done = engine.run(texts.list_trials(), partial(task.evaluate, texts=texts))
            engine.finish()
            return done.results, (), done.calls, done.cost_usd, (*engine.warnings, *texts.warnings)


_Found = tuple[Sequence[Result], Collection[str], Calls, float | None, tuple[str, ...]]


def describe_cost(cost: ScoringCost) -> str:
    """Describe what it took to score answers, and why scores are missing. The reasons are untrusted."""
    if not cost.answers:
        return "no answer is to be scored yet"
    dollars = "an unknown cost" if cost.cost_usd is None else f"${cost.cost_usd:.4f}"
    told = (
        f"{show_count(cost.answers, 'answer')} to score: {show_count(cost.calls.made, 'call')}, "
        f"{cost.calls.cached:,} cached, {dollars}"
    )
    missing = "; ".join(f"{count:,} without a score: {reason}" for reason, count in cost.unscored.items())
    return "; ".join(filter(None, (told, missing, *cost.warnings)))


class _Task:
    """The criteria of a gate by which answers are scored, of which some may have changed since the rollout began."""

    def __init__(self, *, gate: Gate, config: Config, criteria: Mapping[str, str]) -> None:
        self.gate = gate
        self._config = config
        self._watch = ReplyWatch()
        self._changed: dict[str, Scored] = {}
        kept: list[str] = []
        for name, known in criteria.items():
            if digest_criterion(gate, name, config.targets) == known:
                kept.append(name)
            else:
                reason = "it is another one than at the start of the rollout; abort the rollout and start it again"
                self._changed[name] = Unscored(reason=reason)
        found = [find_criterion(gate, name) for name in kept]
        # no check decides whether a judge is asked: each criterion is compared on all chosen answers
        self.checks = tuple(replace(one, blocking=False) for one in found if isinstance(one, Check))
        self.judges = tuple(one for one in found if isinstance(one, Judge))
        self._names = (*kept, *self._changed)
        self._plan = self.make_plan()

    def require_variables(self) -> None:
        """Raise MissingSecretError if a judge's target has a variable in its URL or model that is not set."""
        names = dict.fromkeys(judge.target for judge in self.judges)
        faults = [variable.fault for name in names for variable in self._config.targets[name].unset]
        if faults:
            raise MissingSecretError(faults=faults)

    def make_plan(self) -> GatePlan:
        """Return a plan without trials: what the engine needs to know of the judges."""
        gate = replace(self.gate, checks=self.checks, judges=self.judges, thresholds={})
        version = PromptVersion(name=gate.name, path=gate.prompt, source="rows", messages=())
        return GatePlan(
            gate=gate,
            candidate=version,
            baseline=None,
            dataset=GoldenDataset(path=gate.dataset, cases=()),
            level=_LEVEL,
            judges=self.judges,
            trials=(),
            order=(),
        )

    def evaluate(self, trial: Trial, *, texts: ChosenTexts) -> Steps:
        """Score one answer. A row that a criterion cannot read is unscored by it."""
        lacking: dict[str, Scored] = {}
        for judge in self.judges:
            gone = [one for one in list_needed_fields(judge) if one not in trial.case.fields]
            if gone:
                lacking[judge.name] = Unscored(reason=f'the row has no field "{gone[0]}", which the judge needs')
        plan = self._plan
        if lacking:
            plan = replace(plan, judges=tuple(one for one in self.judges if one.name not in lacking))
        try:
            found = yield from evaluate_trial(plan, trial, self._config.targets, self._watch, texts.answer)
            scores = {**self._withhold(found.scores), **lacking, **self._changed}
        except (ValueError, RecursionError):
            scores = dict.fromkeys(self._names, Unscored(reason="the row cannot be read by it"))
        kept = {name: scores[name] for name in self._names}
        return Result(case=trial.case.id, arm=trial.arm, repeat=0, tags=(), outcome=None, scores=kept)

    def _withhold(self, scores: Mapping[str, Scored]) -> Mapping[str, Scored]:
        """Return the scores without reasons, which may quote a text, unless `report.texts` lets all texts out."""
        if self._config.texts == "all":
            return scores
        return {name: Unscored(reason=WITHHELD) if isinstance(one, Unscored) else one for name, one in scores.items()}


class ChosenTexts:
    """The rows of the chosen answers, in a temporary file, so that a command that prints rows need not wait."""

    def __init__(self, name: str, ids: Mapping[str, tuple[float, str]], file: ResultsFile) -> None:
        self._name = name
        self._ids = ids
        self._file = file
        self._places: dict[str, int] = {}
        self._outputs: dict[str, Output] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._file.warnings)

    def read(self, rows: Iterable[bytes | str | Mapping[str, Any]]) -> None:
        """Find the rows. Nothing else of the rows is kept."""
        for row in rows:
            given = load_row(row) if isinstance(row, bytes | str) else row
            if isinstance(given, Mapping) and self._is_chosen(given) and given["id"] not in self._places:
                with contextlib.suppress(RecursionError):  # it stays unscored
                    line = row.decode() if isinstance(row, bytes) else json.dumps(given)
                    self._places[given["id"]] = self._file.put(line)

    def _is_chosen(self, given: Mapping[str, Any]) -> bool:
        id = given.get("id")
        known = self._ids.get(id) if type(id) is str else None
        is_row = known is not None and given.get("prompt") == self._name and has_texts(given)
        return is_row and (read_time(given.get("at")), given.get("variant")) == known

    def list_trials(self) -> Iterator[Trial]:
        """Yield a trial for each row that was found, in the order of their times, so that a budget treats arms alike.

        Its answer is the row's, and its arm is none: no criterion learns it.
        """
        for id in sorted(self._places, key=lambda one: (self._ids[one][0], one)):
            given = load_row(self._file.get(self._places[id]))
            texts = read_texts(given) if isinstance(given, Mapping) else None
            if texts is None or not isinstance(given, Mapping):
                continue
            self._outputs[id] = Output(
                text=texts.output, seconds=given.get("seconds"), cost_usd=given.get("cost_usd"), cached=True
            )
            yield Trial(case=Case(id=id, fields=texts.fields), arm=Arm.CANDIDATE, repeat=0, ask=_refuse)

    def answer(self, trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Outcome]:
        """Return the answer that production gave, without a request."""
        yield from ()
        return self._outputs.pop(trial.case.id)


def _score_known(task: _Task, texts: ChosenTexts, machine: Machine) -> _Found:
    """Score answers by checks, and by the replies that the cache has. An answer that needs another one is waiting."""
    from evalgate.execute.request_forms import RequestForms
    from evalgate.store.output_cache import Cache

    results, waiting, cached = [], [], 0
    forms = RequestForms(machine.store.adaptations)
    with closing(Cache(machine.store.cache)) as cache:
        has_cache = machine.store.cache.is_file()
        for trial in texts.list_trials():
            steps = task.evaluate(trial, texts=texts)
            try:
                asked = next(steps)
                while True:
                    batch = [cache.get(forms.adapt(one).key, one.max_age) if has_cache else None for one in asked]
                    known = [one for one in batch if one is not None]
                    if len(known) < len(batch):
                        waiting.append(trial.case.id)
                        steps.close()
                        break
                    cached += len(known)
                    asked = steps.send(known)
            except StopIteration as end:
                results.append(end.value)
    return results, waiting, Calls(cached=cached), 0.0, texts.warnings


def _list_values(result: Result) -> dict[str, float]:
    return {name: one.value for name, one in result.scores.items() if isinstance(one, Score)}


def _refuse(case: Case, repeat: int) -> Request:
    raise AssertionError("an answer of production is not asked for")
