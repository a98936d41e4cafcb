"""Remarks beside the thresholds: constant outputs, edited datasets, judges that give one score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, JUDGE, RULES, SAME, decide, evidence, result, results
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import policy, remarks
from evalgate.domain import Arm, Evidence, Level, Output, Score, Threshold

CASES = tuple(f"case-{case:03}" for case in range(20))


def answering(candidate: Callable[[int], str], baseline: Callable[[int], str] = "answer {}".format) -> Evidence:
    texts = {Arm.CANDIDATE: candidate, Arm.BASELINE: baseline}
    found = results([0.5] * 20, [0.5] * 20)
    return evidence([replace(one, outcome=Output(text=texts[one.arm](int(one.case[-3:])))) for one in found])


def test_one_text_for_many_requests_is_found() -> None:
    found = remarks.find_constant_output(answering(lambda case: "Sorry." if case < 8 else f"text {case}"), CASES)
    assert found is not None and (found.text, found.cases) == ("Sorry.", 8)
    finding = remarks.make_constant_finding(found)
    assert finding.blocks and 'answers "Sorry." in 8 cases' in finding.sentence


@pytest.mark.parametrize(
    "found",
    [
        answering("text {}".format),
        answering(lambda case: "yes", lambda case: "yes" if case % 2 else "no"),
        answering(lambda case: "Sorry." if case < 2 else f"text {case}"),
        replace(answering(lambda case: "Sorry."), requests=dict.fromkeys(CASES, "one")),
    ],
    ids=["different texts", "a classifier", "two cases", "one request"],
)
def test_what_is_no_constant_output(found: Evidence) -> None:
    assert remarks.find_constant_output(found, CASES) is None


@given(st.integers(8, 60), st.integers(0, 60), st.sampled_from([" ", "\u200b", "\n", "\u00a0 \t", "\u2060"]))
def test_white_space_makes_no_text_another_one(cases: int, other: int, blank: str) -> None:
    found = many(cases, lambda case: f"Sorry.{blank * case}" if case >= other else f"text {case}")
    seen = remarks.find_constant_output(found, found.order)
    assert (seen is not None) == (cases - other >= max(3, 1 + 0.05 * cases))
    padded = many(cases, "text {}".format, lambda case: f"always{blank * case}")
    assert remarks.find_constant_output(padded, padded.order) is None


def many(
    cases: int, candidate: Callable[[int], str], baseline: Callable[[int], str] | None = "answer {}".format
) -> Evidence:
    """Return evidence with one answer to each case; without a baseline for None."""
    texts = {Arm.CANDIDATE: candidate} | ({} if baseline is None else {Arm.BASELINE: baseline})
    scores = {"faithfulness": Score(value=1.0)}
    found = [result(i, arm, scores, outcome=Output(text=text(i))) for arm, text in texts.items() for i in range(cases)]
    order = tuple(f"case-{case:03}" for case in range(cases))
    return replace(evidence(found, baseline=baseline is not None), order=order)


@given(st.integers(2, 80), st.integers(0, 80), st.integers(0, 80))
def test_a_new_prompt_with_one_text_is_undecided_unless_one_answer_is_right(cases: int, other: int, same: int) -> None:
    other, same = min(other, cases), min(same, cases)
    found = many(cases, lambda case: "Sorry." if case >= other else f"text {case}", None)
    found = replace(found, dataset=replace(found.dataset, same_answer=same))
    seen = remarks.find_constant_output(found, found.order)
    count = cases - other
    assert (seen is not None) == (count >= max(20, 0.9 * cases, 3) and count >= same + 0.05 * cases)
    if seen is not None:
        assert (seen.text, seen.cases) == ("Sorry.", count)
        gate = policy.decide(found, {"faithfulness": Threshold(minimum=0.5)}, RULES, RULES.levels[Level.PATCH])
        assert gate.exit_code == 4


def test_copies_of_one_request_of_a_new_prompt_may_have_one_text() -> None:
    found = many(40, lambda case: "Sorry.", None)
    copies = replace(found, requests=dict.fromkeys(found.order, found.order[0]))
    assert remarks.find_constant_output(copies, copies.order) is None


def test_a_judge_that_gives_one_score_to_everything_is_named() -> None:
    sentences = [finding.sentence for finding in decide(results([1.0] * 20, [1.0] * 20)).findings]
    assert any("faithfulness gives 1.000 to every output of both versions" in sentence for sentence in sentences)
    sentences = [finding.sentence for finding in decide(results([1.0, 0.5] * 10, [1.0, 0.5] * 10)).findings]
    assert not any("every output of both versions" in sentence for sentence in sentences)


def test_a_large_drop_without_a_threshold_is_a_remark_and_decides_nothing() -> None:
    reported = replace(CHECK, blocking=False)
    found = [
        replace(one, scores={**one.scores, "is_json": Score(value=float(one.arm is Arm.BASELINE))})
        for one in results(SAME, SAME)
    ]
    gate = decide(found, criteria=(JUDGE, reported))
    (remark,) = [finding for finding in gate.findings if finding.criterion == "is_json"]
    assert (remark.kind, remark.blocks) == ("remark", False)
    assert "is_json fell by 1.000, but has no threshold" in remark.sentence


def test_removed_cases_are_a_remark_where_the_policy_allows_them() -> None:
    found = evidence(results(SAME, SAME))
    lost = replace(found, dataset=replace(found.dataset, lost=("old",)))
    for removed, is_remark in (("allow", True), ("block", False)):
        rules = replace(RULES, removed_cases=removed)
        gate = policy.decide(lost, {}, rules, next(iter(rules.levels.values())))
        assert any(f.kind == "remark" and " removed" in f.sentence for f in gate.findings) is is_remark
