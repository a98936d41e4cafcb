"""Seconds, tokens and dollars of each arm."""

from __future__ import annotations

import pytest

from evalgate.domain import Arm, Failure, Output, Usage
from evalgate.report import arm_usage


def outcome(seconds: float | None, tokens: int | None = 10, cost: float | None = 0.01) -> Output:
    usage = None if tokens is None else Usage(input_tokens=tokens, output_tokens=1)
    return Output(text="x", seconds=seconds, usage=usage, cost_usd=cost)


def measure(samples, *outcomes: Output | Failure | None):
    rows = tuple(samples.result(f"c{n}", Arm.BASELINE, 0, one) for n, one in enumerate(outcomes))
    return arm_usage.measure_arms(samples.gate("PASS", 0, results=rows).evidence)


def test_an_arm_adds_up_its_answers(samples) -> None:
    failed = Failure(kind="infrastructure", message="gone", seconds=9.0)
    (one,) = measure(samples, outcome(0.2), outcome(0.1), outcome(30.0), failed)
    assert arm_usage.describe_arm(one) == "3 answers; median 0.200 s, p95 30 s each; 30 in, 3 out; $0.030"
    assert arm_usage.make_rows([one]) == (("baseline", "3", "median 0.200 s, p95 30 s", "30 in, 3 out", "$0.030"),)


def test_what_is_not_known_of_all_answers_is_not_added_up(samples) -> None:
    (one,) = measure(samples, outcome(None), outcome(None, tokens=None, cost=None))
    assert arm_usage.describe_arm(one) == "2 answers; seconds not measured; tokens not measured; cost unknown"


def test_scores_without_outputs_took_nothing(samples) -> None:
    assert measure(samples, None) == ()


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (0.0, 1.0), (1.0, 4.0)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert arm_usage.find_quantile([1.0, 2.0, 3.0, 4.0], share) == value


@pytest.mark.parametrize(
    ("value", "text"), [(0.04335, "0.043 s"), (1.84, "1.8 s"), (75.4, "75 s"), (1234.0, "1,234 s")]
)
def test_seconds_have_their_unit(value: float, text: str) -> None:
    assert arm_usage.format_seconds(value) == text
