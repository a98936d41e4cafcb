"""`cases lint`: find cases that measure nothing, little, or the same as another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from evalgate.change.workspace import WorkingTree
from evalgate.commands.plan import ASSUMED_SPREAD
from evalgate.decide import power
from evalgate.decide.tags import MIN_CASES
from evalgate.domain import Gate, Report
from evalgate.errors import EvalgateError
from evalgate.gate import reports
from evalgate.gate.dataset_gates import DatasetGates, find_dataset_gates, load_dataset_gates
from evalgate.plan.case_lint import CaseFinding, CaseRecord, find_case_findings
from evalgate.store.store import Store

MOST_REPORTS = 10
"""Stored verdicts that are read, the newest first."""


def lint_cases(
    workspace: WorkingTree, gate: str | None, given: Sequence[Path], store: Store
) -> Iterator[tuple[DatasetGates, tuple[CaseFinding, ...]]]:
    """Yield each dataset of the configuration, or that of a gate, with the findings about it.

    `given` are reports that are read beside those of the store. Raises InputError for files that are not valid.
    """
    gates: Sequence[Gate] = workspace.config.gates
    if gate is not None:
        gates = find_dataset_gates(workspace.config, gate)
    known = [*(reports.load_report(path) for path in given), *_load_stored(store)]
    for group in load_dataset_gates(workspace, gates):
        targets = workspace.config.targets
        # a function may read any field of a case
        takes_all = any(targets[one.candidate_target].kind == "python" for one in group.gates)
        versions = () if group.unread else group.versions
        found = find_case_findings(
            group.dataset,
            group.gates,
            group.versions,
            workspace.config.policy,
            least_in_tag=MIN_CASES,
            shown_drop=power.find_detectable_drop(ASSUMED_SPREAD, MIN_CASES),
            record=read_record(group, known),
        )
        kept = (one for one in found if one.kind != "unused_field" or (versions and not takes_all))
        yield replace(group, versions=versions), tuple(kept)


def read_record(group: DatasetGates, known: Iterable[Report]) -> CaseRecord:
    """Return the cases on which every version in reports of these gates has full scores on all criteria.

    A case that a version failed, was not scored on, or answered without full scores once is none of them.
    """
    names = {gate.name for gate in group.gates}
    seen: dict[str, set[str]] = {}
    failed: set[str] = set()
    for report in known:
        for gate in report.gates:
            evidence = gate.evidence
            if evidence.name not in names or evidence.dataset.path != group.dataset.path:
                continue
            refs = {"candidate": evidence.candidate, "baseline": evidence.baseline}
            for result in (*evidence.results, *evidence.confirmations):
                ref = refs.get(str(result.arm))
                values = list(result.values.values())
                if ref is None or not values or any(value != 1.0 for value in values):
                    failed.add(result.case)
                else:
                    seen.setdefault(ref.digest, set()).add(result.case)
    always = set.intersection(*seen.values()) - failed if seen else set()
    return CaseRecord(cases=frozenset(always), versions=len(seen))


def _load_stored(store: Store) -> Iterator[Report]:
    """Yield the last report and the newest stored verdicts that are valid."""
    dated: list[tuple[float, Path]] = []
    for path in store.list_verdicts():
        with suppress(OSError):
            dated.append((path.stat().st_mtime, path))
    for path in (store.last_report, *(path for _, path in sorted(dated, reverse=True)[:MOST_REPORTS])):
        with suppress(EvalgateError, OSError):
            yield reports.load_report(path)
