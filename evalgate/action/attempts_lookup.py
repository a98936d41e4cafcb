"""Lookup of the attempts on the pull request that a run evaluates, or whose head it evaluates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalgate.action import heads, publish
from evalgate.action.job import Job, Log
from evalgate.action.outcome import ActivityOutcome
from evalgate.decide import attempts
from evalgate.domain import Attempts, Report
from evalgate.report.status import make_status

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPull:
    """A pull request by its number, with a commit of its target branch."""

    number: int
    base: str


def find_pulls(  # noqa: PLR0917 - a run, and the verdict that stands on its commit
    job: Job, hub: GitHub | None, log: Log, report: Report, head: str, before: CommitStatus | None
) -> tuple[TriedPull, ...] | None:
    """Return the pull requests that a run counts as an attempt of; None if they are not known.

    A run of another event sets the same status as one of a pull request. So on the head of an open pull request it is
    one of its attempts, where the policy requires something after several of them, or where a sign-off is awaited.
    """
    event = job.event
    if event.of_pull_request or event.name == "merge_group":
        if hub is None or event.pull is None or event.base is None:
            return None
        return (TriedPull(number=event.pull, base=event.base),)
    needs = report.exit_code.awaits_sign_off or any(gate.policy.attempts == "strict" for gate in report.gates)
    if hub is None or not needs:
        return ()
    found = log.attempt("attempts", lambda: heads.find_open_pull_requests(hub, head))
    if not found and before is not None and heads.read_sign_off(before) == "asked":
        return None  # a pull request asked for it, such as one of a fork, which GitHub does not list
    return None if found is None else tuple(TriedPull(number=one.number, base=one.base_sha) for one in found)


def add_attempts(  # noqa: PLR0917 - a run, and the pull requests that it belongs to
    job: Job,
    hub: GitHub | None,
    log: Log,
    ran: ActivityOutcome,
    head: str,
    pulls: Sequence[TriedPull] | None,
    known: Mapping[str, Sequence[CommitStatus]],
) -> ActivityOutcome:
    """Apply the policy on repeated attempts in the same pull request to the outcome; with several, the strictest.

    `known` are statuses that were read already, by commit.
    """
    if not ran.key or (pulls is not None and not pulls):
        return ran
    counted = [_count(job, hub, log, ran, head, pull, known) for pull in pulls or ()] if hub is not None else []
    report = attempts.apply_attempts(ran.report, _choose_strictest(counted))
    return replace(ran, report=report, status=make_status(report))


def _count(  # noqa: PLR0917 - see `add_attempts`
    job: Job,
    hub: GitHub,
    log: Log,
    ran: ActivityOutcome,
    head: str,
    pull: TriedPull,
    known: Mapping[str, Sequence[CommitStatus]],
) -> Attempts:
    event, sticky = job.event, publish.make_sticky(job, hub, pull.number)
    found = log.attempt(
        "attempts",
        lambda: heads.count_attempts(
            ran.report,
            sticky,
            key=ran.key,
            context=job.context(event.branch),
            name=job.context(event.default_branch),
            head=head,
            base=pull.base,
            queued=event.name == "merge_group",
            known=known,
        ),
    )
    return attempts.UNKNOWN if found is None else found


def _choose_strictest(counted: Iterable[Attempts]) -> Attempts:
    """Return the highest number of attempts, after which a verdict blocked if it did in any pull request."""
    known = list(counted)
    if not known or any(one.number is None for one in known):
        return attempts.UNKNOWN
    most = max(known, key=lambda one: one.number or 0)
    return replace(most, blocked_before=any(one.blocked_before for one in known))
