"""Too few scores, whatever their values: never a PASS."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, JUDGE, RULES, SAME, decide, evidence, result, results
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import policy
from evalgate.domain import Arm, Failure, GateReport, Level, Score, Unscored, Verdict


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("arm", list(Arm))
@pytest.mark.parametrize(
    "broken",
    [
        {"scores": {"faithfulness": Unscored(reason="the reply is not JSON")}},
        {"scores": {}, "outcome": Failure(kind="infrastructure", message="connection reset")},
    ],
)
def test_more_undecided_cases_than_allowed_are_never_a_pass(level: Level, arm: Arm, broken: dict) -> None:
    def losing(*cases: str) -> GateReport:
        found = [replace(r, **broken) if r.case in cases and r.arm is arm else r for r in results(SAME, SAME)]
        return decide(found, level=level)

    one, two = losing("case-007"), losing("case-007", "case-031")
    assert one.decision is Verdict.PASS
    assert one.comparisons[0].undecided == ("case-007",)
    assert one.counts.decided == one.counts.expected - 1
    assert (two.decision, two.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert two.findings[0].cases == ("case-007", "case-031")


def test_an_undecided_repeat_leaves_its_case_undecided() -> None:
    extra = [
        result(i, Arm.BASELINE, {"faithfulness": Unscored(reason="cut") if i == 3 else Score(value=0.75)}, repeat=1)
        for i in range(80)
    ]
    gate = decide([*results(SAME, SAME), *extra])
    assert gate.comparisons[0].undecided == ("case-003",)


def test_the_policy_may_allow_more_or_fewer_cases_without_a_score() -> None:
    found = [r for r in results(SAME, SAME) if (r.case, r.arm) != ("case-007", Arm.BASELINE)]
    assert decide(found, rules=replace(RULES, max_left_out=0.0)).decision is Verdict.INCONCLUSIVE
    more = [r for r in found if (r.case, r.arm) != ("case-008", Arm.CANDIDATE)]
    assert decide(more).decision is Verdict.INCONCLUSIVE
    assert decide(more, rules=replace(RULES, max_left_out=0.05)).decision is Verdict.PASS


def test_cases_without_any_result_are_missed() -> None:
    gate = decide(results(SAME, SAME), cases=90)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert "10 of 90 cases have no result" in gate.findings[0].sentence


def test_no_decided_case_at_all_is_incomplete_whatever_may_be_left_out() -> None:
    found = [replace(r, scores={"faithfulness": Unscored(reason="{}")}) for r in results(SAME, SAME)]
    gate = decide(found, rules=replace(RULES, max_left_out=1.0))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


def test_a_dataset_that_shrank_is_no_pass_unless_that_is_allowed() -> None:
    shrunk = evidence(results(SAME, SAME))
    shrunk = replace(shrunk, dataset=replace(shrunk.dataset, lost=("case-900",)))
    level = RULES.levels[Level.MINOR]
    gate = policy.decide(shrunk, {}, RULES, level)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert gate.findings[0].cases == ("case-900",)
    assert policy.decide(shrunk, {}, replace(RULES, removed_cases="allow"), level).decision is Verdict.PASS


@given(st.data())
def test_a_critical_case_that_one_version_has_no_result_of_is_never_a_pass(data: st.DataObject) -> None:
    cases = data.draw(st.integers(60, 80))
    arms = {
        (place, arm): tags
        for place in range(cases)
        for arm, tags in zip(Arm, data.draw(st.tuples(*[st.sampled_from([(), ("other",)])] * 2)), strict=True)
    }
    place, gone = data.draw(st.integers(0, cases - 1)), data.draw(st.sampled_from(Arm))
    other = next(arm for arm in Arm if arm is not gone)
    arms[place, other] = data.draw(st.sampled_from([("critical",), ("other", "critical")]))
    del arms[place, gone]
    found = [result(n, arm, {"faithfulness": Score(value=0.9)}, tags=tags) for (n, arm), tags in arms.items()]
    gate = decide(found, level=data.draw(st.sampled_from(Level)))
    assert gate.exit_code.blocks
    (finding,) = [f for f in gate.findings if "critical case" in f.sentence]
    assert finding.cases == (f"case-{place:03}",)


@given(st.data())
def test_a_tag_that_may_block_is_tested_or_the_gate_does_not_pass(data: st.DataObject) -> None:
    """Every criterion with 8 units of the tag is tested on 8 of them; missing scores and failing checks test nothing."""
    tagged = data.draw(st.integers(1, 14))
    ways = st.sampled_from(["scored", "scored", "scored", "unscored", "left out", "not asked"])
    fate = data.draw(st.lists(ways, min_size=tagged, max_size=tagged))
    excluded = frozenset(f"case-{i:03}" for i, way in enumerate(fate) if way == "not asked")
    judge = replace(JUDGE, excluded=tuple(excluded))
    found = []
    for arm in Arm:
        for case in range(100):
            way = fate[case] if case < tagged else "scored"
            own = {"is_json": Score(value=float(way != "left out")), "faithfulness": Score(value=0.75)}
            if way in ("left out", "not asked"):
                del own["faithfulness"]
            elif way == "unscored" and arm is Arm.CANDIDATE:
                own["faithfulness"] = Unscored(reason="the reply is not JSON")
            found.append(result(case, arm, own, tags=("legal",) if case < tagged else ()))
    rules = replace(RULES, blocking_tags=("legal",), max_left_out=0.2)
    gate = decide(found, rules=rules, criteria=(judge, CHECK))
    tested = fate.count("scored")
    assert gate.decision is (Verdict.PASS if tested >= 8 else Verdict.INCONCLUSIVE)
    if tested < 8:
        named = [finding for finding in gate.findings if finding.kind == "completeness"]
        assert gate.exit_code == 4 and "legal" in named[0].sentence
    if tested < 8 <= tagged - len(excluded):
        assert set(named[0].cases) == {f"case-{i:03}" for i, way in enumerate(fate) if way in ("unscored", "left out")}


def test_a_tag_of_which_a_fail_has_seen_few_cases_is_not_called_small() -> None:
    tags = {f"case-{i:03}": ("legal",) if i % 4 == 0 else () for i in range(20)}
    found = [replace(r, tags=tags[r.case]) for r in results([0.75] * 20, [0.0] * 20)]
    seen = replace(evidence(found, cases=80), order=tuple(f"case-{i:03}" for i in range(80)), sequential=True)
    gate = policy.decide(seen, {}, replace(RULES, blocking_tags=("legal",)), RULES.levels[Level.MINOR])
    assert gate.decision is Verdict.FAIL and gate.look.early
    assert not [finding for finding in gate.findings if "legal" in finding.sentence]
