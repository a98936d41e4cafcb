"""`show`: the cases of a report that are worth a look, and all that is known of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.decide import policy
from evalgate.domain import Arm, GateReport, Report
from evalgate.domain.lists import name_some
from evalgate.domain.names import suggest_closest
from evalgate.domain.sent_prompts import SentCase
from evalgate.domain.text import WITHHELD
from evalgate.errors import InputError
from evalgate.gate import reports, requests_shown
from evalgate.gate.options import Machine
from evalgate.report.case_page import CasePage, make_page
from evalgate.report.case_selection import select_cases
from evalgate.report.withhold import withhold_texts
from evalgate.store import prompt_lines
from evalgate.store.store import Store

_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReport:
    """A report as it may be shown: whole on a person's own screen, else without the texts that it withholds."""

    report: Report
    is_private: bool


def read_report(path: Path | None, store: Store, *, is_private: bool) -> ShownReport:
    """Read and verify a report: the one in a file, else that of the last run, of all cases or of a part.

    Raises InputError if there is none, or if it is not valid.
    """
    kept = store.last_part if store.last_part.is_file() else store.last_report
    if path is None and not kept.is_file():
        raise InputError(
            f"{store.root}: no report is kept here",
            hint="`evalgate run` keeps that of its last run, and --report FILE names another one",
        )
    report = reports.load_report(path or kept)
    return ShownReport(report=report if is_private else withhold_texts(report, policy.decide), is_private=is_private)


def choose_gates(report: Report, names: Sequence[str]) -> tuple[GateReport, ...]:
    """Return the gates of a report with these names, all without a name. Raises InputError for an unknown one."""
    known = [gate.evidence.name for gate in report.gates]
    for name in names:
        if name not in known:
            hint = suggest_closest(name, known, otherwise=f"the gates are: {', '.join(known) or 'none'}")
            raise InputError(f'the report has no gate "{name}"', hint=hint)
    return tuple(gate for gate in report.gates if not names or gate.evidence.name in names)


def find_case(gates: Sequence[GateReport], given: str) -> str:
    """Return the id of the case that is meant: an id, or the beginning of exactly one. Raises InputError."""
    known = dict.fromkeys(case for gate in gates for case in _list_ids(gate))
    if given in known:
        return given
    found = [case for case in known if case.startswith(given)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f'several cases begin with "{given}": {name_some(found, _NAMED)}', hint="give the whole id")
    otherwise = "`evalgate show` lists the cases that are worth a look"
    hint = suggest_closest(given, known, otherwise=otherwise)
    raise InputError(f'no case of this report has the id "{given}"', hint=hint)


def make_pages(
    shown: ShownReport,
    gates: Sequence[GateReport],
    case: str,
    config_path: Path,
    machine: Machine,
    *,
    arm: Arm | None = None,
) -> tuple[CasePage, ...]:
    """Return the page of a case for each of these gates of the report that has it."""
    pages = []
    for gate in gates:
        if case not in _list_ids(gate):
            continue
        found = _find_prompts(shown.report, gate, case, config_path, machine)
        if isinstance(found, SentCase) and not shown.is_private and not _may_leave(shown.report, gate, case):
            found = requests_shown.withhold_prompts(found, WITHHELD)
        sent, note = (found, "") if isinstance(found, SentCase) else (None, found)
        pages.append(make_page(gate, case, sent, note, arm=arm, texts=shown.report.texts))
    return tuple(pages)


def _list_ids(gate: GateReport) -> list[str]:
    return list(gate.evidence.order or dict.fromkeys(result.case for result in gate.evidence.results))


def _may_leave(report: Report, gate: GateReport, case: str) -> bool:
    """Return whether the texts of a case may leave the machine."""
    if report.texts == "failing":
        return any(shown.case == case for shown in select_cases(gate))
    return report.texts == "all"


def _find_prompts(report: Report, gate: GateReport, case: str, config_path: Path, machine: Machine) -> SentCase | str:
    """Return what was sent for a case, or a sentence that says why it is not known."""
    store, evidence = machine.store, gate.evidence
    if not evidence.kind.is_of_change:
        return f"what was sent is not known: this is a report of the kind {evidence.kind.value}"
    for path in map(store.find_prompts, (store.last_part, store.last_report)):
        if prompt_lines.read_run_id(path) != report.run_id:
            continue
        try:
            found = prompt_lines.find_case(path, evidence.name, case)
        except InputError as error:
            return f"what was sent is not known: {error.faults[0]}"
        if found is not None:
            return found
    return requests_shown.render_again(evidence, case, config_path, machine)
