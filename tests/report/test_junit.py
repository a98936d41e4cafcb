"""JUnit XML: its form, its agreement with the verdict, and text that XML does not allow."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Admission, Arm, GateReport, Output, Report, Result, Score, Unscored, Verdict
from evalgate.report import junit

# What the common schemas allow: for each element its required and its other attributes, and its children in order.
FORM = {
    "testsuites": ((), ("name", "time", "tests", "failures", "errors"), ("testsuite",)),
    "testsuite": (
        ("name", "tests"),
        ("failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"),
        ("properties", "testcase", "system-out", "system-err"),
    ),
    "testcase": (("name", "classname"), ("time", "status"), ("skipped", "error", "failure", "system-out")),
    "skipped": ((), ("type", "message"), ()),
    "error": ((), ("type", "message"), ()),
    "failure": ((), ("type", "message"), ()),
}


def check_form(element: ElementTree.Element) -> None:
    required, others, children = FORM[element.tag]
    assert set(required) <= set(element.attrib) <= {*required, *others}, element.attrib
    assert not any(child.tag not in children for child in element), element.tag
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order)
    if element.tag == "testcase":
        assert len(element) <= 1
    for child in element:
        check_form(child)


def count(root: ElementTree.Element, state: str) -> int:
    return len(list(root.iter(state)))


def read(report: Report) -> ElementTree.Element:
    root = ElementTree.fromstring(junit.render(report).encode())
    check_form(root)
    for suite in (root, *root):
        cases = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(cases)
        assert int(suite.attrib["failures"]) == count(suite, "failure")
        assert int(suite.attrib["errors"]) == count(suite, "error")
    for suite in root:
        names = [case.attrib["name"] for case in suite]
        assert len(names) == len(set(names)), "equal names are one test to GitLab"
        assert int(suite.attrib["skipped"]) == count(suite, "skipped")
    return root


def agree(root: ElementTree.Element, report: Report) -> None:
    failures, errors = count(root, "failure"), count(root, "error")
    if not report.exit_code.blocks:
        assert (failures, errors) == (0, 0)
    elif report.exit_code is Admission.FAIL:
        assert failures
    else:
        assert errors and not failures


def test_the_view_agrees_with_the_verdict(named: tuple[str, Report]) -> None:
    _, report = named
    agree(read(report), report)


@pytest.mark.parametrize("code", list(Admission))
def test_every_ending_agrees_whatever_the_findings_say(named: tuple[str, Report], code: Admission) -> None:
    _, report = named
    gates = tuple(replace(gate, exit_code=code) for gate in report.gates)
    changed = replace(report, exit_code=code, gates=gates)
    agree(read(changed), changed)


def find(root: ElementTree.Element, name: str) -> ElementTree.Element | None:
    (case,) = [case for case in root.iter("testcase") if case.attrib["name"] == name]
    return case[0] if len(case) else None


def with_results(report: Report, *results: Result) -> Report:
    (gate,) = report.gates
    return replace(report, gates=(replace(gate, evidence=replace(gate.evidence, results=results)),))


def test_a_case_fails_where_a_blocking_finding_names_it(samples: ModuleType) -> None:
    def scored(case: str, value: float, name: str = "facts") -> Result:
        reason = f"reason of {case}"
        return samples.result(case, Arm.CANDIDATE, 0, Output(text="x"), **{name: Score(value=value, reason=reason)})

    report = samples.SAMPLES["pass"]()
    (gate,) = report.gates
    finding = replace(
        gate.findings[0], kind="check", criterion="facts", decision=Verdict.FAIL, blocks=True, cases=("one",)
    )
    failed: GateReport = replace(gate, findings=(finding,), decision=Verdict.FAIL, exit_code=Admission.FAIL)
    unscored = Unscored(reason="the pattern took too long")
    results = (
        scored("one", 0.0),
        scored("two", 0.0),
        scored("three", 1.0),
        scored("four", 0.25, "faithfulness"),
        samples.result("five", Arm.CANDIDATE, 0, Output(text="x"), facts=unscored),
        samples.result("six", Arm.BASELINE, 0, Output(text="x"), facts=Score(value=0.0)),
    )
    root = read(with_results(replace(report, gates=(failed,), exit_code=Admission.FAIL), *results))
    one, two, five = (find(root, f"facts: {case}") for case in ("one", "two", "five"))
    assert one is not None and one.tag == "failure" and "fails: reason of one" in one.attrib["message"]
    assert two is not None and two.tag == "skipped" and two.attrib["message"].startswith("does not block")
    assert five is not None and five.tag == "skipped" and "the pattern took too long" in five.attrib["message"]
    assert find(root, "facts: three") is None and find(root, "faithfulness: four") is None
    assert not [case for case in root.iter("testcase") if case.attrib["name"].endswith("six")]


def test_the_worst_sample_of_a_case_is_the_one_that_counts(samples: ModuleType) -> None:
    drawn = [
        samples.result("one", Arm.CANDIDATE, repeat, Output(text="x"), facts=Score(value=value))
        for repeat, value in enumerate((1.0, 0.0, 1.0))
    ]
    found = find(read(with_results(samples.SAMPLES["pass"](), *drawn)), "facts: one")
    assert found is not None and found.tag == "skipped"


ANY = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    [
        "]]>",
        "<![CDATA[",
        "&#0;",
        "&lt;",
        "\x00\x08\x0b\x1f\x7f",
        "\ud800",
        "\udfff\ud800",
        "\ufffe\uffff",
        "\"'>",
        "--><!--",
        "\r\n\t",
    ]
)


@given(text=ANY)
def test_any_text_gives_a_document_that_says_it(samples: ModuleType, text: str) -> None:
    report = samples.SAMPLES["fail"]()
    (gate,) = report.gates
    evidence = replace(
        gate.evidence,
        name=f"gate {text}",
        results=(
            samples.result(
                f"id {text}", Arm.CANDIDATE, 0, Output(text=text), facts=Score(value=0.0, reason=f"because {text}")
            ),
        ),
    )
    named = replace(gate.findings[0], criterion="facts", cases=(f"id {text}",), sentence=f"sentence {text}")
    changed = replace(
        report, gates=(replace(gate, evidence=evidence, findings=(named,)),), warnings=(f"warning {text}",)
    )
    agree(read(changed), changed)


@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40))
def test_plain_text_is_read_back_as_it_is(samples: ModuleType, text: str) -> None:
    report = samples.SAMPLES["pass"]()
    result = samples.result(text, Arm.CANDIDATE, 0, Output(text="x"), facts=Score(value=1.0))
    assert find(read(with_results(report, result)), f"facts: {text}") is None
