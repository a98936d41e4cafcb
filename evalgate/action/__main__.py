"""The GitHub Action: read an event, reach a verdict, set a commit status and write a comment.

There is one function for each command. action.yml starts the module as `python -I -m evalgate.action`, outside of the
workspace, because the workspace holds files of the change.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, NoReturn, assert_never

from evalgate.action import (
    attempts_lookup,
    base_branch,
    fork,
    fork_approval,
    fork_files,
    gate_run,
    heads,
    publish,
    queued_verdicts,
    recorded_verdicts,
    standing,
)
from evalgate.action import sign_off_lookup as approval
from evalgate.action.action_inputs import refuse_redraw
from evalgate.action.job import Job, Log
from evalgate.action.langfuse_gate import is_about_staged, judge_staged
from evalgate.action.locations import find_locations
from evalgate.action.outcome import ActivityOutcome
from evalgate.change import reverts
from evalgate.change.workspace import Workspace, find_repository
from evalgate.commands import drift
from evalgate.console import escaped_streams, streams
from evalgate.decide import attempts, policy, sign_off
from evalgate.domain import Admission, Report
from evalgate.errors import EvalgateError, ExitCode, InputError
from evalgate.gate import reports
from evalgate.gate.options import Selection, open_for_run
from evalgate.inputs.tree import CommitTree
from evalgate.report.status import EVALUATING, Status, describe_level, make_status
from evalgate.report.withhold import withhold_texts
from evalgate.services.git_fetch import fetch
from evalgate.services.git_settings import add_trust

if TYPE_CHECKING:
    from evalgate.services.git import Git
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import PullRequestRow

_OF_FORKS = ("pull_request", "pull_request_review")
_CLAIMED = "a run without secrets found no failure; a run with secrets is needed to pass"
_UNSIGNED = "differs from what was signed off in its pull request: remove it from the queue and have it approved again"


def main() -> NoReturn:
    """Run the command of the action, and exit with the code that `fail-on` gives its verdict."""
    getattr(sys.stdout, "reconfigure", lambda **_: None)(encoding="utf-8", errors="backslashreplace")
    log = Log(sys.stdout)
    # workflow commands in the output of user functions are escaped; `log` writes to the unescaped stream
    with escaped_streams.escape_streams(os.environ):
        sys.exit(_main(log))


def _main(log: Log) -> int:
    try:
        refuse_redraw(sys.argv[1:])
        job = Job(os.environ)
        os.environ.update(add_trust(os.environ, job.workspace, job.config.parent))
        hub = _connect_github(job, log)
        outcome: ActivityOutcome | Status | None
        match job.settings.command:
            case "gate":
                outcome = _run_gate(job, hub, log) if not is_about_staged(job) else judge_staged(job, hub, log)
            case "report":
                outcome = _report_fork(job, hub, log)
            case "drift":
                outcome = _run_drift(job, log)
            case "publish" | "promote" | "rollback" | "tick":
                return _run_release(job, hub, log)
            case command:
                assert_never(command)
        if outcome is None:
            return int(ExitCode.PASS)
        if isinstance(outcome, Status):  # the earlier verdict is left as it is
            log.attempt("outputs", partial(publish.write_kept_outputs, job, outcome))
            return _exit_code(job, outcome)
        publish.publish(job, hub, log, outcome)
        return _exit_code(job, outcome.status)
    except EvalgateError as error:  # invalid inputs or event: the log is the only place to report it
        log.faults(error)
        return int(error.exit_code)
    except Exception as error:
        log.bug(error)
        return int(ExitCode.NOT_EVALUATED)


def _run_release(job: Job, hub: GitHub | None, log: Log) -> int:
    """Run a command that writes to the registry, and return its exit code."""
    from evalgate.action import release_commands, tick_prompts

    run = tick_prompts.run_ticks if job.settings.command == "tick" else release_commands.run_command
    return run(job, hub, log)


def _connect_github(job: Job, log: Log) -> GitHub | None:
    if job.settings.github_token is None:
        log.warn("there is no github-token: no commit status, no comment, no sign-off")
        return None
    from evalgate.services.github import GitHub

    return GitHub(token=job.settings.github_token, repository=job.repository, api_url=job.api_url, note=log.say)


def _run_gate(job: Job, hub: GitHub | None, log: Log) -> ActivityOutcome | Status:
    """Evaluate the event's commit: on pull_request, pull_request_review, merge_group, push, or a manual start.

    A verdict that stands is left as it is by an event that changes nothing, and until this run has found another one.
    """
    head = job.settings.head_sha or job.event.head
    if head is None:
        raise InputError(f"the event {job.event.name} has no commit to evaluate", hint="give the input head-sha")
    context, before = job.context(job.event.branch), None
    if hub is not None:
        sticky = publish.make_sticky(job, hub, job.event.pull or 0)
        before = log.attempt("earlier verdict", lambda: standing.find_standing(sticky, context, head))
        if before is not None and job.event.is_idle:
            log.say(f"nothing has changed since the verdict: {before.description}")
            return standing.make_kept_status(before)
        if job.event.may_withdraw or not standing.is_decided(before):
            log.attempt("commit status", lambda: publish.set_status(job, hub, head, EVALUATING, context))
    ran = gate_run.catch_errors(log, lambda: _judge_commit(job, hub, head, log))
    ran, known = recorded_verdicts.keep_recorded(job, hub, log, ran, head)
    tried = attempts_lookup.find_pulls(job, hub, log, ran.report, head, before)
    ran = attempts_lookup.add_attempts(job, hub, log, ran, head, tried, known)
    ran = _apply_sign_off(job, hub, log, ran, head, [pull.number for pull in tried or ()])
    if before is not None and not job.event.may_withdraw and standing.outlasts(before, ran.status, ran.report, ran.key):
        log.warn(f"the earlier verdict stands: {before.description}")
        kept = ran.status if ran.status.state == "error" else standing.make_kept_status(before)
        return replace(ran, status=kept, head=head)
    pulls = (job.event.pull,) if job.event.of_pull_request and job.event.pull is not None else ()
    blocked, asked = recorded_verdicts.list_blocked(ran.report), _find_sign_off(ran.report)
    return replace(ran, head=head, contexts=(context,), pulls=pulls, sign_off=asked, blocked=blocked)


def _find_sign_off(report: Report) -> Literal["", "asked", "given"]:
    if report.sign_off is not None:
        return "given"
    return "asked" if report.exit_code.awaits_sign_off else ""


def _report_fork(job: Job, hub: GitHub | None, log: Log) -> ActivityOutcome | None:
    """Publish the report of a fork's run, on the event workflow_run, by code of the base repository only.

    Returns None for any other run, which publishes its own verdict, and where a verdict stands already.
    """
    other = job.event.other
    if other is None or hub is None:
        raise InputError("command: report needs the event workflow_run and a github-token")
    if other.event not in _OF_FORKS or not other.fork:
        log.say("that run was not for a pull request from a fork: it has published its own verdict")
        return None
    pulls = fork.pull_requests(hub, other)
    if not pulls:
        log.warn(f"no open pull request has the head {other.head} of this fork")
    for pull in pulls:
        log.attempt("sign-off", partial(fork_approval.update_sign_off, job, hub, pull, log.warn))
    waiting = [pull for pull in pulls if not log.attempt("earlier verdict", partial(_has_verdict, job, hub, pull))]
    if pulls and not waiting:
        log.say("every pull request of this head has a verdict already")
        return None
    if waiting and all(log.attempt("files", partial(_edits_no_gate, job, hub, pull)) for pull in waiting):
        ran = gate_run.make_outcome(reports.make_report(()))
    else:
        ran = gate_run.catch_errors(
            log, lambda: gate_run.make_outcome(fork.read_fork_report(hub, other, job.settings.artifact))
        )
    status = ran.status
    if status.verdict == "INCONCLUSIVE":
        status = Status(verdict="PENDING", state="pending", sentence=_CLAIMED, code=ran.report.exit_code)
    contexts = tuple(sorted({job.context(pull.base_ref) for pull in waiting}))
    head, numbers = other.head if waiting else None, tuple(pull.number for pull in waiting)
    return replace(ran, status=status, head=head, contexts=contexts, pulls=numbers)


def _has_verdict(job: Job, hub: GitHub, pull: PullRequestRow) -> bool:
    """Return True if the head of a pull request has a verdict that an artifact cannot change."""
    sticky, context = publish.make_sticky(job, hub, pull.number), job.context(pull.base_ref)
    found = standing.find_standing(sticky, context, pull.head_sha)
    return found is not None and (standing.is_decided(found) or bool(heads.read_sign_off(found)))


def _edits_no_gate(job: Job, hub: GitHub, pull: PullRequestRow) -> bool:
    tip = base_branch.open_branch(job, hub, pull.base_ref)
    before = base_branch.open_merge_base(job, hub, pull, tip.git.commit)
    return fork_files.edits_no_gate(hub, pull, tip, before, store=job.store_path)


def _run_drift(job: Job, log: Log) -> ActivityOutcome:
    """On a schedule: what is in production, asked anew."""
    selection = Selection(default_branch=job.event.default_branch or None)
    args = (job.config, selection, gate_run.make_machine(job, log), gate_run.make_call_mode(job))
    return replace(gate_run.catch_errors(log, lambda: gate_run.make_outcome(drift.run(*args))), head=job.event.head)


def _find_base(job: Job, hub: GitHub | None) -> str | None:
    """Return the commit whose policy applies: the current tip of the branch. Raises ServiceError if GitHub fails.

    The commit in the event may be older: a run can be repeated weeks later, and the policy can change while a pull
    request is open. For a merge queue or a push, the event has the base commit.
    """
    event = job.event
    branch = event.branch if event.of_pull_request else event.default_branch if event.base is None else ""
    return hub.tip(branch) if hub is not None and branch else event.base


def _judge_commit(job: Job, hub: GitHub | None, head: str, log: Log) -> ActivityOutcome:
    """Reach the verdict on a commit, compared with the branch that it merges into."""
    base = _find_base(job, hub)
    git = find_repository(job.config)
    missing_commits = [sha for sha in (base, head) if sha is not None and not git.knows(sha)]
    if missing_commits:
        fetch(git.root, job.repository_url, missing_commits, token=job.settings.github_token)
        git = find_repository(job.config)
    if job.event.name == "merge_group" and hub is not None and base is not None:
        log.attempt("earlier verdicts", partial(_add_queued_verdicts, job, hub, git, base, log))
    selection = Selection(
        baseline=job.settings.baseline,
        changed=job.settings.changed_only,
        policy_ref=job.settings.policy_ref,
        policy_commit=base,
        default_branch=base or job.event.default_branch or None,
        head=head,
    )
    workspace = open_for_run(job.config, selection, environment=job.environment, verify=False)
    if hub is not None and base is not None and job.settings.baseline is None:
        log.attempt("earlier verdicts", partial(_add_reverted_verdicts, job, hub, workspace, base, log))
    report, missing = gate_run.run_pipeline(job, workspace, selection, log)
    report = withhold_texts(report, policy.decide)  # before a sentence of it is anywhere
    status = make_status(report) if missing is None else gate_run.make_pending(report, missing)
    return ActivityOutcome(
        status=status,
        report=report,
        key="" if missing and status.verdict == "PENDING" else attempts.compute_key(report),
        baseline=git.merge_base(head, base) if base is not None else "",
        places=find_locations(report, workspace, CommitTree(git, head)),
        approvers=workspace.config.approvers,
    )


def _add_queued_verdicts(job: Job, hub: GitHub, git: Git, base: str, log: Log) -> None:
    numbers = approval.find_queued_pull_requests(hub, job.event)
    queued_verdicts.add_verdicts(job, hub, git, numbers, base=base, say=log.say)


def _add_reverted_verdicts(job: Job, hub: GitHub, workspace: Workspace, base: str, log: Log) -> None:
    """Add the verdicts of the pull requests that brought the versions to which the change goes back."""
    git = workspace.git
    found = reverts.find_reverts(workspace, workspace.config.gates, base)
    commits = {revert.source.partition(":")[0] for revert in found.values()}
    brought = {pull.number for sha in commits if git is not None for pull in hub.pull_requests_of(git.resolve(sha))}
    if git is not None and brought:
        repository = find_repository(job.config)
        queued_verdicts.add_verdicts(job, hub, repository, sorted(brought), base=base, say=log.say)


def _apply_sign_off(  # noqa: PLR0917 - a run, and the pull requests that it belongs to
    job: Job, hub: GitHub | None, log: Log, ran: ActivityOutcome, head: str, pulls: Sequence[int]
) -> ActivityOutcome:
    """Add the sign-off to the outcome, if one is required and was given in the pull request."""
    report = ran.report
    if not report.exit_code.awaits_sign_off or hub is None:
        return ran
    if job.event.name == "merge_group":
        return _check_merge_queue(job, hub, log, ran)
    if job.settings.sign_off == "none" or len(pulls) != 1:
        return ran
    found = _look_up_sign_off(job, hub, log, ran, pulls[0], head=head)
    if found is None:
        return replace(ran, status=make_status(report, waiting_for="the sign-off could not be looked up, see the log"))
    if found.met is None:
        return replace(ran, status=make_status(report, waiting_for=found.waiting_for))
    signed = policy.apply_sign_off(report, found.met)
    return replace(ran, report=signed, status=make_status(signed))


def _look_up_sign_off(
    job: Job, hub: GitHub, log: Log, ran: ActivityOutcome, number: int, *, head: str | None
) -> sign_off.SignOffState | None:
    """Return the state of the sign-off in a pull request; None if the lookup failed, or `sign-off` is none."""
    mode, sticky = job.settings.sign_off, publish.make_sticky(job, hub, number)
    if mode == "none":
        return None
    approvers = (*ran.approvers, *job.settings.approvers)
    ask = partial(
        approval.look_up_sign_off,
        sticky,
        ran.report,
        context=job.context(job.event.default_branch),
        head=head,
        mode=mode,
        approvers=approvers,
        warn=log.warn,
    )
    return log.attempt("sign-off", ask)


def _check_merge_queue(job: Job, hub: GitHub, log: Log, ran: ActivityOutcome) -> ActivityOutcome:
    """Pass a commit of a merge queue if all its pull requests were signed off, else reject it.

    The API gives the sign-off, by the rule of the pull request. The comment is not used: people can edit it.
    """
    change = describe_level(ran.report)
    numbers = log.attempt("sign-off", lambda: approval.find_queued_pull_requests(hub, job.event)) or ()
    found = {number: _look_up_sign_off(job, hub, log, ran, number, head=None) for number in numbers}
    if found and all(one is not None and one.met is not None for one in found.values()):
        sentence = f"{change}, signed off in {', '.join(f'#{number}' for number in found)}"
        return replace(ran, status=Status(verdict="PASS", state="success", sentence=sentence, code=Admission.PASS))
    for number, one in found.items():
        if one is not None and one.met is None:
            log.say(f"#{number}: {one.waiting_for}")
    sentence = f"{change}: {_UNSIGNED}"
    return replace(ran, status=Status(verdict="FAIL", state="failure", sentence=sentence, code=ran.report.exit_code))


def _exit_code(job: Job, status: Status) -> int:
    """Return the exit code that `fail-on` gives a status: 0 for a success, or always with `never`."""
    match job.settings.fail_on:
        case "never":
            return 0
        case "fail":
            return 0 if status.state == "success" or status.code.is_open else status.code
        case "inconclusive":
            return 0 if status.state == "success" else status.code
        case rule:
            assert_never(rule)


if __name__ == "__main__":
    streams.prepare(tells=False)  # a closed log does not change the verdict, which the commit status carries
    main()
