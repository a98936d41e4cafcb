"""Properties of every gate, on generated ones: what no pattern of failures, copies or edits may do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from decide import vectors
from decide.bounds import at_most
from decide.random_gates import random_gate
from decide.simulated import MODERATE, PILED_UP, SKEWED, check, decided, gate_of, judge
from hypothesis import given, settings
from hypothesis import strategies as st

from evalgate.decide import policy
from evalgate.domain import Arm, Failure, GateReport, Output, Result, Score, Unscored, Verdict

SEEDS = st.integers(0, 2**32)
WAYS = ("fails a check", "empty", "refused", "call failed", "unscored")
PATTERNS = st.lists(
    st.tuples(
        st.sampled_from(list(Arm)),
        st.sampled_from(WAYS),
        st.sampled_from([0.01, 0.02, 0.03, 0.05, 0.09, 0.11, 0.2, 0.45, 0.55, 0.8, 1.0]),
    ),
    min_size=1,
    max_size=2,
)


def quick_and_long(quick: int, long: int) -> pytest.MarkDecorator:
    """A property tried on few examples, and on many."""
    forms = [pytest.param(quick, id="short"), pytest.param(long, id="long", marks=pytest.mark.long)]
    return pytest.mark.parametrize("examples", forms)


@quick_and_long(150, 3_000)
def test_no_pattern_of_failures_gives_a_pass_without_the_judged_units_it_needs(examples: int) -> None:
    """Failing checks, empty answers, refusals, failed calls and missing scores, on one arm or on both."""
    verdicts: list[Verdict] = []

    @settings(max_examples=examples)
    @given(
        seed=SEEDS,
        cases=st.sampled_from([8, 9, 12, 16, 40, 70, 99, 100, 120]),
        patterns=PATTERNS,
        same=st.booleans(),
        sequential=st.booleans(),
    )
    def passes_rest_on_units(
        seed: int, cases: int, patterns: list[tuple[Arm, str, float]], same: bool, sequential: bool
    ) -> None:
        draw = random.Random(seed)
        evidence, thresholds, rules = vectors.evidence_of(perfect(cases, sequential=sequential))
        chosen = {(each, way): rate for arm, way, rate in patterns for each in (Arm if same else (arm,))}
        hit = tuple(_hit(result, chosen, draw) for result in evidence.results)
        report = policy.decide(replace(evidence, results=hit), thresholds, rules, vectors.MERGES)
        verdicts.append(report.decision)
        if report.decision is Verdict.PASS:
            assert_rests_on_units(report)

    passes_rest_on_units()
    assert {Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL} == set(verdicts)


def perfect(cases: int, *, sequential: bool) -> dict[str, Any]:
    """A gate in which nothing differs and everything holds, with a margin that so few cases can prove."""
    criteria = [
        {"name": "judge", "kind": "judge"},
        {"name": "second", "kind": "judge"},
        {"name": "check", "kind": "blocking"},
        {"name": "answered", "kind": "blocking"},
    ]
    sample = [1.0, 0.75, 1.0, 1.0]
    rows = [{"id": f"k{i:03}", "baseline": [sample] * 3, "candidate": [sample]} for i in range(cases)]
    return {"criteria": criteria, "cases": rows, "margin": 0.4, "sequential": sequential}


def _hit(result: Result, rates: Mapping[tuple[Arm, str], float], draw: random.Random) -> Result:
    """A result, or what a failure of it looks like in a run."""
    not_asked = dict.fromkeys(("judge", "second"), Unscored(reason="not asked"))
    for (arm, way), rate in rates.items():
        if result.arm is not arm or draw.random() >= rate:
            continue
        match way:
            case "fails a check":
                return replace(result, scores={**result.scores, **not_asked, "check": Score(value=0.0)})
            case "empty":
                none = {name: Score(value=0.0) for name in ("check", "answered")}
                return replace(result, scores={**not_asked, **none}, outcome=Failure(kind="unusable", message="empty"))
            case "refused":
                none = {**result.scores, **not_asked, "answered": Score(value=0.0)}
                return replace(result, scores=none, outcome=Failure(kind="unusable", message="refused"))
            case "call failed":
                lost = {name: Unscored(reason="reset") for name in result.scores}
                return replace(result, scores=lost, outcome=Failure(kind="infrastructure", message="reset"))
            case _:
                lost = {**result.scores, draw.choice(["judge", "second"]): Unscored(reason="no JSON")}
                return replace(result, scores=lost, outcome=Output(text="answer"))
    return result


def assert_rests_on_units(report: GateReport) -> None:
    """What a PASS needs, counted from the results themselves."""
    evidence, seen = report.evidence, report.evidence.order[: report.look.cases]
    by_case: dict[tuple[str, Arm], list[Result]] = {}
    for result in evidence.results:
        by_case.setdefault((result.case, result.arm), []).append(result)

    def holds(result: Result) -> bool:
        return all((result.values[name] or 0.0) >= 0.5 for name in ("check", "answered"))

    def failed(case: str) -> bool:
        return any(r.failure == "infrastructure" for arm in Arm for r in by_case[case, arm])

    for name in ("judge", "second"):
        usable = {
            case: [[r.values[name] for r in by_case[case, arm] if holds(r)] for arm in Arm] for case in evidence.order
        }
        unscored = [case for case, arms in usable.items() if failed(case) or any(None in arm for arm in arms)]
        pairs = [case for case in seen if all(usable[case]) and case not in unscored]
        assert len(pairs) >= 8 and len(pairs) >= len(seen) / 2
        lost = [case for case in unscored if case in seen]
        assert len(lost) <= (0.02 * len(evidence.order) if len(evidence.order) >= 100 else 1)
    draws = [r for case in evidence.order for r in by_case[case, Arm.BASELINE]]
    unanswered = [r for r in draws if (r.values["answered"] or 0.0) < 0.5]
    assert len(unanswered) <= 0.10 * len(draws)
    for name in ("check", "answered"):
        values = [r.values[name] for r in evidence.results if r.failure != "infrastructure"]
        assert None not in values and 1.0 in values
    now = [by_case[case, Arm.CANDIDATE][0] for case in evidence.order]
    before = [any((r.values["check"] or 0.0) < 0.5 for r in by_case[case, Arm.BASELINE]) for case in evidence.order]
    fresh_failures = [r for r, known in zip(now, before, strict=True) if not known and r.values["check"] == 0.0]
    assert not fresh_failures, "without fresh draws a new failure is not settled"


def copied(gate: Mapping[str, Any], times: Callable[[int], int]) -> dict[str, Any]:
    """The gate with so many more copies of each case: the same request, the same answers, the same scores."""
    rows = []
    for place, case in enumerate(gate["cases"]):
        own = {"request": f"own {place}"} | case
        rows += [own, *({**own, "id": f"{case['id']} {number}"} for number in range(times(place)))]
    return {**gate, "cases": rows}


@quick_and_long(60, 1_500)
def test_copies_change_no_number_that_is_compared(examples: int) -> None:
    """Copies of any of the cases: what is compared stands on as many units, and so does the exact test of a check."""

    @settings(max_examples=examples)
    @given(seed=SEEDS)
    def same_numbers(seed: int) -> None:
        gate, draw = random_gate(seed, most=80) | {"sequential": False}, random.Random(seed)
        gate["cases"] = [{k: v for k, v in case.items() if k not in ("cluster", "request")} for case in gate["cases"]]
        plain, more = decided(copied(gate, lambda _: 0)), decided(copied(gate, lambda _: draw.choice([0, 0, 1, 3])))
        assert more.units == plain.units
        for one, other in zip(plain.comparisons, more.comparisons, strict=True):
            assert one.difference == other.difference and one.p_value == other.p_value
        assert [check.p_more for check in plain.blocking] == [check.p_more for check in more.blocking]

    same_numbers()


@quick_and_long(80, 2_000)
def test_copying_some_cases_never_changes_a_verdict_to_pass(examples: int) -> None:
    """What may be broken, missing or unanswered is a share of the different requests, so that copies buy nothing."""

    @settings(max_examples=examples)
    @given(seed=SEEDS)
    def never_to_pass(seed: int) -> None:
        gate, draw = random_gate(seed, most=140) | {"sequential": False}, random.Random(seed)
        gate["cases"] = [{k: v for k, v in case.items() if k not in ("cluster", "request")} for case in gate["cases"]]
        plain, more = decided(copied(gate, lambda _: 0)), decided(copied(gate, lambda _: draw.choice([0, 0, 2, 5])))
        assert plain.decision is Verdict.PASS or more.decision is not Verdict.PASS

    never_to_pass()


@quick_and_long(60, 1_500)
def test_copying_all_cases_never_changes_a_verdict_to_pass(examples: int) -> None:
    verdicts: list[tuple[Verdict, Verdict]] = []

    @settings(max_examples=examples)
    @given(seed=SEEDS, times=st.integers(1, 3))
    def no_new_pass(seed: int, times: int) -> None:
        gate = random_gate(seed, most=80)
        plain, more = decided(copied(gate, lambda _: 0)), decided(copied(gate, lambda _: times))
        verdicts.append((plain.decision, more.decision))
        if more.decision is Verdict.PASS:
            assert plain.decision is Verdict.PASS
        if more.exit_code == 0:
            assert plain.exit_code == 0

    no_new_pass()
    assert (Verdict.PASS, Verdict.PASS) in verdicts
    assert len(set(verdicts)) > 2


@quick_and_long(12, 60)
def test_an_identical_prompt_fails_as_seldom_as_the_rule_says_whatever_its_checks(examples: int) -> None:
    """Checks that any share of the answers fails, or some cases now and then: the old rule failed most such gates."""
    runs = 50

    @settings(max_examples=examples)
    @given(
        seed=SEEDS,
        cases=st.sampled_from([8, 20, 40, 60]),
        judges=st.lists(st.sampled_from([SKEWED, MODERATE, PILED_UP]), max_size=2),
        flaky=st.lists(
            st.tuples(st.sampled_from([0.002, 0.01, 0.03, 0.1, 0.3]), st.booleans()), min_size=1, max_size=4
        ),
    )
    def fails_seldom(seed: int, cases: int, judges: list[Any], flaky: list[tuple[float, bool]]) -> None:
        rng = np.random.default_rng(seed)
        fails = 0
        for _ in range(runs):
            criteria = {f"judge {i}": judge(rng, cases, model) for i, model in enumerate(judges)}
            for i, (rate, is_persistent) in enumerate(flaky):
                # of every case the same share of draws fails, or half of the draws of some cases
                spread = np.where(rng.random(cases) < min(0.1, rate), 0.5, 0.0) if is_persistent else rate
                criteria[f"check {i}"] = check(rng, cases, spread)
            fails += decided(gate_of(criteria)).decision is Verdict.FAIL
        assert at_most(fails, runs, 0.08)

    fails_seldom()
