"""Roles of criteria: what is compared, what blocks, what has a floor, and which scores an output needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide.small_evidence import CHECK, JUDGE, RULES

from evalgate.decide.roles import assign_roles, is_blocking
from evalgate.domain import ANSWERED, Criterion, Threshold

IMPLICIT = Criterion(name=ANSWERED, kind="check", blocking=True, digest="d")
REPORTED = replace(CHECK, name="polite", blocking=False)
ALL = (IMPLICIT, CHECK, REPORTED, JUDGE)


def test_a_judge_is_compared_by_default_and_a_check_only_with_a_drop_of_its_own() -> None:
    roles = assign_roles(ALL, {"polite": Threshold(max_drop=0.2)}, RULES, with_baseline=True)
    assert roles.allowed == {"polite": 0.2, "faithfulness": RULES.max_drop}
    assert roles.compared == ("polite", "faithfulness")
    assert roles.blocking == (ANSWERED, "is_json") and roles.declared == ("is_json",)


@pytest.mark.parametrize(
    ("threshold", "with_baseline", "blocks"),
    [
        (None, True, True),
        (Threshold(minimum=0.9), True, False),
        (Threshold(max_drop=0.1), True, False),
        (Threshold(max_drop=0.1), False, True),
    ],
)
def test_a_threshold_of_its_own_replaces_the_blocking_of_a_check(
    threshold: Threshold | None, with_baseline: bool, blocks: bool
) -> None:
    assert is_blocking(CHECK, threshold, with_baseline=with_baseline) is blocks
    assert not is_blocking(JUDGE, threshold, with_baseline=with_baseline)


def test_without_a_baseline_nothing_is_compared() -> None:
    assert assign_roles(ALL, {}, RULES, with_baseline=False).compared == ()


def test_a_judge_needs_every_blocking_check_and_a_reported_check_only_an_answer() -> None:
    roles = assign_roles(ALL, {}, RULES, with_baseline=True)
    assert roles.required("faithfulness") == (ANSWERED, "is_json")
    assert roles.required("polite") == (ANSWERED,)
    assert roles.required("is_json") == ()


def test_an_output_that_fails_a_required_check_lacks_no_score() -> None:
    roles = assign_roles(ALL, {}, RULES, with_baseline=True)
    passed = {ANSWERED: 1.0, "is_json": 1.0}
    assert roles.is_unscored("faithfulness", {**passed, "faithfulness": None}, "c1")
    assert not roles.is_unscored("faithfulness", {**passed, "faithfulness": 0.0}, "c1")
    assert not roles.is_unscored("faithfulness", {**passed, "is_json": 0.0}, "c1")
    assert not roles.is_unscored("faithfulness", {ANSWERED: None, "is_json": 1.0}, "c1")


def test_only_a_check_that_blocks_can_be_strict() -> None:
    strict = (replace(CHECK, strict=True), replace(REPORTED, strict=True))
    assert assign_roles(strict, {}, RULES, with_baseline=True).strict == {"is_json"}
