"""The gate on versions in Langfuse that hold `staging`: started by an event of Langfuse, or on a schedule.

An event only starts the work, with its own version first. So no version is left out when GitHub drops an event that
waits, and when Langfuse sends none any more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from evalgate.action import gate_run, publish
from evalgate.action.job import Job, Log
from evalgate.action.langfuse_event import LangfuseEvent, find_reason_to_ignore, is_from_langfuse, read_langfuse_event
from evalgate.action.outcome import ActivityOutcome
from evalgate.action.version_statuses import VersionStatuses, make_version_context
from evalgate.change.workspace import Workspace
from evalgate.domain import Report, Verdict, combine_admissions
from evalgate.errors import EvalgateError, InputError
from evalgate.gate import reports, staged
from evalgate.gate.options import Selection, open_for_run
from evalgate.gate.staged import STAGING, StagedVersion
from evalgate.inputs.langfuse_access import open_langfuse
from evalgate.release.langfuse_note import Word, make_note, write_note
from evalgate.report.status import EVALUATING, make_error_status, make_status

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus
    from evalgate.services.langfuse import Langfuse

_WORDS: Mapping[str, Word] = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "inconclusive"}


def is_about_staged(job: Job) -> bool:
    """Return whether the job is about versions in Langfuse: an event of Langfuse, or a schedule of a team that uses it.

    A configuration with a fault is not a reason here; the gate of the commit tells of it.
    """
    sent = job.event.dispatched
    if sent is not None and (job.settings.langfuse_webhook_secret is not None or is_from_langfuse(sent)):
        return True
    if sent is None and job.event.name != "schedule":
        return False
    try:
        return staged.uses_langfuse(_open(job).config)
    except EvalgateError:
        return False


def judge_staged(job: Job, hub: GitHub | None, log: Log) -> ActivityOutcome | None:
    """Judge each version that holds `staging` and has no verdict yet; None if there is none, or the event is ignored.

    The verdict becomes a commit status of the default branch and a label of the version. Raises EvalgateError for an
    event that is not Langfuse's, a configuration with a fault, and a server that cannot be asked.
    """
    workspace = _open(job)
    names = staged.list_prompt_names(workspace.config)
    event = _read_event(job)
    reason = None if event is None else find_reason_to_ignore(event, names)
    if event is not None and reason is not None:
        log.say(f"{event} {reason}: nothing is started")
        _write_outputs(job, log, [])
        return None
    head = _require_default_branch(job, hub, workspace)
    langfuse = open_langfuse(workspace.config)
    sweep = _Sweep(job, hub, log, workspace, langfuse, head)
    found = sweep.find(staged.sort_first(names, None if event is None else event.name))
    if event is not None and all((one.name, one.number) != (event.name, event.version) for one in found):
        log.say(f"{event} does not hold {STAGING} any more")
    for one in found:
        sweep.judge(one)
    return sweep.conclude()


def _open(job: Job) -> Workspace:
    return open_for_run(job.config, Selection(), environment=job.environment)


def _read_event(job: Job) -> LangfuseEvent | None:
    sent = job.event.dispatched
    if sent is None:
        return None
    return read_langfuse_event(sent, secret=job.settings.langfuse_webhook_secret, now=time.time())


def _require_default_branch(job: Job, hub: GitHub | None, workspace: Workspace) -> str:
    """Return the commit that is checked out, by whose rules versions are judged.

    It is that of the event, which GitHub starts on the default branch, or a newer one. Raises InputError for any other.
    """
    head = None if workspace.git is None else workspace.git.resolve("HEAD")
    if head is None or head == job.event.head:
        return head or cast(str, job.event.head)
    branch = job.event.default_branch or job.branch
    if hub is not None and branch and hub.tip(branch) == head:
        return head
    raise InputError(
        f"the checkout has {head[:7]}, and it is neither the commit of the event nor the newest one of the default "
        "branch, by whose rules versions are judged",
        hint="check out the default branch: `ref: ${{ github.ref }}` of actions/checkout",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    version: StagedVersion
    outcome: ActivityOutcome


class _Sweep:
    """The work on all versions of a project that hold `staging`."""

    def __init__(  # noqa: PLR0917
        self, job: Job, hub: GitHub | None, log: Log, workspace: Workspace, langfuse: Langfuse, head: str
    ) -> None:
        self._job = job
        self._log = log
        self._workspace = workspace
        self._langfuse = langfuse
        sticky = None if hub is None else publish.make_sticky(job, hub, 0)
        self._statuses = None if sticky is None else VersionStatuses(sticky, workspace.git, head)
        self._url = job.run_url or job.repository_url
        self._judged: list[_Judged] = []
        self._unfit: list[EvalgateError] = []
        self._spent = 0.0

    def find(self, names: list[str]) -> list[StagedVersion]:
        """Return the versions of some prompts that hold `staging`. A label with two holders is told and left out."""
        found: list[StagedVersion] = []
        for name in names:
            try:
                found += staged.find_staged(self._workspace.config, self._langfuse, name)
            except InputError as error:
                self._log.faults(error)
                self._unfit.append(error)
        return found

    def judge(self, one: StagedVersion) -> None:
        """Judge a version, unless it has a verdict. An error is the outcome of this version alone."""
        context = make_version_context(self._job.context(""), one.gate.name, one.source)
        ran = gate_run.catch_errors(self._log, lambda: self._find_or_run(one, context))
        if ran is None:
            return
        self._judged.append(_Judged(version=one, outcome=ran))
        self._spent += ran.report.cost_usd or 0.0
        asked: Literal["", "asked"] = "asked" if ran.report.exit_code.awaits_sign_off else ""
        if self._statuses is not None:
            write = partial(self._statuses.set, context, ran.status, self._url, key=ran.key, sign_off=asked)
            self._log.attempt("commit status", write)
        if ran.key:
            self._note(one, "sign-off" if asked else _WORDS[ran.status.verdict])

    def conclude(self) -> ActivityOutcome | None:
        """Return the outcome of all versions that were judged; None if there were none."""
        _write_outputs(self._job, self._log, self._judged)
        outcomes = [one.outcome for one in self._judged]
        for error in self._unfit:
            outcomes.append(ActivityOutcome(status=make_error_status(error), report=reports.report_error(error)))
        if not outcomes:
            self._log.say(f"no version in Langfuse holds {STAGING} without a verdict")
            return None
        report = _join([one.report for one in outcomes])
        code = combine_admissions(one.status.code for one in outcomes)
        worst = next(one.status for one in outcomes if one.status.code is code)
        is_decided = all(one.report.gates and one.status.verdict != "PENDING" for one in outcomes)
        return ActivityOutcome(status=make_status(report) if is_decided else worst, report=report)

    def _find_or_run(self, one: StagedVersion, context: str) -> ActivityOutcome | None:
        """Return the outcome of a run; None for a version that has a verdict or was published."""
        config = self._workspace.config
        plan = staged.plan_staged(self._workspace, one, self._job.store)
        known = staged.find_published(self._job.config, one, plan, config)
        if known is not None:
            self._log.say(f"{one} is published as {known}: nothing to do")
            return None
        key = staged.make_key(one, plan, config)
        before = None if self._statuses is None else self._statuses.find(context, key)
        if before is not None:
            self._keep(one, context, before)
            return None
        self._refuse_without_budget(one)
        if self._statuses is not None and not self._statuses.has_any(context):
            self._statuses.set(context, EVALUATING, self._url)
        return self._run(one, key)

    def _keep(self, one: StagedVersion, context: str, verdict: CommitStatus) -> None:
        """Leave a version that has a verdict as it is, with its status on the newest commit and its label."""
        self._log.say(f"{one} has a verdict: {verdict.description}")
        statuses = self._statuses
        if statuses is not None:
            self._log.attempt("commit status", lambda: statuses.repeat(context, verdict))
        word = "sign-off" if verdict.state == "pending" else _WORDS.get(verdict.description.partition(":")[0])
        if word is not None and make_note(word, one.number) not in one.found.labels:
            self._note(one, word)

    def _run(self, one: StagedVersion, key: str) -> ActivityOutcome:
        """Run the gate. The outcome has the key if it is a verdict, which is not reached again."""
        report, missing = gate_run.run_pipeline(self._job, self._workspace, one.selection, self._log, spent=self._spent)
        if not staged.is_same(one.found, self._langfuse.read(one.name, one.number)):
            raise EvalgateError(f"{one} was deleted while it was judged: the verdict applies to no version any more")
        ran = gate_run.make_outcome(report)
        if missing is not None:
            ran = replace(ran, status=gate_run.make_pending(ran.report, missing))
        is_verdict = ran.status.state in ("success", "failure") or report.exit_code.awaits_sign_off
        return replace(ran, key=key if is_verdict and not _is_disturbed(report) else "")

    def _refuse_without_budget(self, one: StagedVersion) -> None:
        budget = self._job.settings.max_cost_usd
        if budget is not None and self._spent >= budget > 0:
            raise EvalgateError(
                f"{one} was not judged: max-cost-usd ({budget:g}) is used up",
                hint="the next run judges it; or raise the budget",
            )

    def _note(self, one: StagedVersion, word: Word) -> None:
        if self._log.attempt("label", lambda: write_note(self._langfuse, one.name, one.number, word)) is False:
            self._log.warn(f"label: {one} does not keep {make_note(word, one.number)}: another save takes it off")


def _is_disturbed(report: Report) -> bool:
    """Return whether a gate is undecided because calls failed, or because a dataset in Langfuse changed meanwhile.

    A later run is not a second chance then.
    """
    undecided = [gate.evidence for gate in report.gates if gate.decision is Verdict.INCONCLUSIVE]
    return any(one.moved or any(each.failure == "infrastructure" for each in one.results) for one in undecided)


def _join(several: list[Report]) -> Report:
    """Return reports as one: that of the gates, with the faults of those that have none as warnings."""
    if len(several) == 1:
        return several[0]
    gates = [gate for one in several for gate in one.gates]
    warnings = tuple(dict.fromkeys(text for one in several for text in one.warnings))
    if not gates:
        return replace(several[0], warnings=warnings)
    return replace(reports.make_report(gates, warnings), texts=several[0].texts)


def _write_outputs(job: Job, log: Log, judged: list[_Judged]) -> None:
    """Write which versions were judged; without any, also that nothing failed."""
    rows = [
        {
            "gate": one.version.gate.name,
            "source": one.version.source,
            "verdict": one.outcome.status.verdict,
        }
        for one in judged
    ]
    log.attempt("outputs", lambda: job.write_outputs({"judged": json.dumps(rows)}))
