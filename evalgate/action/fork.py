"""Reports of runs without secrets, as for forks: the artifact is untrusted, so it can prove a FAIL but never a PASS."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING

from evalgate.action.event import OtherRun
from evalgate.decide import policy
from evalgate.domain import Admission, Finding, GateReport, Report, ReportKind, Verdict
from evalgate.errors import InputError
from evalgate.store import report_json

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import Artifact, PullRequestRow

MOST_ZIPPED, MOST = 20_000_000, 100_000_000
"""Limits in bytes of an artifact and of the report in it: twice the size for 10,000 cases."""

_FIRST = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_LAST = datetime.datetime.max.replace(tzinfo=datetime.UTC)
_UNPROVEN = (
    "A run without secrets, controlled by the author of the change, found no failure. This does not prove a pass."
)


def read_fork_report(github: GitHub, other: OtherRun, artifact: str) -> Report:
    """Read the report in the artifact of another run, with its passes withdrawn.

    Raises InputError if there is no such artifact or it holds no valid report.
    """
    found = find_artifact(github, other.id, artifact, since=other.started_at)
    return withdraw_passes(download_report(github, found))


def find_artifact(github: GitHub, run: int, name: str, *, since: str = "") -> Artifact:
    """Return the last artifact of this name that a run uploaded, of those not older than `since` (ISO 8601).

    A run that is repeated keeps the artifacts of its earlier attempts. Raises InputError if there is none.
    """
    first = datetime.datetime.fromisoformat(since) if since else _FIRST
    named = [one for one in github.artifacts(run) if one.name == name and not one.expired]
    found = [one for one in named if _read_time(one) >= first]
    if not found:
        of_last = " of its last attempt" if named else ""
        raise InputError(
            f'the run {run} has no artifacts named "{name}"{of_last}',
            hint="upload the folder of the output report-json under this name, also when the gate fails",
        )
    return max(found, key=lambda one: (_read_time(one), one.id))


def download_report(github: GitHub, artifact: Artifact) -> Report:
    """Return the report in an artifact. Raises InputError if it is too large or holds no valid report."""
    from evalgate.services.artifact import read_report

    if artifact.size > MOST_ZIPPED:
        raise InputError(
            f'the artifact "{artifact.name}" has {artifact.size:,} bytes; at most {MOST_ZIPPED:,} are read'
        )
    data = read_report(github.download(artifact.id, most=MOST_ZIPPED), most=MOST)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise InputError("report.json was not written by evalgate: it is not ASCII") from None
    report = report_json.read(text, "report.json")
    if report.redrawn is not None:
        raise InputError("report.json shows answers that were drawn again after a verdict, so it decides nothing")
    if any(gate.evidence.kind is ReportKind.PART for gate in report.gates):
        raise InputError("report.json is of a part of the cases, which is not a gate")
    return report


def _read_time(artifact: Artifact) -> datetime.datetime:
    return datetime.datetime.fromisoformat(artifact.created_at) if artifact.created_at else _LAST


def withdraw_passes(report: Report) -> Report:
    """Return the report without its passes and sign-off, which are not proven. A FAIL stays a FAIL.

    Its count of attempts is removed as well: attempts are counted by the GitHub API.
    """
    gates = tuple(_withdraw_pass(gate) for gate in report.gates)
    decision, exit_code = policy.combine_verdicts(gates)
    if exit_code.lets_merge:  # no gates: only a trusted run can show that there was nothing to evaluate
        decision, exit_code = Verdict.INCONCLUSIVE, Admission.INCONCLUSIVE
    return replace(report, gates=gates, decision=decision, exit_code=exit_code, sign_off=None, attempts=None)


def _withdraw_pass(gate: GateReport) -> GateReport:
    if gate.exit_code.blocks:
        return gate
    doubt = Finding(
        criterion=None, kind="completeness", decision=Verdict.INCONCLUSIVE, sentence=_UNPROVEN, blocks=True, cases=()
    )
    return replace(
        gate,
        decision=Verdict.INCONCLUSIVE,
        exit_code=Admission.INCONCLUSIVE,
        findings=(doubt, *gate.findings),
        requirements=(),
    )


def pull_requests(github: GitHub, other: OtherRun) -> tuple[PullRequestRow, ...]:
    """Find the open pull requests whose head is the run's commit in the run's repository. Raises ServiceError.

    Only the API is used: the numbers in the artifact and the event are untrusted.
    """
    found = [
        *github.pull_requests_of(other.head),
        *github.open_pull_requests(head_owner=other.owner, head_ref=other.branch),
    ]
    matching = {
        pull.number: pull
        for pull in found
        if pull.state == "open" and (pull.head_sha, pull.head_repository_id) == (other.head, other.repository_id)
    }
    return tuple(matching[number] for number in sorted(matching))
