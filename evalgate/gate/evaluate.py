"""Evaluate plans: score each trial's answer, and run a plan in interim analyses until its verdict is clear."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from threading import Timer

from evalgate.decide import evidence as evidences
from evalgate.decide import looks, policy, roles, schedule, statistics
from evalgate.domain import (
    ANSWERED,
    Arm,
    Calls,
    Check,
    Config,
    Evidence,
    Failure,
    GatePlan,
    GateReport,
    Outcome,
    Output,
    ReportKind,
    Request,
    Result,
    Score,
    Scored,
    Target,
    Trial,
    Unscored,
    Usage,
    answered,
    applies,
)
from evalgate.domain.reasoning import strip_reasoning
from evalgate.domain.report_criteria import find_excluded
from evalgate.execute.engine import Engine
from evalgate.gate import adapted_targets, case_inputs, prompt_change
from evalgate.gate.judging import ask_judges
from evalgate.gate.reply_watch import ReplyWatch
from evalgate.gate.unanswered_draws import Asking, ask_target
from evalgate.plan.gate_plan import make_fresh_trial
from evalgate.score import checks, judges
from evalgate.score.python_code import RunCode, leave_unrun
from evalgate.store.results import ResultStore

_FIRST_CALLS = 0.1  # seconds until statistics are imported: the first calls are under way, and no answer has arrived


def evaluate_plan(
    engine: Engine, plan: GatePlan, config: Config, ask: Callable[[Trial], Asking] = ask_target
) -> GateReport:
    """Return the verdict on one plan, without calls that cannot change it.

    The cases are run in batches that end at the interim analyses. After each batch, fresh samples decide the cases that
    turned from pass to fail. The run stops as soon as the verdict is clear. Checks that decide without the other cases
    still see an output for every case. A shard runs all its cases: the stop is determined when shards are merged. So
    does a part, without fresh samples. `ask` yields the request of a trial, and returns its outcome, which it may know
    without a request.
    """
    preparing = Timer(_FIRST_CALLS, statistics.prepare)
    preparing.daemon = True
    preparing.start()
    _put_stored_answers(engine, plan, config.targets)
    run = _GateRun(engine=engine, plan=plan, config=config, store=ResultStore(engine.results_file), ask=ask)
    if plan.kind in (ReportKind.SHARD, ReportKind.PART):
        run.answer(len(plan.order))
        if plan.kind is ReportKind.SHARD:
            run.settle(every=True)
        return run.decide()
    for look in schedule.plan_looks(run.evidence(), plan.gate.thresholds, config.policy):
        run.answer(look.cases)
        standing = run.settle()
        if standing.final:
            break
    if not standing.fails and standing.owes_all and standing.look.early:
        run.check_remaining_cases()
    return run.decide()


def evaluate_checks(
    engine: Engine, plan: GatePlan, config: Config, trials: Sequence[Trial], *, draw_again: bool
) -> GateReport:
    """Evaluate some trials by checks alone; no judge is called.

    Stored samples of the baseline are reused. With `draw_again`, a case in which a blocking check fails is sampled
    again on both arms until it is decided. A FAIL finding is final, regardless of the other cases; everything else is
    undecided.
    """
    alone = replace(plan, judges=())
    run = _GateRun(engine=engine, plan=alone, config=config, store=ResultStore(engine.results_file))
    run.check(trials, draw_again=draw_again)
    return run.decide()


@dataclass(slots=True, kw_only=True)
class _GateRun:
    """The state of a plan's run: results and costs so far.

    `answered` counts the plan's own trials that were run, `judged` the judgements of those run with all criteria of the
    plan, of `judgements` in all. `excluded` are the cases to which a check does not apply.
    """

    engine: Engine
    plan: GatePlan
    config: Config
    store: ResultStore
    ask: Callable[[Trial], Asking] = ask_target
    order: tuple[str, ...] = ()
    results: list[Result] = field(default_factory=list)
    confirmations: list[Result] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    answered: int = 0
    judged: int = 0
    judgements: int = 0
    calls: Calls = field(default_factory=Calls)
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    measured: looks.Measured | None = None
    watch: ReplyWatch = field(default_factory=ReplyWatch)
    excluded: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = find_excluded(self.plan.gate.checks, self.plan.dataset)
        self.excluded = {name: frozenset(cases) for name, cases in found.items()}
        self.judgements = self._count_judgements(self.plan.trials)
        self.order = schedule.order_cases(self.evidence())

    def answer(self, cases: int) -> None:
        """Run the first `cases` cases not run yet, and before the first interim analysis all critical ones."""
        trials, stored = self._select_next(cases)
        self.results += self._run(self.plan, trials)
        self.answered += len(trials)
        self.judged += self._count_judgements(trials)
        self.results += stored

    def _count_judgements(self, trials: Sequence[Trial]) -> int:
        return sum(applies(judge, trial.case) for judge in self.plan.judges for trial in trials)

    def _select_next(self, cases: int) -> tuple[list[Trial], list[Result]]:
        upto = set(self.order[:cases])
        critical = set(self.config.policy.critical_tags)
        upto.update(*(cases for tag, cases in self.plan.cases.untagged.items() if tag in critical))
        wanted = {t.case.id for t in self.plan.trials if t.case.id in upto or critical & set(t.case.tags)} - self.asked
        self.asked |= wanted
        return (
            [trial for trial in self.plan.trials if trial.case.id in wanted],
            [result for result in self.plan.stored if result.case in wanted],
        )

    def settle(self, *, every: bool = False) -> looks.GateState:
        """Draw fresh samples of cases that turned, one of each at a time, while they could change the verdict.

        With `every`, all cases that turned are sampled: part of the cases does not show which could change the verdict.
        """
        self.measured = looks.measure(self.evidence(), self.plan.gate.thresholds, self.config.policy)
        standing = self._evaluate_look()
        while wanted := standing.possible if every else standing.wanted:
            self._draw_again(wanted, self.plan)
            standing = self._evaluate_look()
        return standing

    def _draw_again(self, wanted: Sequence[looks.FreshDraw], plan: GatePlan) -> None:
        drawing = {draw.case for draw in wanted}
        cases = {trial.case.id: trial.case for trial in self.plan.trials if trial.case.id in drawing}
        last: dict[tuple[str, Arm], int] = {}
        for result in chain(self.results, self.confirmations):
            if result.case in drawing:
                last[result.case, result.arm] = max(result.repeat, last.get((result.case, result.arm), -1))
        trials = [
            make_fresh_trial(
                self.plan, cases[draw.case], draw.arm, last.get((draw.case, draw.arm), -1) + 1, self.config.targets
            )
            for draw in wanted
        ]
        before = self.calls
        self.confirmations += self._run(plan, trials)
        self.calls = replace(
            self.calls, confirming=self.calls.confirming + _count_paid(self.calls) - _count_paid(before)
        )

    def check_remaining_cases(self) -> None:
        """Run the candidate on all cases that were not run, for the checks alone; no judge is called.

        The baseline's stored samples are used. Where none are stored, the baseline is run only on cases in which the
        candidate fails a check, so that the candidate is not blamed for failures that both versions have.
        """
        checks_alone = replace(self.plan, judges=())
        rest = [t for t in self.plan.trials if t.case.id not in self.asked]
        candidate = [trial for trial in rest if trial.arm is Arm.CANDIDATE and trial.repeat == 0]
        answers = self._run(checks_alone, candidate)
        failing = {result.case for result in answers if self._fails_a_check(result)}
        baseline = [trial for trial in rest if trial.arm is Arm.BASELINE and trial.case.id in failing]
        self.results += [*answers, *self._run(checks_alone, baseline)]
        self.results += [result for result in self.plan.stored if result.case not in self.asked]
        self.asked |= {trial.case.id for trial in rest}
        self.answered += len(candidate) + len(baseline)
        self.measured = looks.measure(self.evidence(), self.plan.gate.thresholds, self.config.policy)
        while wanted := self._evaluate_look().wanted:
            self._draw_again(wanted, checks_alone)

    def check(self, trials: Sequence[Trial], *, draw_again: bool) -> None:
        """Run these trials; with `draw_again`, also draw fresh samples of cases whose result is still open."""
        cases = {trial.case.id for trial in trials}
        self.results += self._run(self.plan, trials) if trials else []
        self.results += [result for result in self.plan.stored if result.case in cases]
        if draw_again:
            known = {result.case for result in self.results if result.arm is Arm.BASELINE}
            failing = {r.case for r in self.results if r.arm is Arm.CANDIDATE and self._fails_a_check(r)} - known
            baseline = [t for t in self.plan.trials if t.arm is Arm.BASELINE and t.case.id in failing]
            self.results += self._run(self.plan, baseline)
        self.measured = looks.measure(self.evidence(), self.plan.gate.thresholds, self.config.policy)
        while draw_again and (wanted := self._evaluate_look().wanted):
            self._draw_again(wanted, self.plan)

    def _fails_a_check(self, result: Result) -> bool:
        known = result.values
        return any(
            (known.get(name) or 0.0) < statistics.CASE_PASSES and result.case not in self.excluded.get(name, ())
            for name in list_blocking_checks(self.plan)
        )

    def decide(self) -> GateReport:
        """Return the verdict on the results so far, with the prompt's change and the inputs that a report may show."""
        gate = policy.decide_at_level(self.evidence(), self.plan.gate.thresholds, self.config.policy, self.measured)
        gate = prompt_change.add_prompt_change(gate, self.plan)
        return case_inputs.add_inputs(gate, self.plan, self.config.targets)

    def evidence(self) -> Evidence:
        trials = len(self.plan.trials)
        stopped = trials - self.answered + self.judgements - self.judged
        calls = replace(self.calls, saved=self.calls.saved + stopped, stopped=stopped)
        targets = adapted_targets.add_learned(self.config.targets, self.engine)
        adapted = adapted_targets.describe(self.plan, targets)
        made = evidences.make_evidence(
            replace(self.plan, notes=(*self.plan.notes, *adapted)) if adapted else self.plan,
            targets,
            results=self.results,
            confirmations=self.confirmations,
            calls=calls,
            usage=self.usage,
            cost_usd=self.cost_usd,
        )
        return replace(made, answering=adapted_targets.digest_answering(self.plan, targets))

    def _evaluate_look(self) -> looks.GateState:
        return looks.evaluate_look(self.evidence(), self.plan.gate.thresholds, self.config.policy, self.measured)

    def _run(self, plan: GatePlan, trials: Sequence[Trial]) -> list[Result]:
        done = self.engine.run(trials, partial(self._evaluate, plan))
        self.calls = replace(
            self.calls,
            made=self.calls.made + done.calls.made,
            cached=self.calls.cached + done.calls.cached,
            saved=self.calls.saved + done.calls.saved,
        )
        self.usage += done.usage
        self.cost_usd = None if self.cost_usd is None or done.cost_usd is None else self.cost_usd + done.cost_usd
        return done.results

    def _evaluate(self, plan: GatePlan, trial: Trial) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
        args = (plan, trial, self.config.targets, self.watch, self.ask)
        return self.store.put(
            (yield from evaluate_trial(*args, run_code=self.engine.run_code, renews=self.engine.endpoints))
        )


def _count_paid(calls: Calls) -> int:
    return calls.made + calls.cached


def evaluate_trial(
    plan: GatePlan,
    trial: Trial,
    targets: Mapping[str, Target],
    watch: ReplyWatch,
    ask: Callable[[Trial], Asking] = ask_target,
    *,
    run_code: RunCode = leave_unrun,
    renews: Collection[str] = (),
) -> Generator[Sequence[Request], Sequence[Outcome], Result]:
    """Evaluate one trial from its answer to its scores. Yields requests; the engine sends the outcomes back, in order.

    Checks and judges take part if they apply to the case. Judges are called only for outputs that pass every blocking
    check. A judge's request does not name the arm, so equal outputs share one answer. `ask` yields the trial's own
    request, and returns its outcome. An unreadable reply is requested once more, and in later runs from the targets in
    `renews`; else it counts as unscored. `run_code` runs the checks that are code. Raise ServiceError when `watch` has
    seen too many of them.
    """
    gate = plan.gate
    target = targets[gate.candidate_target if trial.arm is Arm.CANDIDATE else gate.baseline_target]
    outcome = yield from ask(trial)
    if target.strip_reasoning:
        outcome = strip_reasoning(outcome)
    scores: dict[str, Scored] = {
        check.name: _score_check(check, trial, outcome, gate.covers_calls, run_code)
        for check in gate.checks
        if applies(check, trial.case)
    }
    scores[ANSWERED] = answered.score_answered(outcome, gate.cut_answers)
    replies: dict[str, tuple[Outcome, ...]] = {}
    why_not = _explain_not_judged([name for name in list_blocking_checks(plan) if name in scores], scores, outcome)
    asked = tuple(judge for judge in plan.judges if applies(judge, trial.case))
    if why_not is not None:
        scores |= {judge.name: Unscored(reason=why_not) for judge in asked}
    elif isinstance(outcome, Output):
        found = yield from ask_judges(plan, trial, outcome, asked=asked, targets=targets, watch=watch, renews=renews)
        scores |= found.scores
        replies = found.replies
    return Result(
        case=trial.case.id,
        arm=trial.arm,
        repeat=trial.repeat,
        tags=trial.case.tags,
        outcome=outcome,
        scores=scores,
        replies=replies,
    )


def _put_stored_answers(engine: Engine, plan: GatePlan, targets: Mapping[str, Target]) -> None:
    """Add the judges' replies for stored samples to the engine, and tell it in which form these samples were drawn.

    Raise FormChangedError if the endpoint refuses that form now.
    """
    for case in plan.order[:1] if plan.stored else ():
        found = next((trial.case for trial in plan.trials if trial.case.id == case), None)
        if found is not None:
            engine.forms.on_stored_answer(make_fresh_trial(plan, found, Arm.BASELINE, 0, targets).request)
    for request, reply in list_judgements(plan, plan.stored, targets):
        engine.put(request, reply)


def list_judgements(
    plan: GatePlan, results: Iterable[Result], targets: Mapping[str, Target]
) -> Iterator[tuple[Request, Outcome]]:
    """Yield the judges' requests and replies for stored samples, so that equal outputs of both arms share scores."""
    cases = {trial.case.id: trial.case for trial in plan.trials}
    for result in results:
        output = result.outcome
        if not isinstance(output, Output):
            continue
        for judge in (judge for judge in plan.judges if applies(judge, cases[result.case])):
            for attempt, reply in enumerate(result.replies.get(judge.name, ())):
                yield (
                    judges.make_request(judge, cases[result.case], output, targets[judge.target], attempt=attempt),
                    reply,
                )


def _score_check(check: Check, trial: Trial, outcome: Outcome, covers_calls: bool, run_code: RunCode) -> Scored:
    if isinstance(outcome, Output):
        return checks.score(check, trial.case, outcome, covers_calls=covers_calls, run_code=run_code)
    return _score_failure(outcome)


def _score_failure(failure: Failure) -> Scored:
    """Score 0 for an unusable answer; leave the case undecided if the call itself failed permanently."""
    if failure.kind == "unusable":
        return Score(value=0.0, reason=failure.message)
    return Unscored(reason=failure.message)


def list_blocking_checks(plan: GatePlan) -> tuple[str, ...]:
    """Return the names of a plan's blocking checks, the implicit one last."""
    with_baseline = plan.baseline is not None
    return (
        *(
            check.name
            for check in plan.gate.checks
            if roles.is_blocking(check, plan.gate.thresholds.get(check.name), with_baseline=with_baseline)
        ),
        ANSWERED,
    )


def _explain_not_judged(blocking: Sequence[str], scores: Mapping[str, Scored], outcome: Outcome) -> str | None:
    """Return the reason why judges are not called for an output, or None if they are."""
    if isinstance(outcome, Failure):
        return f"not asked: {outcome.message}"
    for name in blocking:
        score = scores[name]
        if isinstance(score, Unscored):
            return f"not asked: the blocking check {name} is undecided: {score.reason}"
        if score.value < statistics.CASE_PASSES:
            return f"not asked: the blocking check {name} failed"
    return None
