"""Remarks beside the thresholds: constant outputs, edited datasets, judges that give one score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, JUDGE, RULES, SAME, decide, evidence, results

from evalgate.decide import remarks
from evalgate.domain import Arm, Evidence, Output, Score

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
    from evalgate.decide import policy

    for removed, is_remark in (("allow", True), ("block", False)):
        rules = replace(RULES, removed_cases=removed)
        gate = policy.decide(lost, {}, rules, next(iter(rules.levels.values())))
        assert any(f.kind == "remark" and "were removed" in f.sentence for f in gate.findings) is is_remark
