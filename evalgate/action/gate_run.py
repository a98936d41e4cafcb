"""A run of the gate in a job: its machine, its budget, and its outcome where a key is missing or an error occurs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from evalgate.action import fork
from evalgate.action.job import Job, Log, describe_bug
from evalgate.action.outcome import ActivityOutcome
from evalgate.change.workspace import Workspace
from evalgate.commands import run
from evalgate.decide import policy
from evalgate.domain import Admission, Report
from evalgate.errors import EvalgateError, MissingSecretError
from evalgate.gate import engine_setup, reports
from evalgate.gate.options import CallMode, Machine, Selection
from evalgate.report.status import Status, make_error_status, make_status
from evalgate.report.withhold import withhold_texts

_Ran = TypeVar("_Ran")


def make_machine(job: Job, log: Log) -> Machine:
    """Return the runner as a machine, with the environment and the store of the job."""
    home = job.temp / "evalgate-models"
    return Machine(environment=job.environment, store=job.store, home=home, secrets=job.settings.secrets, note=log.say)


def make_call_mode(job: Job, *, spent: float = 0.0) -> CallMode:
    """Return the limits of the job's inputs. `spent` is what the job has paid so far, in dollars."""
    budget = job.settings.max_cost_usd
    left = None if budget is None else max(0.0, budget - spent)
    return CallMode(max_cost_usd=left, max_concurrency=job.settings.max_concurrency)


def run_pipeline(
    job: Job, workspace: Workspace, selection: Selection, log: Log, *, spent: float = 0.0
) -> tuple[Report, str | None]:
    """Return the report and the missing keys, if any: stored answers alone can prove a FAIL, and never a pass."""
    missing = engine_setup.missing_keys(workspace.config, job.environment)
    mode = job.settings.missing_secrets
    calls = make_call_mode(job, spent=spent)
    if missing and mode == "replay":
        calls = replace(calls, offline=True, partial=True, release_copies=True)
    try:
        report = run.run(job.config, selection, make_machine(job, log), calls, log.progress)
    except MissingSecretError as error:
        if mode == "fail":
            raise
        return reports.report_error(error), ", ".join(missing)
    if not (missing and report.gates):
        return report, None
    if mode == "fail":
        names = ", ".join(missing)
        raise MissingSecretError(f"{names}: not set, and no gate can pass without it", hint="missing-secrets: replay")
    return fork.withdraw_passes(report), ", ".join(missing)


def make_pending(report: Report, missing: str) -> Status:
    """Return the status of a report without the `missing` keys: only a FAIL is decided."""
    found = make_status(report)
    if found.verdict == "FAIL":
        return found
    sentence = f"needs a run with {missing}; no failure was found without it"
    return Status(verdict="PENDING", state="pending", sentence=sentence, code=Admission.NOT_EVALUATED)


def make_outcome(report: Report) -> ActivityOutcome:
    """Return a report as the outcome of a command that is about no commit."""
    report = withhold_texts(report, policy.decide)
    return ActivityOutcome(status=make_status(report), report=report)


def catch_errors(log: Log, run: Callable[[], _Ran]) -> _Ran | ActivityOutcome:
    """Run, and turn any exception into an outcome that is not a pass."""
    error: EvalgateError
    try:
        return run()
    except EvalgateError as expected:
        log.faults(expected)
        error = expected
    except Exception as bug:
        log.bug(bug)
        error = EvalgateError(describe_bug(bug))
    return ActivityOutcome(status=make_error_status(error), report=reports.report_error(error))
