"""Verdicts that blocked, as evalgate's own statuses record them: a second draw of the same content replaces none.

A store holds them, too, but it may be lost: a workflow has none, or a cache is evicted or of another scope. A status
cannot be changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from evalgate.action import heads, publish
from evalgate.action import sign_off_lookup as approval
from evalgate.action.job import Job, Log
from evalgate.action.outcome import ActivityOutcome
from evalgate.decide import policy
from evalgate.domain import Evidence, GateReport, RecordedVerdict, Report, Verdict
from evalgate.gate import verdict_cache
from evalgate.report.status import make_status

if TYPE_CHECKING:
    from evalgate.services.github import GitHub
    from evalgate.services.github_rows import CommitStatus

_WHAT = "earlier verdicts"
_MARKS = {Verdict.FAIL: "f", Verdict.INCONCLUSIVE: "i"}
_DIGITS = 12  # hexadecimal: a match by chance blocks one content in 2^48
_MOST = 40  # gates that a status names, so that its address stays below 1,000 characters


def list_blocked(report: Report) -> tuple[str, ...]:
    """Return a mark for each drawn gate that blocks: its verdict, and the start of the key of its content.

    An INCONCLUSIVE counts if it was measured, as the store keeps it: not after an outage, and not if it only blocks
    because of earlier attempts.
    """
    found = [_make_mark(gate.decision, gate.evidence.verdict_key or "") for gate in report.gates if _is_final(gate)]
    return tuple(found[:_MOST])


def keep_recorded(
    job: Job, hub: GitHub | None, log: Log, ran: ActivityOutcome, head: str
) -> tuple[ActivityOutcome, Mapping[str, Sequence[CommitStatus]]]:
    """Return the outcome with the verdicts that stand in place of better ones that were drawn anew.

    They are looked up on the evaluated commit, on all commits that its pull request has or had, and in a merge queue on
    those of the queued pull requests. What cannot be looked up is a warning. The second value has the statuses that
    were read, by commit: each list takes a request.
    """
    drawn = [gate for gate in ran.report.gates if gate.evidence.verdict_key and not _fails(gate)]
    if hub is None or not drawn:
        return ran, {}
    read = _read_statuses(job, hub, log, head)
    past = find_recorded(status for found in read.values() for status in found)
    gates = tuple(_keep(gate, past) for gate in ran.report.gates)
    if gates == ran.report.gates:
        return ran, read
    decision, exit_code = policy.conclude(gates, ran.report.policy_changes)
    report = replace(ran.report, gates=gates, decision=decision, exit_code=exit_code)
    return replace(ran, report=report, status=make_status(report)), read


def find_recorded(statuses: Iterable[CommitStatus]) -> Mapping[str, RecordedVerdict]:
    """Return the recorded verdict by the mark of its gate: the first one of each.

    One that was drawn after the whole content had passed does not count: that verdict was reached before.
    """
    found: dict[str, RecordedVerdict] = {}
    passed: set[str] = set()
    for status in sorted(statuses, key=lambda status: (status.created_at, status.id)):
        key = heads.read_key(status)
        if status.state == "failure" and key not in passed:
            for mark in heads.read_blocked(status):
                decision = next(verdict for verdict, letter in _MARKS.items() if letter == mark[0])
                past = RecordedVerdict(decision=decision, at=status.created_at, page=heads.remove_marks(status))
                found.setdefault(mark, past)
        elif key and (status.state == "success" or heads.read_sign_off(status)):
            passed.add(key)
    return found


def _is_final(gate: GateReport) -> bool:
    if gate.evidence.verdict_key is None or gate.decision not in _MARKS or not gate.exit_code.blocks:
        return False
    own = any(f.blocks and f.decision is gate.decision and f.kind != "attempts" for f in gate.findings)
    return own and (gate.decision is Verdict.FAIL or verdict_cache.is_measured(gate))


def _fails(gate: GateReport) -> bool:
    return gate.decision is Verdict.FAIL and gate.exit_code.blocks


def _make_mark(decision: Verdict, key: str) -> str:
    return f"{_MARKS[decision]}{key[:_DIGITS]}"


def _keep(gate: GateReport, past: Mapping[str, RecordedVerdict]) -> GateReport:
    for verdict in _MARKS:
        for key in _list_keys(gate.evidence):
            recorded = past.get(_make_mark(verdict, key))
            if recorded is not None:
                evidence = replace(gate.evidence, recorded=recorded)
                return policy.decide(evidence, gate.thresholds, gate.policy, gate.level_policy)
    return gate


def _list_keys(evidence: Evidence) -> list[str]:
    """Return the keys under which a verdict on a gate's content is found; none if it does not depend on chance."""
    return [key for key in (evidence.verdict_key, evidence.shown_key) if key and evidence.verdict_key]


def _read_statuses(job: Job, hub: GitHub, log: Log, head: str) -> dict[str, list[CommitStatus]]:
    """Read evalgate's own statuses on the head and on the commits of its pull requests, on the way to any branch."""
    context, name = job.context(job.event.branch), job.context(job.event.default_branch)
    commits = {head: 0}
    for number, base in log.attempt(_WHAT, lambda: _find_pulls(job, hub, head)) or ():
        commits |= dict.fromkeys(log.attempt(_WHAT, partial(heads.list_heads, hub, number, base)) or (), number)
    read = {}
    for sha, number in commits.items():
        sticky = publish.make_sticky(job, hub, number)
        found = log.attempt(_WHAT, partial(heads.list_statuses_to_any, sticky, name, context, sha))
        if found is None:  # it is denied, or GitHub is down: that holds for the other commits as well
            break
        read[sha] = found
    return read


def _find_pulls(job: Job, hub: GitHub, head: str) -> Sequence[tuple[int, str]]:
    """Return the number of each pull request that a run is about, with a commit of its target branch."""
    event = job.event
    if event.of_pull_request and event.pull is not None and event.base is not None:
        return [(event.pull, event.base)]
    if event.name == "merge_group" and event.base is not None:
        return [(number, event.base) for number in approval.find_queued_pull_requests(hub, event)]
    return [(pull.number, pull.base_sha) for pull in heads.find_open_pull_requests(hub, head)]
