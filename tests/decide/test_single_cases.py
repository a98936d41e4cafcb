"""Cases that changed between pass and fail, settled by fresh draws."""

from __future__ import annotations

from dataclasses import replace

from decide.small_evidence import CHECK, JUDGE, RULES, evidence, result, results
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide import looks, policy
from evalgate.domain import (
    ANSWERED,
    Arm,
    Criterion,
    GateReport,
    Level,
    Result,
    Score,
    Scored,
    Threshold,
    Unscored,
    Verdict,
)


def test_as_many_risen_as_fallen_and_none_of_them_drawn_again_is_no_pass() -> None:
    before, now = [1.0] * 60 + [0.0] * 6, [0.0] * 6 + [1.0] * 60
    rules = replace(RULES, max_drop=0.5)
    found = replace(evidence(results(before, now)), redraws=True)
    gate = policy.decide(found, {}, rules, rules.levels[Level.MINOR])
    assert (gate.decision, len(gate.flips.open)) == (Verdict.INCONCLUSIVE, 6)


FACTS = Criterion(name="facts", kind="check", blocking=True, digest="d")


@given(
    st.integers(0, 39),
    st.lists(st.booleans(), min_size=7, max_size=7),
    st.integers(1, 7),
    st.booleans(),
    st.booleans(),
)
def test_a_critical_case_that_fails_for_good_fails_a_check_with_a_floor(
    place: int, held: list[bool], known: int, is_critical: bool, has_judge: bool
) -> None:
    draws = [False, *held[1:]][:known]
    tags = ("critical",) if is_critical else ()
    judged = {"faithfulness": Score(value=1.0)} if has_judge else {}

    def make(case: int, arm: Arm, repeat: int, holds: bool) -> Result:
        scores = {"facts": Score(value=float(holds)), **judged}
        return result(case, arm, scores, repeat=repeat, tags=tags if case == place else ())

    found = [make(case, Arm.BASELINE, repeat, True) for case in range(40) for repeat in range(3)]
    found += [make(case, Arm.CANDIDATE, 0, case != place) for case in range(40)]
    fresh = tuple(make(place, Arm.CANDIDATE, repeat, holds) for repeat, holds in enumerate(draws) if repeat)
    criteria = (FACTS, *([JUDGE] if has_judge else []))
    given_ = replace(evidence(found, criteria=criteria), redraws=True, confirmations=fresh)
    limits = {"facts": Threshold(minimum=0.9), "faithfulness": Threshold(max_drop=0.2)}
    gate = policy.decide(given_, limits, RULES, RULES.levels[Level.MINOR])
    if not is_critical or any(draws):
        assert gate.decision is Verdict.PASS
    else:
        assert gate.decision is (Verdict.FAIL if known == 7 else Verdict.INCONCLUSIVE)
        assert gate.exit_code == (1 if known == 7 else 4)
    wanted = looks.evaluate_look(given_, limits, RULES).wanted
    assert [draw.case for draw in wanted] == (
        [f"case-{place:03}"] if is_critical and known < 7 and not any(draws) else []
    )


def test_a_critical_case_without_a_score_on_a_floor_is_undecided() -> None:
    found = [result(case, arm, {"facts": Score(value=1.0)}) for case in range(40) for arm in Arm]
    lost = result(3, Arm.CANDIDATE, {"facts": Unscored(reason="lost")}, tags=("critical",))
    found = [lost if (one.case, one.arm) == (lost.case, lost.arm) else one for one in found]
    rules = replace(RULES, max_left_out=0.1)
    gate = policy.decide(
        evidence(found, criteria=(FACTS,)), {"facts": Threshold(minimum=0.9)}, rules, rules.levels[Level.MINOR]
    )
    assert gate.exit_code == 4
    assert any("critical" in finding.sentence for finding in gate.findings)


ALL_WAYS = ("holds", "fails", "unusable", "unjudged", "lost")
"""How a draw can end: `unusable` fails a blocking check, so that the judge is not asked; `lost` is a failed call."""


def score_draw(way: str) -> dict[str, Scored]:
    judged: Scored = Score(value=1.0 if way == "holds" else 0.0)
    if way not in {"holds", "fails"}:
        judged = Unscored(reason=way)
    checked: Scored = Unscored(reason=way) if way == "lost" else Score(value=float(way != "unusable"))
    return {"is_json": checked, ANSWERED: checked, "faithfulness": judged}


def decide_draws(candidate: list[str], baseline: list[str], *, planned: int) -> GateReport:
    """Decide on one critical case with these draws, of which `planned` of the baseline are the run's own."""
    found, fresh = [], []
    for case in range(40):
        for arm, ways, own in ((Arm.CANDIDATE, candidate, 1), (Arm.BASELINE, baseline, planned)):
            for repeat, way in enumerate(ways if case == 0 else ["holds"] * own):
                tags = ("critical",) if case == 0 else ()
                one = result(case, arm, score_draw(way), repeat=repeat, tags=tags)
                (found if repeat < own else fresh).append(one)
    criteria = (CHECK, JUDGE, replace(CHECK, name=ANSWERED))
    given_ = replace(evidence(found, criteria=criteria), redraws=True, confirmations=tuple(fresh))
    return policy.decide(given_, {"faithfulness": Threshold(max_drop=0.2)}, RULES, RULES.levels[Level.MINOR])


@given(st.sampled_from(["fails", "unusable"]), st.lists(st.sampled_from(ALL_WAYS), max_size=6))
def test_only_a_draw_that_holds_shows_that_a_critical_case_is_not_broken(first: str, fresh: list[str]) -> None:
    gate = decide_draws([first, *fresh], ["holds"] * 3, planned=3)
    if "holds" in fresh:
        assert gate.decision is Verdict.PASS
    elif len(fresh) == 6 and not {"unjudged", "lost"} & set(fresh):
        assert gate.decision is Verdict.FAIL
    else:
        assert (gate.decision, gate.exit_code) == (Verdict.INCONCLUSIVE, 4)


@given(st.lists(st.sampled_from(ALL_WAYS), max_size=2))
def test_a_draw_of_the_baseline_without_a_score_refutes_no_broken_case(fresh: list[str]) -> None:
    gate = decide_draws(["fails"] * 7, ["holds", *fresh], planned=1)
    if {"fails", "unusable"} & set(fresh):
        assert gate.decision is Verdict.PASS
    else:
        assert gate.decision is (Verdict.FAIL if fresh == ["holds"] * 2 else Verdict.INCONCLUSIVE)


@given(st.sampled_from(ALL_WAYS), st.integers(4, 7))
def test_a_fixed_case_needs_draws_that_are_all_usable(way: str, draws: int) -> None:
    found = evidence(
        [
            result(
                case, arm, score_draw("holds" if (arm is Arm.BASELINE) == (0 < case < 5) else "fails"), repeat=repeat
            )
            for case in range(40)
            for arm, own in ((Arm.CANDIDATE, 1), (Arm.BASELINE, 3))
            for repeat in range(own)
        ],
        criteria=(CHECK, JUDGE),
    )
    fresh = [result(0, Arm.CANDIDATE, score_draw(way), repeat=repeat) for repeat in range(1, draws)]
    state = looks.evaluate_look(replace(found, redraws=True, confirmations=tuple(fresh)), {}, RULES)
    assert ("case-000" in state.flips.fixed) is (way == "holds")
