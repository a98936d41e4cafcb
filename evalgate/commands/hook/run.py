"""`hook run`: evaluate pushed commits before a push, as far as possible without waiting for CI.

Every commit is evaluated as if it were checked out, against its own merge base with the default branch. Only a proven
failure blocks the push. Everything that CI finds out anyway (a provider that is down, an undecided question) is only
reported. Most pushes change no gate, so modules that only the others need are imported late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evalgate.change import changed_gates
from evalgate.change.merge_base import find_base_commit
from evalgate.change.workspace import Workspace, open_commit
from evalgate.domain import Admission, Arm, Config, Failure, GatePlan, Report, Trial, Verdict
from evalgate.domain.numbers import show_count
from evalgate.errors import (
    EvalgateError,
    ExitCode,
    GitError,
    InputError,
    InterruptedRunError,
    MissingSecretError,
    ServiceError,
)
from evalgate.inputs.tree import CommitTree
from evalgate.services.commit_view import CommitView
from evalgate.services.git import Git
from evalgate.services.git_hooks import Push
from evalgate.services.git_names import shorten_name
from evalgate.services.user_files import resolve_path

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent
    from evalgate.gate.options import CallMode, Machine

Mode = Literal["cached", "quick", "full"]

QUICK_CASES = 12
"""The number of cases in quick mode. A check that fails on 1 of 4 cases fails on one of 12 with 97 %: 1 - 0.75^12."""

_CI = "left to CI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result for one gate of one pushed ref; `code` is PASS, or FAIL or USAGE if it blocks the push.

    `gate` is None if the result concerns the ref as a whole.
    """

    ref: str
    gate: str | None
    code: ExitCode
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrePushCheck:
    """Settings for evaluating pushed commits. `config` is the configuration's path from the repository's top.

    `machine` makes the surroundings of a run, where a gate differs. Whether it differs does not depend on environment
    variables.
    """

    config: str
    machine: Callable[[], Machine]
    default_branch: str | None
    mode: Mode
    on_event: Callable[[ProgressEvent], None]

    def check_pushes(self, git: Git, pushed: Sequence[Push]) -> Iterator[Answer]:
        """Yield the answers for all pushed refs, each commit once; nothing if no gate differs.

        Faults are answers as well; only an interruption is raised.
        """
        seen: set[str] = set()
        for push in pushed:
            if push.sha is None or not git.knows(push.sha):  # a deletion; or a tag of an object that is not a commit
                continue
            commit = git.resolve(push.sha)
            if commit in seen:
                continue
            seen.add(commit)
            ref = shorten_name(push.remote).removeprefix("refs/tags/")
            try:
                yield from self._check_commit(CommitView(git, commit), ref)
            except InterruptedRunError:
                raise
            except EvalgateError as error:
                yield _answer_fault(ref, None, error)

    def _check_commit(self, view: CommitView, ref: str) -> Iterator[Answer]:
        gated = CommitTree(view, view.commit).exists(self.config)
        try:
            base = find_base_commit(view, self.default_branch)
        except GitError as error:
            if gated:
                yield _answer_open(ref, None, f"{error.faults[0].message}: {_CI}")
            return
        if base == view.commit:
            return
        if not gated:
            if base is not None and view.exists(base, self.config):
                yield _answer_open(ref, None, f"{self.config} was removed since the merge base: there are no gates now")
            return
        workspace = open_commit(view, self.config, verify=None)
        args = (workspace.tree, view, workspace.config, self.default_branch)
        for name in changed_gates.find_removed_gates(*args):
            message = f'the gate "{name}" was removed since the merge base: it decides nothing any more'
            yield _answer_open(ref, None, message)
        names = {one.name for one in changed_gates.find_changed_gates(workspace.config.gates, *args)}
        if not names:
            return
        from evalgate.gate import plans
        from evalgate.gate.options import CallMode, Selection
        from evalgate.score.criterion import validate_criterion

        machine = self.machine()
        workspace = open_commit(view, self.config, verify=validate_criterion, environment=machine.environment)
        selection = Selection(default_branch=self.default_branch)
        for chosen in [one for one in workspace.config.gates if one.name in names]:
            try:
                (plan,) = plans.make_plans(workspace, [chosen], selection, CallMode(release_copies=True), machine.store)
                yield self._check_gate(workspace, plan, ref, machine)
            except InterruptedRunError:
                raise
            except EvalgateError as error:
                yield _answer_fault(ref, chosen.name, error)

    def _check_gate(self, workspace: Workspace, plan: GatePlan, ref: str, machine: Machine) -> Answer:
        """Check one gate: its level, then the answers that are known, then, depending on the mode, new ones."""
        from evalgate.gate import pipeline
        from evalgate.gate.known_answers import open_known_answers
        from evalgate.gate.options import CallMode

        name, config = plan.gate.name, workspace.config
        if plan.level.findings:
            sentences = tuple(finding.sentence for finding in plan.level.findings)
            return Answer(ref=ref, gate=name, code=ExitCode.FAIL, sentences=sentences)
        offline = CallMode(offline=True)
        try:
            return _answer_verdict(ref, pipeline.decide_plans(workspace, [plan], machine, offline, lambda _: None))
        except ServiceError:
            pass  # something is not known without a call
        with open_known_answers(config, [plan], workspace.tree, machine.store) as known:
            seen = [trial for trial in plan.trials if known.has(trial.request)]
        try:
            answer = self._check_outputs(workspace, plan, ref, machine, offline, trials=seen)
        except ServiceError:  # an answer that was just there, and is not any more
            answer = _answer_open(ref, name, f"{plan.level.effective.name}: {_CI}")
        if answer.code is not ExitCode.PASS or self.mode == "cached":
            return answer
        try:
            if self.mode == "quick":
                return self._check_outputs(
                    workspace, plan, ref, machine, CallMode(), trials=_choose_cases(plan, config)
                )
            return _answer_verdict(ref, pipeline.decide_plans(workspace, [plan], machine, CallMode(), self.on_event))
        except InterruptedRunError:
            raise
        except EvalgateError as error:  # no key, provider or package: not a fault of the pushed commit
            return _answer_open(ref, name, f"{error.faults[0].message}: {_CI}")

    def _check_outputs(
        self,
        workspace: Workspace,
        plan: GatePlan,
        ref: str,
        machine: Machine,
        calls: CallMode,
        *,
        trials: Sequence[Trial],
    ) -> Answer:
        """Evaluate the outputs of these trials by deterministic checks alone."""
        from evalgate.decide import policy
        from evalgate.gate import engine_setup, evaluate
        from evalgate.report import withhold

        name, level = plan.gate.name, plan.level.effective.name
        if not plan.gate.checks:
            return _answer_open(ref, name, f"{level}; it has no deterministic checks, only judges: {_CI}")
        if all(trial.arm is Arm.BASELINE for trial in trials):
            return _answer_open(ref, name, f"{level}; no output is known yet: {_CI}")
        with engine_setup.open_engine(
            workspace,
            [replace(plan, judges=(), trials=tuple(trials) if calls.offline else plan.trials)],
            machine,
            calls,
            on_event=self.on_event,
        ) as engine:
            report = evaluate.evaluate_checks(engine, plan, workspace.config, trials, draw_again=not calls.offline)
        report = withhold.withhold_gate(report, workspace.config.texts, policy.decide)
        outcomes = [result.outcome for result in report.evidence.results]
        lost = sum(isinstance(outcome, Failure) and outcome.kind == "infrastructure" for outcome in outcomes)
        cases = {trial.case.id for trial in trials if trial.arm is Arm.CANDIDATE}
        where = f"checks on {len(cases)} of {show_count(len(plan.order), 'case')}"
        where += " whose outputs are known" if calls.offline else " (critical ones first)"
        where += f", {lost} without an answer" if lost else ""
        failed = [f for f in report.findings if f.decision is Verdict.FAIL and f.blocks]
        if failed:
            sentences = (where, *(finding.sentence for finding in failed))
            return Answer(ref=ref, gate=name, code=ExitCode.FAIL, sentences=sentences)
        return _answer_open(ref, name, f"{level}; {where} find no fault; the rest: {_CI}")


def _choose_cases(plan: GatePlan, config: Config) -> list[Trial]:
    """Return the first sample of a few cases: those with a critical tag first, then in the order of a run."""
    place = {case: number for number, case in enumerate(plan.order)}
    critical = set(config.policy.critical_tags)
    first = [trial for trial in plan.trials if trial.arm is Arm.CANDIDATE and trial.repeat == 0]
    first.sort(key=lambda trial: (not critical & set(trial.case.tags), place[trial.case.id]))
    return first[:QUICK_CASES]


def _answer_verdict(ref: str, report: Report) -> Answer:
    """Answer with a whole verdict: only FAIL blocks; inconclusive and awaiting a sign-off are for CI and people."""
    from evalgate.decide import policy
    from evalgate.report import withhold

    (judged,) = withhold.withhold_texts(report, policy.decide).gates
    decides = [f.sentence for f in judged.findings if f.decision is judged.decision and f.blocks]
    if judged.exit_code is Admission.FAIL:
        return Answer(ref=ref, gate=judged.evidence.name, code=ExitCode.FAIL, sentences=tuple(decides))
    waits = " (awaiting a sign-off)" if judged.exit_code.awaits_sign_off else ""
    first = f": {decides[0]}" if decides and judged.decision is Verdict.INCONCLUSIVE else ""
    return _answer_open(ref, judged.evidence.name, f"{judged.decision.value}{waits}{first}")


def _answer_open(ref: str, name: str | None, sentence: str) -> Answer:
    return Answer(ref=ref, gate=name, code=ExitCode.PASS, sentences=(sentence,))


def _answer_fault(ref: str, name: str | None, error: EvalgateError) -> Answer:
    """Answer with an error: faults of files block the push, because CI fails on them too; a service's do not.

    A variable that is not set here may be set in CI.
    """
    if error.exit_code is ExitCode.USAGE and not isinstance(error, MissingSecretError):
        return Answer(ref=ref, gate=name, code=ExitCode.USAGE, sentences=tuple(map(str, error.faults)))
    return _answer_open(ref, name, f"{error.faults[0].message}: {_CI}")


def find_config(git: Git, config_path: Path) -> str:
    """Return a configuration's path from the repository's top. Raises InputError if it is outside."""
    top = git.root.resolve()
    full = resolve_path(config_path.parent) / config_path.name
    if not full.is_relative_to(top):
        raise InputError(f"{config_path} is outside of the repository at {top}")
    return full.relative_to(top).as_posix()


def find_default_branch(git: Git, remote: Sequence[str]) -> str | None:
    """Return the default branch of the remote that is pushed to; None if there is an `origin`, which decides it."""
    heads = ("HEAD", "main", "master")
    if not remote or any(git.knows(f"refs/remotes/origin/{branch}") for branch in heads):
        return None
    return next((n for branch in heads if git.knows(n := f"refs/remotes/{remote[0]}/{branch}")), None)
