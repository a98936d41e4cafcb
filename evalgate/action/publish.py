"""Publication of an outcome: log, files, annotations, job summary, commit status, comments, outputs of the step."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from evalgate.action import heads
from evalgate.action import posted_comment as comments
from evalgate.action.job import Job, Log
from evalgate.action.outcome import ActivityOutcome
from evalgate.action.posted_comment import Sticky
from evalgate.commands import drift
from evalgate.errors import EvalgateError
from evalgate.gate.reports import report_error
from evalgate.report import annotations as remarks
from evalgate.report import case_selection, comment
from evalgate.report.status import Status, describe_level

if TYPE_CHECKING:
    from evalgate.services.github import GitHub


def publish(job: Job, hub: GitHub | None, log: Log, outcome: ActivityOutcome) -> None:
    """Publish the outcome in the log, files, annotations, summary, status, comment and outputs.

    An error in one of these is a warning, and does not change the verdict.
    """
    report, status, links = outcome.report, outcome.status, comment.Links(run=job.run_url)
    log.report(report)
    log.say(f"evalgate: {status.description}")
    kept = log.attempt("report", lambda: job.write_report(report))
    if job.settings.annotations:
        log.attempt("annotations", lambda: log.write(_render_annotations(outcome)))
    if job.settings.job_summary:
        standing = status.sentence if status.verdict == "PENDING" else ""
        log.attempt(
            "job summary", lambda: job.write_summary(comment.render_summary(report, standing=standing, links=links))
        )
    urls = _publish_on_github(job, hub, log, outcome, links) if hub is not None else []
    log.attempt("outputs", lambda: job.write_outputs(_make_outputs(outcome, kept, urls)))


def _render_annotations(outcome: ActivityOutcome) -> str:
    where = outcome.places
    return remarks.render(remarks.make_annotations(outcome.report, prompts=where.prompts, cases=where.cases))


def _publish_on_github(job: Job, hub: GitHub, log: Log, outcome: ActivityOutcome, links: comment.Links) -> list[str]:
    """Set the commit status and update the comments, or the issue of a drift; return the URLs of these."""
    report, status, head = outcome.report, outcome.status, outcome.head
    if head is None:
        return []
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    if job.settings.command == "drift":
        url = log.attempt(
            "issue",
            lambda: comments.update_drift_issue(
                make_sticky(job, hub, 0), report, drift.describe_title(report), head=head, links=links, now=now
            ),
        )
        return [url or ""]
    for context in outcome.contexts:
        marks = partial(set_status, key=outcome.key, sign_off=outcome.sign_off, blocked=outcome.blocked)
        write = partial(marks, job, hub, head, status, context)
        log.attempt("commit status", write)
    when = job.settings.comment
    shown = [
        partial(
            comments.update_comment,
            make_sticky(job, hub, number),
            report,
            status,
            when=when,
            head=head,
            links=links,
            now=now,
        )
        for number in outcome.pulls
    ]
    return [log.attempt("comment", show) or "" for show in shown]


def make_sticky(job: Job, hub: GitHub, number: int) -> Sticky:
    return Sticky(github=hub, number=number, key=job.key, author=job.settings.comment_author)


def set_status(
    job: Job,
    hub: GitHub,
    sha: str,
    status: Status,
    context: str,
    *,
    key: str = "",
    sign_off: Literal["", "asked", "given"] = "",
    blocked: Sequence[str] = (),
) -> None:
    url = job.run_url or (job.repository_url if key or sign_off else "")
    url = heads.add_marks(url, key=key, sign_off=sign_off, blocked=blocked)
    hub.set_status(sha, state=status.state, description=status.description, context=context, target_url=url)


def write_kept_outputs(job: Job, status: Status) -> None:
    """Write the outputs of a run that left the standing verdict as it is, with a report of no gates that says so."""
    report = report_error(EvalgateError(f"nothing has changed since the verdict: {status.description}"))
    json, text = job.write_report(report)
    job.write_outputs(
        {
            "verdict": status.verdict,
            "failed": "false" if status.state == "success" else "true",
            "report-json": str(json),
            "report-markdown": str(text),
        }
    )


def _make_outputs(outcome: ActivityOutcome, kept: tuple[object, object] | None, urls: list[str]) -> dict[str, str]:
    report, status = outcome.report, outcome.status
    worse = [case for one in report.gates for case in case_selection.select_cases(one) if case.kind == "regressed"]
    cost = report.cost_usd
    return {
        "verdict": status.verdict,
        "failed": "false" if status.state == "success" else "true",
        "level": describe_level(report),
        "report-json": str(kept[0]) if kept else "",
        "report-markdown": str(kept[1]) if kept else "",
        "comment-url": next(iter(urls), ""),
        "cost-usd": "" if cost is None else f"{cost:.6f}",
        "regressions": str(len(worse)),
        "baseline-sha": outcome.baseline,
    }
