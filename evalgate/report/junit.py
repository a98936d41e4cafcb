"""Render a report as JUnit XML, for the test views of GitLab, Jenkins, Azure Pipelines and others.

The views agree with the verdict. A test case is a `failure` only where a FAIL blocks the change, and an `error` only
where the change is blocked without a proof. What does not block is never either: it is `skipped`, with the reason. So
a report that lets the change merge, or waits for a sign-off, has no failure and no error; a FAIL has a failure. Answers
that were drawn again decide nothing: only the verdict that stays can be a failure or an error then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from evalgate.domain import Admission, Arm, Criterion, Finding, GateReport, Report, ReportKind, Result, Score, Unscored
from evalgate.domain.similarity import REPORTED_SIMILARITY
from evalgate.report import case_selection, case_states, view
from evalgate.report.case_selection import ShownCase
from evalgate.report.case_states import blame_cases, find_state
from evalgate.report.escape import prose, xml
from evalgate.report.similarity_lines import describe_similarity

_MESSAGE, _TEXT = 1_000, 4_000
_FIELDS = 10
State = Literal["failure", "error", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One test case; `state` is None if it passed. Texts are raw."""

    name: str
    state: State | None = None
    kind: str = ""
    message: str = ""
    details: str = ""


def render(report: Report) -> str:
    """Render the report: a suite for the whole run, and one for each gate.

    The suite of a gate has a test case for its verdict, for each finding, and for each pair of case and criterion that
    the candidate was scored on.
    """
    suites = [
        ("evalgate", [_describe_run(report)]),
        *((_name_suite(gate), _list_tests(gate, decides=report.redrawn is None)) for gate in report.gates),
    ]
    every = [test for _, tests in suites for test in tests]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="evalgate" {_count(every)}>']
    for name, tests in suites:
        skipped = sum(test.state == "skipped" for test in tests)
        created = xml(report.created_at)
        lines.append(f'  <testsuite name="{xml(name)}" {_count(tests)} skipped="{skipped}" timestamp="{created}">')
        lines.extend(line for test in tests for line in _render_test(name, test))
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _name_suite(gate: GateReport) -> str:
    """Return the name of a gate; of a replay with that word, since a view shows no more of a test that passed."""
    name = gate.evidence.name
    return f"{name} (replay)" if gate.evidence.kind is ReportKind.REPLAY else name


def _count(tests: list[_Test]) -> str:
    failures, errors = (sum(test.state == state for test in tests) for state in ("failure", "error"))
    return f'tests="{len(tests)}" failures="{failures}" errors="{errors}"'


def _render_test(suite: str, test: _Test) -> Iterator[str]:
    head = f'    <testcase classname="{xml(suite)}" name="{xml(test.name)}"'
    if test.state is None:
        yield f"{head}/>"
        return
    kind = "" if test.state == "skipped" else f' type="{xml(test.kind)}"'
    message = xml(prose(test.message, most=_MESSAGE))
    yield f"{head}>"
    yield f'      <{test.state}{kind} message="{message}">{xml(test.details, lines=True)}</{test.state}>'
    yield "    </testcase>"


def _describe_run(report: Report) -> _Test:
    details = "\n".join(part for part in (view.rules(report), *report.warnings) if part)
    title = view.verdict(report) if report.gates or report.redrawn else view.title(report)
    sentence = view.redrawn(report) or view.sentence(report)
    return _judge("verdict", report.exit_code, f"{title}: {sentence}", details, warns=report.redrawn is not None)


def _judge(name: str, code: Admission, message: str, details: str, *, warns: bool) -> _Test:
    state: State | None = None
    if code is Admission.FAIL:
        state = "failure"
    elif code.blocks:
        state = "error"
    elif code.awaits_sign_off or warns:
        state = "skipped"
    return _Test(name=name, state=state, kind=code.name, message=message, details=details)


def _list_tests(gate: GateReport, *, decides: bool) -> list[_Test]:
    sentence = f"{view.headline(gate)}: {view.find_deciding_sentence(gate)}"
    details = "\n".join(view.list_remarks(gate))
    tests = [
        _judge("verdict", gate.exit_code, sentence, details, warns=gate.only_warns),
        *(_describe_finding(gate, finding) for finding in gate.findings),
        *_list_scores(gate),
        *_list_reported(gate),
    ]
    if not decides:
        tests = [_take_back(test) for test in tests]
    return list(_number(tests))


def _take_back(test: _Test) -> _Test:
    """Return a test case of answers that were drawn again: what does not hold there is skipped."""
    return test if test.state is None else replace(test, state="skipped", message=f"drawn again: {test.message}")


def _number(tests: list[_Test]) -> Iterator[_Test]:
    """Number the test cases of equal names, which the views would take for one."""
    seen: dict[str, int] = {}
    for test in tests:
        seen[test.name] = seen.get(test.name, 0) + 1
        yield test if seen[test.name] == 1 else replace(test, name=f"{test.name} ({seen[test.name]})")


def _describe_finding(gate: GateReport, finding: Finding) -> _Test:
    name = f"finding {finding.kind}" + (f": {finding.criterion}" if finding.criterion else "")
    message = f"{view.label(finding)}: {finding.sentence}"
    details = f"cases: {', '.join(finding.cases)}" if finding.cases else ""
    return _Test(name=name, state=find_state(gate, finding), kind=finding.kind, message=message, details=details)


def _list_scores(gate: GateReport) -> Iterator[_Test]:
    """Yield a test case for each case and criterion of the candidate, in the order of the results."""
    by_case: dict[str, list[Result]] = {}
    for result in gate.evidence.results:
        if result.arm is Arm.CANDIDATE:
            by_case.setdefault(result.case, []).append(result)
    shown = {case.case: case for case in case_selection.select_cases(gate)}
    blamed = blame_cases(gate)
    for case, results in by_case.items():
        for criterion in gate.evidence.criteria:
            scores = [result.scores[criterion.name] for result in results if criterion.name in result.scores]
            if scores:
                yield _describe_score(criterion, case, scores, blamed.get((case, criterion.name)), shown.get(case))


def _list_reported(gate: GateReport) -> Iterator[_Test]:
    """Yield the test case of the similarity, which decides nothing: it is skipped in every case."""
    sentence = describe_similarity(gate.evidence)
    if sentence:
        yield _Test(name=REPORTED_SIMILARITY, state="skipped", message=sentence)


def _describe_score(
    criterion: Criterion, case: str, scores: list[Score | Unscored], blamed: State | None, shown: ShownCase | None
) -> _Test:
    known = [score for score in scores if isinstance(score, Score)]
    lowest = min(known, key=lambda score: score.value, default=None)
    lacking = next((score for score in scores if isinstance(score, Unscored)), None)
    fails = criterion.kind == "check" and lowest is not None and lowest.value < case_states.HOLDS
    name = f"{criterion.name}: {case}"
    if lacking is not None and not (fails and blamed == "failure"):
        message = f"unscored: {lacking.reason}"
        state: State = "error" if blamed == "error" else "skipped"
        return _Test(name=name, state=state, kind="unscored", message=message, details=_describe_case(shown))
    if lowest is None or not (fails or blamed):
        return _Test(name=name)
    mark = "fails" if fails else f"score {lowest.value:.4g}"
    message = f"{mark}: {lowest.reason}" if lowest.reason else mark
    if blamed != "failure":
        message = f"{'undecided' if blamed else 'does not block'}: {message}"
    return _Test(
        name=name, state=blamed or "skipped", kind=criterion.name, message=message, details=_describe_case(shown)
    )


def _describe_case(shown: ShownCase | None) -> str:
    """Return the input and the outputs of both versions, cut."""
    if shown is None:
        return ""
    texts = [(field.name, field.text) for field in shown.inputs[:_FIELDS]]
    texts += [(case_selection.name_kind(side), side.text) for side in shown.sides]
    return "\n\n".join(f"{head}:\n{text[:_TEXT]}{' ...' if len(text) > _TEXT else ''}" for head, text in texts)
