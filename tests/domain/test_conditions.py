"""Conditions that choose the cases of a check or judge."""

from __future__ import annotations

import pytest

from evalgate.domain import Case, Check, Condition, applies
from evalgate.domain.conditions import is_absent

CASE = Case(id="c1", fields={"kind": "refund", "n": 1, "blank": "", "user": {"plan": "pro"}}, tags=("fact", "de"))


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (Condition(), True),
        (Condition(tags=("chat", "fact")), True),
        (Condition(tags=("chat",)), False),
        (Condition(ids=("c0", "c1")), True),
        (Condition(ids=("c0",)), False),
        (Condition(has=("kind", "user.plan")), True),
        (Condition(has=("kind", "blank")), False),
        (Condition(has=("absent",)), False),
        (Condition(field="kind", values=("order", "refund")), True),
        (Condition(field="user.plan", values=("free",)), False),
        (Condition(field="absent", values=(None,)), False),
        (Condition(field="n", values=(1.0,)), True),
        (Condition(field="n", values=(True,)), False),
        (Condition(tags=("fact",), field="kind", values=("order",)), False),
    ],
)
def test_every_part_of_a_condition_has_to_hold(condition: Condition, wanted: bool) -> None:
    assert condition.holds(CASE.id, CASE.tags, CASE.fields) is wanted
    assert applies(Check(name="x", type="equals", when=condition), CASE) is wanted
    assert applies(Check(name="x", type="equals", unless=condition), CASE) is not wanted


def test_the_digest_of_a_condition_does_not_depend_on_order() -> None:
    assert Condition(tags=("a", "b")).as_json() == Condition(tags=("b", "a")).as_json() == {"tags": ["a", "b"]}
    assert Condition(field="k", values=(None,)).as_json() == {"field": "k", "values": [None]}


@pytest.mark.parametrize(
    ("value", "wanted"), [(None, True), ("", True), ([], True), ({}, True), (0, False), (False, False)]
)
def test_null_and_empty_values_are_absent(value: object, wanted: bool) -> None:
    assert is_absent({"a": value}, "a") is wanted
    assert is_absent({"a": {"b": value}}, "a.b") is wanted
