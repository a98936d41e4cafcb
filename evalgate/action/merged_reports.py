"""Reports of merged pull requests: the evidence on which the action publishes the versions that they brought."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from evalgate.action import publish, queued_verdicts, sign_off_lookup
from evalgate.action.job import Job, Log
from evalgate.change.workspace import find_repository
from evalgate.decide import policy
from evalgate.domain import Report
from evalgate.errors import EvalgateError, InputError
from evalgate.gate import verdict_cache
from evalgate.inputs.config import load_config
from evalgate.inputs.tree import CommitTree
from evalgate.services.user_files import resolve_path

if TYPE_CHECKING:
    from evalgate.services.git import Git
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import PullRequestRow


class MergedReports:
    """The reports of the pull requests that brought a commit to the default branch, each of which is read once.

    Their verdicts are put into the store as well, so that a run on the merged commit makes no call again. A report that
    cannot be relied on is left out, with the reason told to the log.
    """

    def __init__(self, job: Job, hub: GitHub, log: Log, head: str) -> None:
        self._job = job
        self._hub = hub
        self._log = log
        self._head = head
        self._branch = job.event.default_branch or job.event.branch
        self._read: dict[int, Report | None] = {}
        self._pulls: dict[str, Sequence[PullRequestRow]] = {}

    def find(self, commit: str) -> Sequence[Report]:
        """Return the reports of a commit's pull requests, and of those of the published one; the signed ones first."""
        pulls: dict[int, PullRequestRow] = {}
        for sha in dict.fromkeys((commit, self._head)):
            if sha not in self._pulls:
                found = self._log.attempt("merged pull requests", partial(self._hub.pull_requests_of, sha)) or ()
                self._pulls[sha] = [pull for pull in found if pull.base_ref == self._branch]
            pulls |= {pull.number: pull for pull in self._pulls[sha]}
        for number in sorted(pulls.keys() - self._read.keys()):
            self._read[number] = self._try_report(pulls[number])
        reports = [report for number in sorted(pulls, reverse=True) if (report := self._read[number]) is not None]
        return sorted(reports, key=lambda report: report.sign_off is None)

    def _try_report(self, pull: PullRequestRow) -> Report | None:
        try:
            git = find_repository(self._job.config)
            report = self._read_report(git, pull)
            verdict_cache.put_all(self._job.store, report)
        except EvalgateError as error:
            self._log.say(f"the report of #{pull.number} is not used: {error.faults[0].message}")
            return None
        return self._log.attempt("sign-off", partial(self._add_sign_off, git, pull, report)) or report

    def _read_report(self, git: Git, pull: PullRequestRow) -> Report:
        """Return the report that decided the pull request. Raises EvalgateError for one that is not to be relied on."""
        context, base = self._job.context(self._branch), pull.base_sha
        if git.knows(base) and git.knows(pull.head_sha) and git.is_ancestor(pull.head_sha, base):
            raise InputError("it is not known which workflow its base had")
        return queued_verdicts.find_report(
            self._job, self._hub, git, pull, base=base, context=context, path="", awaiting=True
        )

    def _add_sign_off(self, git: Git, pull: PullRequestRow, report: Report) -> Report:
        """Return the report with the sign-off that the API tells of, given after its run. Raises ServiceError."""
        settings = self._job.settings
        if settings.sign_off == "none" or report.sign_off is not None or not report.exit_code.awaits_sign_off:
            return report
        name = resolve_path(self._job.config).relative_to(git.root.resolve()).as_posix()
        config = load_config(CommitTree(git, self._head), name, verify=None)
        found = sign_off_lookup.look_up_sign_off(
            publish.make_sticky(self._job, self._hub, pull.number),
            report,
            context=self._job.context(self._branch),
            head=pull.head_sha,
            mode=settings.sign_off,
            approvers=(*config.approvers, *settings.approvers),
            warn=self._log.warn,
        )
        if found.met is None:
            self._log.say(f"#{pull.number}: {found.waiting_for}")
            return report
        return policy.apply_sign_off(report, found.met)
