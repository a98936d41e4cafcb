"""An outage hits both arms alike; a prompt that is not answered hits its own arm."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.decide.outages import CONTROLS, count_controls, count_tolerated, is_outage


def chance(k: int, n: int, rate: float) -> float:
    return math.comb(n, k) * rate**k * (1 - rate) ** (n - k)


@pytest.mark.parametrize("cases", [8, 20, 30, 64, 100, 200])
@pytest.mark.parametrize("rate", [0.12, 0.2, 0.3, 0.5, 0.9])
def test_an_outage_that_hits_both_arms_is_seldom_taken_for_the_prompt(cases: int, rate: float) -> None:
    wrong = 0.0
    for unanswered in range(count_tolerated(cases) + 1, cases + 1):
        controls = min(CONTROLS, unanswered * count_controls(cases))
        for lost in range(controls + 1):
            if not is_outage(unanswered, cases, [False] * lost + [True] * (controls - lost)):
                wrong += chance(unanswered, cases, rate) * chance(lost, controls, rate)
    assert wrong <= 0.07


@pytest.mark.parametrize("cases", [60, 100, 150, 300, 600])
@pytest.mark.parametrize("rate", [0.2, 0.4, 0.6])
def test_an_outage_is_one_as_well_when_cases_without_any_answer_of_the_baseline_are_left_out(
    cases: int, rate: float
) -> None:
    chance = random.Random(1)
    each = count_controls(cases)
    wrong = 0
    for _ in range(400):
        unanswered = sum(chance.random() < rate for _ in range(cases))
        asked = [[chance.random() >= rate for _ in range(each)] for _ in range(min(unanswered, CONTROLS // each))]
        left = [control for own in asked if any(own) for control in own]
        wrong += not is_outage(unanswered - sum(not any(own) for own in asked), cases, left)
    assert wrong <= 0.12 * 400


@given(st.integers(8, 300).flatmap(lambda cases: st.tuples(st.integers(1, cases), st.just(cases))))
def test_a_baseline_that_is_answered_beside_it_leaves_the_prompt_as_the_cause(counts: tuple[int, int]) -> None:
    unanswered, cases = counts
    controls = min(CONTROLS, unanswered * count_controls(cases))
    assert not is_outage(unanswered, cases, [True] * controls)


@given(st.integers(1, 100), st.integers(0, 30), st.integers(0, 30))
def test_more_controls_without_an_answer_never_speak_against_an_outage(unanswered: int, lost: int, held: int) -> None:
    before = is_outage(unanswered, 100, [False] * lost + [True] * held)
    assert before <= is_outage(unanswered, 100, [False] * (lost + 1) + [True] * held)


def test_a_dead_endpoint_is_an_outage_and_so_is_one_without_a_baseline_that_answers_less_than_half() -> None:
    assert is_outage(64, 64, [False] * CONTROLS)
    assert is_outage(3, 64, [False] * 3)
    assert is_outage(33, 64, None)
    assert not is_outage(32, 64, None)
