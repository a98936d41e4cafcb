"""The GitHub Action: an event in; a verdict, a commit status and a comment out; one function for each command.

action.yml starts it as `python -I -m evalgate.action`, away from the workspace, which holds the change's files."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, assert_never

from evalgate import answering, conclude, drift, gate, privacy
from evalgate.at_github import approval, heads, publish, unprivileged
from evalgate.at_github.job import Job, Log, bug_in_words
from evalgate.at_github.places import NOWHERE, Places, places
from evalgate.at_github.publish import Sticky
from evalgate.cli import guard, streams
from evalgate.cli.progress import Progress
from evalgate.decide import attempts, policy, sign_off
from evalgate.domain import Report
from evalgate.errors import EvalgateError, ExitCode, InputError, MissingSecretError
from evalgate.inputs.tree import CommitTree
from evalgate.options import Options, opened
from evalgate.report import annotations as remarks
from evalgate.report import comment, regressed, view
from evalgate.report.status import Status, level, of_error, of_report
from evalgate.services.fetch import fetch
from evalgate.workspace import Workspace, repository_of

if TYPE_CHECKING:
    from evalgate.services.github import GitHub

_CLAIMED = "a run without secrets found nothing wrong; it takes one with them to pass"
_UNSIGNED = "not what was signed off in its pull request: take it out of the queue, and have it approved again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an activity: the status of commit `head`, the report behind it, and where it is to be shown.

    `baseline` is the commit it was compared with, empty where there is none. `contexts` are the status' names. `key`
    tells the content that was decided from others, empty where nothing was, or no chance was involved.
    """

    status: Status
    report: Report
    key: str = ""
    head: str | None = None
    baseline: str = ""
    places: Places = NOWHERE
    contexts: tuple[str, ...] = ()
    pulls: tuple[int, ...] = ()
    approvers: tuple[str, ...] = ()


def main() -> NoReturn:
    """One activity; the exit code is what `fail-on` makes of its verdict."""
    getattr(sys.stdout, "reconfigure", lambda **_: None)(encoding="utf-8", errors="backslashreplace")
    log = Log(sys.stdout)
    with guard.guarded(os.environ):  # what a function of the user's prints is no command; the log's own lines are meant
        sys.exit(_main(log))


def _main(log: Log) -> int:
    try:
        job = Job(os.environ)
        hub = _hub(job, log)
        outcome: Outcome | None
        match job.settings.command:
            case "gate":
                outcome = _gate(job, hub, log)
            case "report":
                outcome = _report(job, hub, log)
            case "drift":
                outcome = _drift(job, log)
            case command:
                assert_never(command)
        if outcome is None:
            return int(ExitCode.PASS)
        _tell(job, hub, log, outcome)
        return _exit_code(job, outcome.status)
    except EvalgateError as error:  # no input or event to go by: there is nowhere else to say it
        log.faults(error)
        return int(error.exit_code)
    except Exception as error:
        log.bug(error)
        return int(ExitCode.NOT_EVALUATED)


def _hub(job: Job, log: Log) -> GitHub | None:
    if job.settings.github_token is None:
        log.warn("there is no github-token: no commit status, no comment, no sign-off")
        return None
    from evalgate.services.github import GitHub

    return GitHub(token=job.settings.github_token, repository=job.repository, api_url=job.api_url, note=log.say)


def _gate(job: Job, hub: GitHub | None, log: Log) -> Outcome:
    """Judges the event's commit: on pull_request, pull_request_review, merge_group, push, or by hand."""
    head = job.settings.head_sha or job.event.head
    if head is None:
        raise InputError(f"the event {job.event.name} has no commit to judge", hint="give the input head-sha")
    context = job.context(job.event.branch)
    if hub is not None:  # an earlier success of this commit must not outlive what this run may find
        being = Status(verdict="PENDING", state="pending", sentence="being evaluated", code=ExitCode.NOT_EVALUATED)
        log.attempt("commit status", lambda: _set_status(job, hub, head, being, context))
    ran = _evaluated(log, lambda: _judged(job, hub, head, log))
    ran = _tried(job, hub, log, ran, head)
    pulls = (job.event.pull,) if job.event.of_pull_request and job.event.pull is not None else ()
    return replace(_signed(job, hub, log, ran, head), head=head, contexts=(context,), pulls=pulls)


def _report(job: Job, hub: GitHub | None, log: Log) -> Outcome | None:
    """On workflow_run: what a fork's run says of itself, shown by code that nobody but the base has written.

    None for any other run: there is no verdict to tell of.
    """
    other = job.event.other
    if other is None or hub is None:
        raise InputError("command: report needs the event workflow_run and a github-token")
    if other.event != "pull_request" or not other.fork:
        log.say("that run was no fork's pull request: it had what it takes to speak for itself")
        return None
    pulls = unprivileged.pull_requests(hub, other)
    if not pulls:
        log.warn(f"no open pull request has the head {other.head} of this fork")
    ran = _evaluated(log, lambda: _outcome(unprivileged.claimed(hub, other, job.settings.artifact)))
    status = ran.status
    if status.verdict == "INCONCLUSIVE":
        status = Status(verdict="PENDING", state="pending", sentence=_CLAIMED, code=ran.report.exit_code)
    contexts = tuple(sorted({job.context(pull.base_ref) for pull in pulls}))
    head, numbers = other.head if pulls else None, tuple(pull.number for pull in pulls)
    return replace(ran, status=status, head=head, contexts=contexts, pulls=numbers)


def _drift(job: Job, log: Log) -> Outcome:
    """On a schedule: what is in production, asked anew."""
    options = replace(_options(job, log), default_branch=job.event.default_branch or None)
    return replace(_evaluated(log, lambda: _outcome(drift.run(job.config, options))), head=job.event.head)


def _options(job: Job, log: Log) -> Options:
    settings = job.settings
    return Options(
        environment=job.environment,
        store=job.store,
        home=job.temp / "evalgate-models",
        baseline=settings.baseline,
        changed=settings.changed_only,
        max_cost_usd=settings.max_cost_usd,
        max_concurrency=settings.max_concurrency,
        note=log.say,
    )


def _base(job: Job, hub: GitHub | None) -> str | None:
    """The commit whose rules judge: the tip that the branch has now. Raises ServiceError where nobody can tell.

    That of the event is older: a run can be repeated weeks later, and a pull request outlives a change of the rules.
    What a queue or a push is made upon is in the event itself.
    """
    event = job.event
    branch = event.branch if event.of_pull_request else event.default_branch if event.base is None else ""
    return hub.tip(branch) if hub is not None and branch else event.base


def _judged(job: Job, hub: GitHub | None, head: str, log: Log) -> Outcome:
    """The verdict on a commit, against the branch it goes to."""
    base = _base(job, hub)
    git = repository_of(job.config)
    lacking = [sha for sha in (base, head) if sha is not None and not git.knows(sha)]
    if lacking:
        fetch(git.root, job.repository_url, lacking, token=job.settings.github_token)
        git = repository_of(job.config)
    options = replace(
        _options(job, log),
        policy_ref=job.settings.policy_ref,
        policy_commit=base,
        default_branch=base or job.event.default_branch or None,
        head=head,
    )
    workspace = opened(job.config, options, verify=False)
    report, missing = _run(job, workspace, options, log)
    report = privacy.shown(report)  # before a sentence of it is anywhere
    status = of_report(report) if missing is None else _without_secrets(report, missing)
    return Outcome(
        status=status,
        report=report,
        key="" if missing and status.verdict == "PENDING" else attempts.key_of(report),
        baseline=git.merge_base(head, base) if base is not None else "",
        places=places(report, workspace, CommitTree(git, head)),
        approvers=workspace.config.approvers,
    )


def _run(job: Job, workspace: Workspace, options: Options, log: Log) -> tuple[Report, str | None]:
    """The report, and which keys are missing, if any: what is known without them can prove a FAIL, and never a pass."""
    missing = answering.missing_keys(workspace.config, job.environment)
    mode = job.settings.missing_secrets
    if missing and mode == "replay":
        options = replace(options, offline=True, partial=True)
    try:
        with Progress() as progress:
            report = gate.run(job.config, options, progress.show)
    except MissingSecretError as error:
        if mode == "fail":
            raise
        return conclude.not_evaluated(error), ", ".join(missing)
    if not (missing and report.gates):
        return report, None
    if mode == "fail":
        names = ", ".join(missing)
        raise MissingSecretError(
            f"{names}: no such secret, and without it nothing passes", hint="missing-secrets: replay"
        )
    return unprivileged.lowered(report), ", ".join(missing)


def _without_secrets(report: Report, missing: str) -> Status:
    found = of_report(report)
    if found.verdict == "FAIL":
        return found
    sentence = f"needs a run with {missing}; nothing that is known without it fails"
    return Status(verdict="PENDING", state="pending", sentence=sentence, code=ExitCode.NOT_EVALUATED)


def _outcome(report: Report) -> Outcome:
    report = privacy.shown(report)
    return Outcome(status=of_report(report), report=report)


def _evaluated(log: Log, run: Callable[[], Outcome]) -> Outcome:
    """An outcome, whatever happens: what could not be evaluated is one, too, and never a pass."""
    error: EvalgateError
    try:
        return run()
    except EvalgateError as expected:
        log.faults(expected)
        error = expected
    except Exception as bug:
        log.bug(bug)
        error = EvalgateError(bug_in_words(bug))
    return Outcome(status=of_error(error), report=conclude.not_evaluated(error))


def _tried(job: Job, hub: GitHub | None, log: Log, ran: Outcome, head: str) -> Outcome:
    """The outcome with what its policy makes of earlier attempts in the same pull request."""
    event, report = job.event, ran.report
    context, queued = job.context(event.branch), event.name == "merge_group"
    if not ran.key or not (event.of_pull_request or queued):
        return ran
    tried = None
    if hub is not None and event.pull is not None and event.base is not None:
        sticky, base = _sticky(job, hub, event.pull), event.base
        facts = {"key": ran.key, "context": context, "head": head, "base": base}
        tried = log.attempt("attempts", lambda: heads.tried(report, sticky, **facts, queued=queued))
    told = tried if tried is not None else attempts.applied(report, attempts.UNKNOWN)
    return replace(ran, report=told, status=of_report(told))


def _signed(job: Job, hub: GitHub | None, log: Log, ran: Outcome, head: str) -> Outcome:
    """The outcome with its sign-off, where one is asked for and was given."""
    report, number = ran.report, job.event.pull
    if report.exit_code != ExitCode.AWAITING_SIGN_OFF or hub is None:
        return ran
    if job.event.name == "merge_group":
        return _queued(job, hub, log, ran)
    if job.settings.sign_off == "none" or number is None:
        return ran
    standing = _standing(job, hub, log, ran, number, head=head)
    if standing is None:
        return replace(ran, status=of_report(report, waiting_for="the sign-off could not be looked up, see the log"))
    if standing.met is None:
        return replace(ran, status=of_report(report, waiting_for=standing.waiting_for))
    signed = policy.signed(report, standing.met)
    return replace(ran, report=signed, status=of_report(signed))


def _standing(
    job: Job, hub: GitHub, log: Log, ran: Outcome, number: int, *, head: str | None
) -> sign_off.Standing | None:
    """How the sign-off stands in a pull request; None where that could not be looked up, or none counts."""
    mode, sticky = job.settings.sign_off, _sticky(job, hub, number)
    if mode == "none":
        return None
    approvers = (*ran.approvers, *job.settings.approvers)
    ask = partial(approval.standing, sticky, ran.report, head=head, mode=mode, approvers=approvers, warn=log.warn)
    return log.attempt("sign-off", ask)


def _queued(job: Job, hub: GitHub, log: Log, ran: Outcome) -> Outcome:
    """A merge queue needs no second sign-off: what it merges was signed off in its pull request, or is rejected.

    Whether it was, the API says, by the rule of the pull request itself: what its comment says could be edited.
    """
    change = level(ran.report)
    numbers = log.attempt("sign-off", lambda: approval.queued(hub, job.event)) or ()
    found = {number: _standing(job, hub, log, ran, number, head=None) for number in numbers}
    if found and all(one is not None and one.met is not None for one in found.values()):
        sentence = f"{change}, signed off in {', '.join(f'#{number}' for number in found)}"
        return replace(ran, status=Status(verdict="PASS", state="success", sentence=sentence, code=0))
    for number, one in found.items():
        if one is not None and one.met is None:
            log.say(f"#{number}: {one.waiting_for}")
    sentence = f"{change}: {_UNSIGNED}"
    return replace(ran, status=Status(verdict="FAIL", state="failure", sentence=sentence, code=ran.report.exit_code))


def _tell(job: Job, hub: GitHub | None, log: Log, outcome: Outcome) -> None:
    """Log, files, annotations, summary, status, comment, outputs: none of which changes the verdict any more."""
    report, status, links = outcome.report, outcome.status, comment.Links(run=job.run_url)
    log.report(report)
    log.say(f"evalgate: {status.description}")
    kept = log.attempt("report", lambda: job.keep(report))
    if job.settings.annotations:
        log.attempt("annotations", lambda: log.write(_annotations(outcome)))
    if job.settings.job_summary:
        standing = status.sentence if status.verdict == "PENDING" else ""
        log.attempt("job summary", lambda: job.summarise(comment.summary(report, standing=standing, links=links)))
    urls = _published(job, hub, log, outcome, links) if hub is not None else []
    log.attempt("outputs", lambda: job.hand_over(_outputs(outcome, kept, urls)))


def _annotations(outcome: Outcome) -> str:
    where = outcome.places
    return remarks.written(remarks.annotations(outcome.report, prompts=where.prompts, cases=where.cases))


def _published(job: Job, hub: GitHub, log: Log, outcome: Outcome, links: comment.Links) -> list[str]:
    """The commit status, then the comments, or the issue of a drift; the addresses of these."""
    report, status, head = outcome.report, outcome.status, outcome.head
    if head is None:
        return []
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    if job.settings.command == "drift":
        url = log.attempt(
            "issue",
            lambda: publish.tell_drift(
                _sticky(job, hub, 0), report, drift.title(report), head=head, links=links, now=now
            ),
        )
        return [url or ""]
    for context in outcome.contexts:
        log.attempt("commit status", partial(_set_status, job, hub, head, status, context, key=outcome.key))
    when = job.settings.comment
    shown = [
        partial(publish.show, _sticky(job, hub, number), report, status, when=when, head=head, links=links, now=now)
        for number in outcome.pulls
    ]
    return [log.attempt("comment", show) or "" for show in shown]


def _sticky(job: Job, hub: GitHub, number: int) -> Sticky:
    return Sticky(github=hub, number=number, key=job.key, author=job.settings.comment_author)


def _set_status(job: Job, hub: GitHub, sha: str, status: Status, context: str, *, key: str = "") -> None:
    url = heads.marked(job.run_url or job.repository_url, key) if key else job.run_url
    hub.set_status(sha, state=status.state, description=status.description, context=context, target_url=url)


def _outputs(outcome: Outcome, kept: tuple[object, object] | None, urls: list[str]) -> dict[str, str]:
    report, status = outcome.report, outcome.status
    worse = [case for one in report.gates for case in regressed.cases(one) if case.kind == "regressed"]
    cost = view.total_cost(report.gates)
    return {
        "verdict": status.verdict,
        "failed": "false" if status.state == "success" else "true",
        "level": level(report),
        "report-json": str(kept[0]) if kept else "",
        "report-markdown": str(kept[1]) if kept else "",
        "comment-url": next(iter(urls), ""),
        "cost-usd": "" if cost is None else f"{cost:.6f}",
        "regressions": str(len(worse)),
        "baseline-sha": outcome.baseline,
    }


def _exit_code(job: Job, status: Status) -> int:
    """Only a success ends with 0, unless the workflow leaves it to the commit status to tell."""
    match job.settings.fail_on:
        case "never":
            return 0
        case "fail":
            open_yet = (ExitCode.INCONCLUSIVE, ExitCode.AWAITING_SIGN_OFF)
            return 0 if status.state == "success" or status.code in open_yet else status.code
        case "inconclusive":
            return 0 if status.state == "success" else status.code
        case rule:
            assert_never(rule)


if __name__ == "__main__":
    streams.prepare(tells=False)  # the log is not what the verdict is told by
    main()
