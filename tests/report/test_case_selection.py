"""Which cases a report shows, and which of their samples."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import Arm, Failure, Finding, Output, Score, Unscored, Verdict
from evalgate.report import case_selection, markdown, terminal


def test_the_cases_of_what_is_proven_stand_before_those_of_what_is_open(samples) -> None:
    gate = samples.failing().gates[0]
    first, second, *_ = dict.fromkeys(result.case for result in gate.evidence.results)
    unclear = Finding(
        criterion="facts", kind="max_drop", decision=Verdict.INCONCLUSIVE, sentence="?", blocks=True, cases=(first,)
    )
    proven = replace(unclear, criterion="faithfulness", decision=Verdict.FAIL, cases=(second,))
    found = replace(gate, findings=(unclear, proven), comparisons=())
    assert [case.case for case in case_selection.select_cases(found)] == [second, first]


def test_a_broken_case_is_shown_though_the_gate_passes_and_its_score_fell_little(samples) -> None:
    gate = samples.passing().gates[0]
    (result, *_) = samples.failing().gates[0].evidence.results
    broken = replace(gate.comparisons[2], broken=(result.case,))
    found = replace(gate, comparisons=(broken,), evidence=replace(gate.evidence, results=(result,)))
    shown = case_selection.select_cases(found)
    assert [(case.case, case.kind, case.criteria) for case in shown] == [(result.case, "regressed", ("faithfulness",))]
    assert case_selection.explain(shown[0]) == (("faithfulness", "broken"),)
    for text in (terminal.render(samples.report(found)), markdown.render(samples.report(found))):
        assert "(broken)" in text
    assert case_selection.select_cases(replace(found, comparisons=gate.comparisons[2:3])) == ()


def test_a_critical_case_is_shown_for_the_criteria_it_is_broken_on(samples) -> None:
    gate = samples.broken().gates[0]
    critical = replace(gate.findings[0], criterion=None, sentence="Broken and critical", cases=("refund-031",))
    result = replace(gate.evidence.results[0], case="refund-031")
    found = replace(gate, findings=(critical,), evidence=replace(gate.evidence, results=(result,)))
    assert case_selection.select_cases(found)[0].criteria == ("relevance",)
    of_check = replace(
        found, comparisons=gate.comparisons[:1], blocking=(samples.blocks("facts", for_good=("refund-031",)),)
    )
    assert case_selection.select_cases(of_check)[0].criteria == ("facts",)
    assert case_selection.select_cases(replace(found, comparisons=(), blocking=()))[0].criteria == ("broken",)


def test_regressed_cases_come_in_the_order_of_what_blocks(samples) -> None:
    cases = case_selection.select_cases(samples.failing().gates[0])
    assert [case.case for case in cases] == ["refund-017", *(f"refund-{number:03}" for number in range(20, 27))]
    assert {case.kind for case in cases} == {"regressed"}
    assert cases[0].criteria == ("facts", "faithfulness")


def test_a_regression_shows_the_baselines_best_sample_and_the_candidates_worst(samples) -> None:
    first = case_selection.select_cases(samples.failing().gates[0])[0]
    assert first.baseline is not None and first.candidate is not None
    assert (first.baseline.number, first.baseline.samples) == (2, 3)
    assert [(mark.criterion, mark.score) for mark in first.baseline.marks] == [
        ("facts", "holds"),
        ("faithfulness", "1.000"),
    ]
    assert [mark.score for mark in first.candidate.marks] == ["fails", "0.250"]
    assert "contradicts" in first.candidate.marks[1].reason


def test_an_undecided_case_shows_the_sample_that_is_missing(samples) -> None:
    good = samples.result("a", Arm.BASELINE, 0, Output(text="fine"), faithfulness=Score(value=1.0))
    lost = samples.result(
        "a",
        Arm.BASELINE,
        1,
        Failure(kind="infrastructure", message="connection reset"),
        faithfulness=Unscored(reason="there is no output"),
    )
    finding = replace(samples.incomplete().gates[0].findings[0], cases=("a",))
    shown = case_selection.select_cases(
        samples.gate(Verdict.INCONCLUSIVE, 4, findings=(finding,), results=(good, lost))
    )
    assert [case.kind for case in shown] == ["undecided"]
    assert shown[0].candidate is None
    assert shown[0].baseline is not None
    assert shown[0].baseline.text == "(no output; infrastructure: connection reset)"
    assert shown[0].baseline.marks[0].score == "unscored"


def test_scores_of_another_tool_have_no_text(samples) -> None:
    rows = tuple(samples.result("a", arm, 0, None, facts=Score(value=float(arm is Arm.BASELINE))) for arm in Arm)
    compared = samples.comparison("facts", samples.estimate(-0.5, -0.6, -0.4), regressed=("a",))
    shown = case_selection.select_cases(samples.gate(Verdict.FAIL, 1, comparisons=(compared,), results=rows))
    assert [side.text for side in shown[0].sides] == ["(only scores were given)"] * 2


def test_broken_critical_cases_come_first(samples) -> None:
    gate = samples.broken().gates[0]
    results = tuple(replace(gate.evidence.results[0], case=case) for case in ("first", "critical"))
    worse = Finding(
        criterion="facts", kind="max_drop", decision=Verdict.FAIL, sentence="worse", blocks=True, cases=("first",)
    )
    critical = replace(worse, criterion=None, kind="broken", sentence="Broken and critical", cases=("critical",))
    found = replace(gate, findings=(worse, critical), comparisons=(), evidence=replace(gate.evidence, results=results))
    assert [case.case for case in case_selection.select_cases(found)] == ["critical", "first"]


def test_improved_cases_are_those_that_got_worse_on_no_criterion(samples) -> None:
    gate = samples.passing().gates[0]
    first, second = (replace(c, improved=(), regressed=(), broken=(), fixed=()) for c in gate.comparisons[1:3])
    found = replace(
        gate,
        comparisons=(replace(first, improved=("a", "b"), fixed=("c",)), replace(second, regressed=("b",))),
    )
    assert case_selection.list_improved(found) == ("c", "a")
    for text in (terminal.render(samples.report(found)), markdown.render(samples.report(found))):
        assert "Improved cases (2)" in text


def test_all_cases_are_selected_once(samples) -> None:
    gate = samples.failing().gates[0]
    other = replace(gate.evidence.results[0], case="other")
    better = replace(gate.evidence.results[0], case="better")
    compared = replace(gate.comparisons[1], improved=("better",))
    found = replace(
        gate,
        comparisons=(gate.comparisons[0], compared, *gate.comparisons[2:]),
        evidence=replace(gate.evidence, results=(other, *gate.evidence.results, better)),
    )
    kinds = [(case.case, case.kind) for case in case_selection.select_all(found)]
    assert len(kinds) == 10 and kinds[-2:] == [("better", "improved"), ("other", "other")]
