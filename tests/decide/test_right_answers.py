"""How many cases have one right answer, as the dataset and the checks tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from plan.small_gate import case, dataset, plan

from evalgate.decide.right_answers import count_same_answer
from evalgate.domain import Check

EQUAL = Check(name="e", type="equals", options={"value": "yes"})


@pytest.mark.parametrize(
    ("fields", "checks", "wanted"),
    [
        (lambda i: {}, (), 0),
        (lambda i: {"expected": " "}, (), 0),
        (lambda i: {"expected": f"answer {i}"}, (), 1),
        (lambda i: {"expected": " yes" if i % 2 else "yes "}, (), 20),
        (lambda i: {"expected": "yes" if i < 15 else "no"}, (), 15),
        (lambda i: {"expected": ["yes", "no"]}, (), 20),
        (lambda i: {}, (EQUAL,), 20),
        (lambda i: {"label": "yes" if i < 12 else "no"}, (replace(EQUAL, options={"from": "label"}),), 12),
        (lambda i: {}, (replace(EQUAL, negated=True),), 0),
        (lambda i: {}, (replace(EQUAL, options={"value": "yes", "at": "/a"}),), 0),
        (lambda i: {}, (replace(EQUAL, type="contains"),), 0),
    ],
)
def test_count(fields: Callable[[int], Mapping[str, object]], checks: tuple[Check, ...], wanted: int) -> None:
    found = plan(
        cases=dataset(*(case(i, **{"query": f"question {i}", "expected": None, **fields(i)}) for i in range(20)))
    )
    assert count_same_answer(replace(found, gate=replace(found.gate, checks=checks))) == wanted


def test_cases_with_equal_requests_count_once() -> None:
    found = plan(cases=dataset(*(case(i, query="the question", expected="yes") for i in range(20))))
    assert count_same_answer(found) == 1
