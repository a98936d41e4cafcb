"""Render a report as annotations of a pull request, each on the line of a prompt or a case; blocking ones first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from evalgate.domain import Finding, GateReport, Report, Verdict
from evalgate.report import case_selection, view, workflow
from evalgate.report.escape import prose

# GitHub shows at most 10 of one kind for a step.
MOST = 10
_MESSAGE, _SENTENCE, _NAME = 600, 400, 100
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation of a line of a file. `line` counts from 1. Title and message are raw; `render` escapes them."""

    level: Literal["error", "warning", "notice"]
    path: str
    line: int
    title: str
    message: str


def make_annotations(
    report: Report, *, prompts: Mapping[str, Place], cases: Mapping[str, Mapping[str, Place]]
) -> tuple[Annotation, ...]:
    """Return at most `MOST` annotations: the verdict of each gate that is not a plain PASS, then its worse cases.

    A gate that passes with a remark, such as one on a judge that shows no difference, gets a notice.

    `prompts` maps each gate to the path and line of its prompt, `cases` maps it to those of its cases by id. Gates and
    cases without a place are left out. Gates that block come first, and the annotations of gates come before cases.
    """
    gates = sorted(report.gates, key=_rank)
    found = [one for gate in gates for one in _of_gate(gate, prompts)]
    left = [list(_of_cases(gate, cases.get(gate.evidence.name, {}))) for gate in gates]
    # Round robin, so that one gate with many cases does not hide the others.
    for turn in range(max((len(some) for some in left), default=0)):
        found.extend(some[turn] for some in left if turn < len(some))
    return tuple(found[:MOST])


def render(found: tuple[Annotation, ...]) -> str:
    """Render annotations as workflow commands, one a line; their texts are escaped and cannot add commands."""
    return "".join(
        workflow.render_command(one.level, one.message, file=one.path, line=one.line, title=one.title) + "\n"
        for one in found
    )


def _rank(gate: GateReport) -> int:
    return ("error", "warning", "notice").index(_level(gate))


def _level(gate: GateReport) -> Literal["error", "warning", "notice"]:
    if gate.exit_code.blocks:
        return "error"
    return "warning" if gate.only_warns else "notice"


def _of_gate(gate: GateReport, prompts: Mapping[str, Place]) -> Iterator[Annotation]:
    place = prompts.get(gate.evidence.name)
    is_plain = gate.exit_code.lets_merge and not gate.only_warns
    if place is None or (is_plain and all(finding.kind != "remark" for finding in gate.findings)):
        return
    title = f"{view.headline(gate)}: {prose(gate.evidence.name, most=_NAME)}"
    said = [
        prose(view.find_deciding_sentence(gate), most=_SENTENCE),
        *(f"Note: {note}" for note in view.list_remarks(gate)),
    ]
    yield _annotation(_level(gate), place, title, " ".join(said))


def _of_cases(gate: GateReport, places: Mapping[str, Place]) -> Iterator[Annotation]:
    if gate.decision is Verdict.PASS:
        return
    blocking = {case for finding in gate.findings if _is_blocking(finding) for case in finding.cases}
    for case in case_selection.select_cases(gate):
        place = places.get(case.case)
        if place is None or case.candidate is None:
            continue
        reasons = [
            f"{mark.criterion} {mark.score}{f': {mark.reason}' if mark.reason else ''}"
            for mark in case.candidate.marks
            if mark.criterion in case.criteria
        ]
        words = {"regressed": "got worse", "failing": "does not hold", "undecided": "is undecided"}[case.kind]
        level: Literal["error", "warning"] = "error" if case.case in blocking else "warning"
        text = "; ".join(reasons) or ", ".join(case.criteria)
        yield _annotation(level, place, f"{prose(case.case, most=_NAME)} {words}", text)


def _is_blocking(finding: Finding) -> bool:
    return finding.blocks and finding.decision is not Verdict.PASS


def _annotation(level: Literal["error", "warning", "notice"], place: Place, title: str, message: str) -> Annotation:
    return Annotation(level=level, path=place[0], line=place[1], title=title, message=prose(message, most=_MESSAGE))
