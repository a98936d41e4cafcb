"""`merge`: combine the reports of the shards of one run into the report of the whole run.

Where a stored verdict blocks, a shard reports it in place of its part. It holds for the whole gate: other answers would
be a second draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from evalgate.decide import policy
from evalgate.decide.evidence import sort_results
from evalgate.domain import REUSED, Calls, Evidence, GateReport, Report, ReportKind, Usage
from evalgate.domain.measured_similarity import join_similarities
from evalgate.domain.report_kind import make_merge_note
from evalgate.errors import InputError, Place
from evalgate.gate.reports import make_report

_NAMED = 20
"""The most missing shards that are named."""


def merge_reports(reports: Sequence[tuple[str, Report]]) -> Report:
    """Return one report for the shards of one run, with the verdict that the whole run would have reached.

    `reports` come with their paths. Raises InputError for a report that is not a shard, for shards of different runs,
    and for a duplicate. A missing shard leaves its cases undecided, and a warning names it.
    """
    parts: dict[str, list[tuple[str, GateReport]]] = {}
    for path, report in reports:
        if report.policy_changes != reports[0][1].policy_changes:
            message, hint = f"it edits other policy files than {reports[0][0]}", "merge the reports of one run"
            raise InputError(message, place=Place(path=path), hint=hint)
        for gate in report.gates:
            parts.setdefault(gate.evidence.name, []).append((path, gate))
    gates, missing = [], []
    for name, found in parts.items():
        if (stored := _find_stored_verdict(name, found)) is not None:
            gates.append(stored)
            continue
        evidence = _join_evidence(name, found)
        first = found[0][1]
        gates.append(policy.decide(evidence, first.thresholds, first.policy, first.level_policy))
        assert first.evidence.shard is not None
        have = {gate.evidence.shard.number for _, gate in found if gate.evidence.shard is not None}
        of = first.evidence.shard.of  # from a file, and maybe any number
        lost = list(islice((str(number) for number in range(1, of + 1) if number not in have), _NAMED + 1))
        lost[_NAMED:] = ["..."] * (len(lost) > _NAMED)
        which = f"shard {lost[0]} of {of:,} is" if len(lost) == 1 else f"shards {', '.join(lost)} of {of:,} are"
        missing += [f"gate {name}: {which} missing"] if lost else []
    warnings = tuple(dict.fromkeys([*(w for _, r in reports for w in r.warnings), *missing]))
    strictest = min((report.texts for _, report in reports), key=("none", "failing", "all").index)
    return replace(make_report(gates, warnings, reports[0][1].policy_changes), texts=strictest)


def _find_stored_verdict(name: str, parts: Sequence[tuple[str, GateReport]]) -> GateReport | None:
    """Return the stored verdict that a part reports. Raises InputError if it is not one on the run of the others."""
    found = next(((path, gate) for path, gate in parts if _is_stored_verdict(gate)), None)
    if found is None:
        return None
    path, stored = found
    for other, gate in parts:
        if _list_compared(gate) != _list_compared(stored):
            raise _refuse_other_run(name, path, other)
    return stored


def _is_stored_verdict(gate: GateReport) -> bool:
    evidence = gate.evidence
    reused = evidence.verdict_key is not None and any(note.startswith(REUSED) for note in evidence.notes)
    return evidence.shard is None and reused and gate.exit_code.blocks


def _list_compared(gate: GateReport) -> tuple[object, ...]:
    """Return what a verdict is about: the versions, cases, criteria and rules."""
    evidence = gate.evidence
    versions = [None if one is None else one.digest for one in (evidence.candidate, evidence.baseline)]
    return versions, evidence.dataset.digest, evidence.criteria, dict(gate.thresholds), gate.policy


def _refuse_other_run(name: str, path: str, other: str) -> InputError:
    hint = "merge the reports of one run: the same versions, dataset, criteria, thresholds and policy"
    return InputError(f"gate {name}: not the same run as {path}", place=Place(path=other), hint=hint)


def _join_evidence(name: str, parts: Sequence[tuple[str, GateReport]]) -> Evidence:
    path, first = parts[0]
    seen: dict[int, str] = {}
    for other, gate in parts:
        shard = gate.evidence.shard
        if gate.evidence.kind is ReportKind.PART:
            raise InputError(
                f"gate {name}: the report is of a part of the cases, and not of a shard", place=Place(path=other)
            )
        if shard is None:
            raise InputError(f"gate {name}: this report is not a shard, it has a verdict", place=Place(path=other))
        if shard.number in seen:
            raise InputError(
                f"gate {name}: shard {shard.number} is also in {seen[shard.number]}", place=Place(path=other)
            )
        seen[shard.number] = other
        if _strip_results(gate) != _strip_results(first):
            raise _refuse_other_run(name, path, other)
    order = first.evidence.order
    all_of = [gate.evidence for _, gate in parts]
    costs = [evidence.cost_usd for evidence in all_of]
    return replace(
        first.evidence,
        shard=None,
        results=sort_results([r for e in all_of for r in e.results], order),
        confirmations=sort_results([r for e in all_of for r in e.confirmations], order),
        notes=(make_merge_note(len(parts)), *dict.fromkeys(note for e in all_of for note in e.notes)),
        moved=tuple(dict.fromkeys(sentence for e in all_of for sentence in e.moved)),
        inputs={case: fields for e in all_of for case, fields in e.inputs.items()},
        similarity=join_similarities([e.similarity for e in all_of], order),
        calls=_add_calls([evidence.calls for evidence in all_of]),
        usage=sum((evidence.usage for evidence in all_of), Usage()),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def _strip_results(gate: GateReport) -> tuple[object, ...]:
    similarity = gate.evidence.similarity
    evidence = replace(
        gate.evidence,
        shard=replace(gate.evidence.shard, number=0) if gate.evidence.shard else None,
        results=(),
        confirmations=(),
        notes=(),
        moved=(),
        inputs={},
        similarity=None if similarity is None else replace(similarity, outputs=(), fault=""),
        calls=Calls(),
        usage=Usage(),
        cost_usd=None,
    )
    return evidence, gate.thresholds, gate.policy, gate.level_policy


def _add_calls(calls: Sequence[Calls]) -> Calls:
    return Calls(
        made=sum(c.made for c in calls),
        cached=sum(c.cached for c in calls),
        saved=sum(c.saved for c in calls),
        stopped=sum(c.stopped for c in calls),
        confirming=sum(c.confirming for c in calls),
    )
