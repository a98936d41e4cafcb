"""A report as annotations of a pull request: what blocks first, each on the line of the prompt or of the case."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from evalgate.domain import Finding, GateReport, Report, Verdict
from evalgate.report import case_selection, view, workflow
from evalgate.report.escape import prose

# GitHub shows no more than 10 of one kind for a step.
MOST = 10
_MESSAGE, _SENTENCE, _NAME = 600, 400, 100
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One remark on a line of a file; `line` counts from 1. Title and message are raw text: `render` escapes them."""

    level: Literal["error", "warning", "notice"]
    path: str
    line: int
    title: str
    message: str


def make_annotations(
    report: Report, *, prompts: Mapping[str, Place], cases: Mapping[str, Mapping[str, Place]]
) -> tuple[Annotation, ...]:
    """At most `MOST` remarks: the verdict of each gate that does not simply pass, then its cases that got worse.

    A gate that passes and has something to be noted, such as a judge that sees no difference, gets a notice.

    `prompts` gives the path and line of each gate's prompt, `cases` those of its cases by id; what they lack is left
    out. Gates that block come before others, and every gate's own remark before any case.
    """
    gates = sorted(report.gates, key=_rank)
    found = [one for gate in gates for one in _of_gate(gate, prompts)]
    left = [list(_of_cases(gate, cases.get(gate.evidence.name, {}))) for gate in gates]
    # In turn, so that one gate with many cases does not hide the others.
    for turn in range(max((len(some) for some in left), default=0)):
        found.extend(some[turn] for some in left if turn < len(some))
    return tuple(found[:MOST])


def render(found: tuple[Annotation, ...]) -> str:
    """The annotations as lines for the workflow's log; nothing of them is a command but what is meant to be one."""
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
