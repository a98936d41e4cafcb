"""The order of cases: it depends on the content of the dataset and the baseline, and begins with every tag."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plan.small_gate import case, dataset, plan, prompt

from evalgate.domain import Case
from evalgate.plan.order import order_cases

tags = st.sampled_from(["a", "b", "c"])


datasets = st.lists(st.lists(tags, max_size=2), min_size=1, max_size=30).map(
    lambda rows: [case(number, *row) for number, row in enumerate(rows)]
)


@given(datasets, st.randoms(use_true_random=False))
def test_order_does_not_depend_on_the_order_of_the_file(cases: list[Case], random: Any) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)
    order = order_cases("g", prompt(), dataset(*cases), {})
    assert order == order_cases("g", prompt(), dataset(*shuffled), {})
    assert sorted(case.id for case in order) == sorted(case.id for case in cases)


def test_order_is_another_for_other_content() -> None:
    cases = dataset(*(case(number) for number in range(20)))
    order = [case.id for case in order_cases("g", prompt(), cases, {})]
    edited = dataset(*cases.cases[:-1], case(19, query="other"))
    assert order != [case.id for case in cases.cases]
    assert order != [case.id for case in order_cases("g", prompt(model="m-2"), cases, {})]
    assert order != [case.id for case in order_cases("g", prompt(), edited, {})]
    assert order != [case.id for case in order_cases("another", prompt(), cases, {})]


@given(st.text(max_size=40), st.sampled_from(["0", "0.5"]))
def test_no_edit_of_the_candidate_changes_the_order(words: str, temperature: str) -> None:
    cases = dataset(*(case(number, "abc"[number % 3]) for number in range(20)))
    edited = prompt(f"{words} {{{{query}}}}", parameters={"temperature": temperature})
    orders = [plan(candidate=candidate, baseline=prompt(), cases=cases).order for candidate in (prompt(), edited)]
    assert orders[0] == orders[1]


def test_every_tag_is_in_the_first_quarter() -> None:
    cases = dataset(*(case(number, "abcde"[number % 5], "late") for number in range(40)))
    first = order_cases("g", prompt(), cases, {})[:10]
    assert sorted(case.tags[0] for case in first) == sorted("abcde" * 2)
