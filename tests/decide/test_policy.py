"""From evidence to verdict: fail closed, each level's demands, and the same answer every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from evalgate.decide import policy
from evalgate.domain import (
    DEFAULT_LEVELS,
    Arm,
    ChangeLevel,
    Criterion,
    DatasetRef,
    Evidence,
    Failure,
    GateReport,
    Level,
    LevelFinding,
    Output,
    Policy,
    Result,
    Score,
    Scored,
    Threshold,
    Unscored,
    Verdict,
    VersionRef,
)

RULES = Policy(levels=DEFAULT_LEVELS)
JUDGE = Criterion(name="faithfulness", kind="judge", blocking=False, digest="d")
CHECK = Criterion(name="is_json", kind="check", blocking=True, digest="d")


def result(case: int, arm: Arm, scores: Mapping[str, Scored], **fields: object) -> Result:
    values = {"outcome": Output(text="answer", seconds=1.0), "repeat": 0, "tags": (), **fields}
    return Result(case=f"case-{case:03}", arm=arm, scores=scores, **values)


def results(baseline: Sequence[float], candidate: Sequence[float], name: str = "faithfulness") -> list[Result]:
    both = ((Arm.BASELINE, baseline), (Arm.CANDIDATE, candidate))
    return [result(i, arm, {name: Score(value=value)}) for arm, values in both for i, value in enumerate(values)]


def evidence(
    found: Sequence[Result],
    *,
    criteria: tuple[Criterion, ...] = (JUDGE,),
    baseline: bool = True,
    cases: int | None = None,
) -> Evidence:
    version = VersionRef(name="support", version="1.0.0", digest="d", source="working tree")
    return Evidence(
        name="support",
        level=ChangeLevel(declared=Level.MINOR, minimum=Level.MINOR, effective=Level.MINOR),
        candidate=version,
        baseline=version if baseline else None,
        dataset=DatasetRef(
            path="cases.jsonl", digest="d", cases=len({r.case for r in found}) if cases is None else cases
        ),
        criteria=criteria,
        results=tuple(found),
    )


def decide(
    found: Sequence[Result],
    *,
    level: Level = Level.MINOR,
    thresholds: Mapping[str, Threshold] | None = None,
    rules: Policy = RULES,
    **fields: object,
) -> GateReport:
    return policy.decide(evidence(found, **fields), thresholds or {}, rules, rules.levels[level])


SAME = [0.75] * 80
NOISY = [0.0, 1.0] * 20
NOISY_BACK = [1.0, 0.0] * 20
SLIGHTLY_WORSE = [0.25] * 14 + [0.75] * 6 + [0.5] * 10  # -0.067, p = .048
PERHAPS_WORSE = [0.25] * 13 + [0.75] * 6 + [0.5] * 11  # -0.058, p = .07
NOT_SURELY_WORSE = [0.0] * 14 + [1.0] * 10 + [0.5] * 6  # -0.067, p = .21
MIDDLE = [0.5] * 30


@pytest.mark.parametrize("level", list(Level))
def test_equal_scores_on_enough_cases_pass(level: Level) -> None:
    gate = decide(results(SAME, SAME), level=level)
    assert gate.decision is Verdict.PASS
    assert gate.exit_code == {Level.PATCH: 0, Level.MINOR: 0, Level.MAJOR: 5}[level]
    assert [r.kind for r in gate.requirements] == {
        Level.PATCH: [],
        Level.MINOR: ["canary"],
        Level.MAJOR: ["canary", "sign_off"],
    }[level]


@pytest.mark.parametrize("level", list(Level))
def test_a_proven_drop_fails_at_every_level(level: Level) -> None:
    gate = decide(results([1.0] * 60, [0.75] * 59 + [1.0]), level=level)
    assert (gate.decision, gate.exit_code) == (Verdict.FAIL, 1)
    finding = gate.findings[0]
    assert finding.kind == "max_drop"
    assert "proven worse than the baseline, and not proven to be within the allowed drop of 0.05" in finding.sentence
    assert gate.requirements == ()


@pytest.mark.parametrize(
    ("candidate", "baseline", "codes"),
    [
        (NOISY, NOISY_BACK, (0, 0, 4)),  # no observed drop, far too noisy to know
        (PERHAPS_WORSE, MIDDLE, (0, 4, 4)),  # more than 0.05 lower, p at most 2 alpha
        (NOT_SURELY_WORSE, MIDDLE, (0, 0, 4)),  # more than 0.05 lower, and chance explains it
    ],
)
def test_what_inconclusive_means_is_the_levels_policy(candidate, baseline, codes) -> None:
    found = results(baseline, candidate)
    gates = [decide(found, level=level) for level in Level]
    assert {gate.decision for gate in gates} == {Verdict.INCONCLUSIVE}
    assert tuple(gate.exit_code for gate in gates) == codes
    assert "no regression" not in gates[0].findings[0].sentence


def test_a_drop_that_is_proven_fails_where_a_pass_is_out_of_reach_only_from_the_margin_on() -> None:
    assert decide(results(MIDDLE, SLIGHTLY_WORSE)).decision is Verdict.FAIL
    small = [0.48] * 29 + [0.5]
    assert decide(results(MIDDLE, small)).decision is Verdict.INCONCLUSIVE


def test_a_pass_below_zero_says_that_it_is_worse() -> None:
    gate = decide(results([0.5] * 200, [0.48] * 199 + [0.5]))
    assert gate.decision is Verdict.PASS
    assert "worse, but proven to be within the allowed drop of 0.05" in gate.findings[0].sentence


@pytest.mark.parametrize(("level", "code"), [(Level.PATCH, 0), (Level.MINOR, 4), (Level.MAJOR, 4)])
def test_fewer_than_eight_cases_decide_nothing(level: Level, code: int) -> None:
    gate = decide(results([1.0] * 7, [0.5] * 7), level=level)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, code)
    assert (
        "7 cases are too few to decide; 1 more could show a very large drop, 59 can prove a PASS"
        in gate.findings[0].sentence
    )
    assert decide(results([1.0] * 8, [0.5] * 8), level=level).decision is Verdict.FAIL


def test_a_small_set_says_what_it_can_show() -> None:
    gate = decide(results([0.75] * 8, [0.75] * 8))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 0)
    assert "8 cases can only show a very large drop; 59 can prove a PASS" in gate.findings[0].sentence


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


@pytest.mark.parametrize(("found", "criteria"), [([], (JUDGE,)), (results(SAME, SAME), ())])
def test_nothing_measured_is_never_a_pass(found, criteria) -> None:
    gate = decide(found, criteria=criteria)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


def drawn(
    candidate: Mapping[int, Sequence[float]], baseline: Mapping[int, Sequence[float]] | None = None, *, cases: int = 30
) -> Evidence:
    """Draws of a blocking check by case: those of the run first, then fresh ones. Every other case holds."""
    found, fresh = [], []
    for case in range(cases):
        for arm, draws, own in ((Arm.CANDIDATE, candidate, 1), (Arm.BASELINE, baseline or {}, 3)):
            for repeat, value in enumerate(draws.get(case, [1.0] * own)):
                one = result(case, arm, {"is_json": Score(value=value)}, repeat=repeat)
                (found if repeat < own else fresh).append(one)
    return replace(evidence(found, criteria=(CHECK,)), confirmations=tuple(fresh), redraws=True)


def ruled(found: Evidence, level: Level = Level.PATCH) -> GateReport:
    return policy.decide(found, {}, RULES, RULES.levels[level])


def test_a_blocking_check_fails_for_good_in_seven_draws_of_seven() -> None:
    gate = ruled(drawn({29: [0.0] * 7}))
    assert (gate.decision, gate.exit_code) == (Verdict.FAIL, 1)
    assert gate.findings[0].cases == gate.blocking[0].for_good == ("case-029",)
    held = ruled(drawn({29: [0.0] * 6 + [1.0]}))
    assert (held.decision, held.blocking[0].wavered) == (Verdict.PASS, ("case-029",))
    assert "Failed once and held when asked again: case-029" in held.findings[0].sentence


def test_a_check_that_the_baseline_fails_as_well_is_not_the_changes_fault() -> None:
    gate = ruled(drawn({5: [0.0] * 7}, {5: [0.0, 1.0, 1.0]}))
    assert (gate.decision, gate.blocking[0].both) == (Verdict.PASS, ("case-005",))
    assert "Failed by both versions: case-005" in gate.findings[0].sentence


def test_more_failures_than_the_baseline_has_are_a_fail_without_one_case_for_good() -> None:
    wavering = {case: [0.0, 1.0] for case in (3, 4, 5)}
    gate = ruled(drawn(wavering))
    assert (gate.decision, gate.blocking[0].for_good) == (Verdict.FAIL, ())
    assert "proven to fail more often than the baseline" in gate.findings[0].sentence
    both = {case: [0.0, 1.0, 1.0] for case in (7, 8, 9)}
    assert ruled(drawn(wavering, both)).decision is Verdict.PASS


@pytest.mark.parametrize("level", list(Level))
def test_a_new_failure_of_recorded_outputs_is_undecided(level: Level) -> None:
    gate = ruled(replace(drawn({29: [0.0]}), redraws=False), level)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    assert "recorded outputs cannot be drawn again" in gate.findings[0].sentence


def test_one_draw_of_an_endpoint_that_always_answers_the_same_settles_a_case() -> None:
    found = replace(drawn({29: [0.0]}, {29: [1.0]}), deterministic=(Arm.CANDIDATE, Arm.BASELINE))
    assert ruled(found).blocking[0].for_good == ("case-029",)


def test_a_strict_check_must_hold_in_every_draw() -> None:
    found = drawn({29: [0.0, 1.0]})
    strict = replace(found, criteria=(replace(CHECK, strict=True),))
    assert (ruled(found).decision, ruled(strict).decision) == (Verdict.PASS, Verdict.FAIL)


def test_a_check_that_holds_nowhere_compares_nothing() -> None:
    nowhere = {case: [0.0] * 3 for case in range(30)}
    gate = ruled(drawn({case: [0.0] for case in range(30)}, nowhere))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


def test_a_check_that_is_only_reported_decides_nothing() -> None:
    found = results([1.0] * 30, [1.0] * 29 + [0.0], "is_json")
    reported = decide(found, criteria=(replace(CHECK, blocking=False),), level=Level.PATCH)
    assert all(finding.criterion != "is_json" for finding in reported.findings)
    assert reported.comparisons[0].regressed == ("case-029",)


def test_an_allowed_drop_on_a_blocking_check_needs_a_baseline_to_take_its_place() -> None:
    drops = {"is_json": Threshold(max_drop=0.1)}
    found = results([1.0] * 60, [1.0] * 59 + [0.0], "is_json")
    assert decide(found, criteria=(CHECK,), thresholds=drops).decision is Verdict.PASS
    alone = [r for r in found if r.arm is Arm.CANDIDATE]
    unsettled = decide(alone, criteria=(CHECK,), thresholds=drops, baseline=False)
    assert (unsettled.decision, unsettled.blocking[0].open) == (Verdict.INCONCLUSIVE, ("case-059",))
    again = [replace(alone[59], repeat=repeat) for repeat in range(1, 7)]
    assert decide([*alone, *again], criteria=(CHECK,), baseline=False).decision is Verdict.FAIL


def test_reported_checks_alone_decide_nothing() -> None:
    found = results([1.0] * 60, [1.0] * 60, "is_json")
    gate = decide(found, criteria=(replace(CHECK, blocking=False),))
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


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


def test_some_cases_may_have_more_draws_than_others() -> None:
    extra = [result(i, Arm.CANDIDATE, {"faithfulness": Score(value=0.75)}, repeat=1) for i in range(20)]
    gate = decide([*results(SAME, SAME), *extra])
    assert (gate.decision, gate.comparisons[0].pairs) == (Verdict.PASS, 80)


def test_a_floor_on_a_check_is_the_plain_rate() -> None:
    found = results([1.0] * 30, [1.0] * 29 + [0.0], "is_json")
    floors = {name: Threshold(minimum=floor) for name, floor in (("is_json", 29 / 30),)}
    assert decide(found, criteria=(CHECK,), thresholds=floors).decision is Verdict.PASS
    higher = decide(found, criteria=(CHECK,), thresholds={"is_json": Threshold(minimum=0.9667)})
    assert higher.decision is Verdict.FAIL
    assert "0.96667, with a floor of 0.9667" in higher.findings[0].sentence


@pytest.mark.parametrize(
    ("values", "floor", "decision"),
    [([0.9] * 60, 0.75, Verdict.PASS), ([0.5] * 60, 0.75, Verdict.FAIL), ([1.0, 0.5] * 30, 0.75, Verdict.INCONCLUSIVE)],
)
def test_a_floor_on_a_judge_follows_the_rule(values, floor, decision) -> None:
    gate = decide(
        [r for r in results(values, values) if r.arm is Arm.CANDIDATE],
        baseline=False,
        thresholds={"faithfulness": Threshold(minimum=floor)},
    )
    finding = next(f for f in gate.findings if f.kind == "min")
    assert finding.decision is decision
    assert not finding.blocks or decision is Verdict.FAIL  # MINOR goes by the point estimate: 0.75 >= 0.75


def test_without_a_baseline_and_without_a_floor_nothing_decides() -> None:
    found = [r for r in results(SAME, SAME) if r.arm is Arm.CANDIDATE]
    gate = decide(found, baseline=False)
    assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)
    floored = decide(found, baseline=False, thresholds={"faithfulness": Threshold(minimum=0.6)})
    assert floored.decision is Verdict.PASS
    assert any(f.kind == "no_baseline" and "absolute thresholds alone" in f.sentence for f in floored.findings)


def test_the_slowest_twentieth_is_judged_over_all_cases() -> None:
    found = [
        replace(r, outcome=Output(text="", seconds=9.0 if r.case >= "case-018" else 1.0))
        for r in results([1.0] * 20, [1.0] * 20, "latency")
    ]
    limited = Criterion(name="latency", kind="check", blocking=True, digest="d", p95_seconds=5.0)
    gate = decide(found, criteria=(limited,), level=Level.PATCH)
    assert gate.decision is Verdict.FAIL
    assert any("9.000 s over 20 outputs; the limit is 5 s" in finding.sentence for finding in gate.findings)


def test_level_findings_fail_whatever_the_scores() -> None:
    level = ChangeLevel(
        declared=Level.PATCH,
        minimum=Level.MAJOR,
        effective=Level.MAJOR,
        findings=(LevelFinding(kind="level", sentence="declared PATCH, the schema changed"),),
    )
    gate = policy.decide(replace(evidence(results(SAME, SAME)), level=level), {}, RULES, RULES.levels[Level.MAJOR])
    assert (gate.decision, gate.exit_code) == (Verdict.FAIL, 1)
    assert gate.findings[0].kind == "level"


def test_several_criteria_fail_by_holm() -> None:
    names = [f"judge-{i}" for i in range(5)]
    criteria = tuple(Criterion(name=name, kind="judge", blocking=False, digest="d") for name in names)
    steps = [0.25] * 12 + [-0.25] * 5 + [0.0] * 13  # -0.058, p = 0.04 alone
    found = []
    for arm in Arm:
        for i, step in enumerate(steps):
            value = 0.75 - (step if arm is Arm.CANDIDATE else 0.0)
            own = {name: Score(value=value if name == "judge-0" else 0.75) for name in names}
            found.append(result(i, arm, own))
    alone = decide(found, criteria=criteria[:1])
    together = decide(found, criteria=criteria)
    assert alone.findings[0].decision is Verdict.FAIL
    assert together.findings[0].decision is Verdict.INCONCLUSIVE


def test_the_same_evidence_gives_the_same_report() -> None:
    found = results(NOISY, NOISY_BACK)
    assert decide(found) == decide(found)


def test_the_most_severe_gate_decides() -> None:
    passed, failed = decide(results(SAME, SAME)), decide(results([1.0] * 60, [0.5] * 59 + [1.0]))
    unsure, waiting = (
        decide(results([1.0] * 5, [1.0] * 5), level=Level.MAJOR),
        decide(results(SAME, SAME), level=Level.MAJOR),
    )
    assert policy.combine_verdicts([]) == (Verdict.PASS, 0)
    assert policy.combine_verdicts([passed, waiting]) == (Verdict.PASS, 5)
    assert policy.combine_verdicts([waiting, unsure]) == (Verdict.INCONCLUSIVE, 4)
    assert policy.combine_verdicts([unsure, failed, waiting]) == (Verdict.FAIL, 1)


def test_as_many_risen_as_fallen_and_none_of_them_drawn_again_is_no_pass() -> None:
    before, now = [1.0] * 60 + [0.0] * 6, [0.0] * 6 + [1.0] * 60
    rules = replace(RULES, max_drop=0.5)
    found = replace(evidence(results(before, now)), redraws=True)
    gate = policy.decide(found, {}, rules, rules.levels[Level.MINOR])
    assert (gate.decision, len(gate.flips.open)) == (Verdict.INCONCLUSIVE, 6)
