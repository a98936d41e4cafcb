"""Tests of the thresholds over several assertions: of a test, and of an assert-set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign_config import Imported, import_at

A, B = ({"type": "contains", "value": each} for each in ("a", "b"))
TEXTS = [A, B]
C = {"type": "contains", "value": "c"}


def read(folder: Path, **test: Any) -> Imported:
    return import_at(folder, {"prompts": ["{{q}}"], "providers": ["openai:m"], "tests": [{"vars": {"q": "a"}, **test}]})


@pytest.mark.parametrize(
    ("threshold", "checks"),
    [
        (1, [A, {**B, "name": "contains_2"}]),
        (0.6, [A, {**B, "name": "contains_2"}]),
        (0.5, [{"type": "any_of", "checks": [A, B]}]),
    ],
)
def test_a_threshold_says_how_many_have_to_pass(tmp_path: Path, threshold: float, checks: list[Any]) -> None:
    for test in (
        {"assert": TEXTS, "threshold": threshold},
        {"assert": [{"type": "assert-set", "assert": TEXTS, "threshold": threshold}]},
    ):
        found = read(tmp_path, **test)
        assert (found.checks, found.left_out) == (checks, [])


def test_weights_decide_which_of_them_are_enough(tmp_path: Path) -> None:
    heavy = [{**TEXTS[0], "weight": 3}, TEXTS[1]]
    assert read(tmp_path, **{"assert": heavy, "threshold": 0.7}).checks == [{"type": "contains", "value": "a"}]


def test_a_threshold_over_a_judge_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, **{"assert": [*TEXTS, {"type": "llm-rubric", "value": "kind"}], "threshold": 0.5})
    assert found.left_out == [
        "promptfooconfig.yaml:1:61: the threshold 0.5 of a test: each of its assertions counts by itself"
    ]
    assert found.checks == [A, {**B, "name": "contains_2"}]


LENGTH = {"type": "javascript", "value": "Math.max(0, 1 - output.length / 1000)"}
HAS = {"type": "javascript", "value": "output.includes('a')"}
BOTH = {"type": "assert-set", "threshold": 0.5, "assert": TEXTS[:2]}


@pytest.mark.parametrize(
    ("assertions", "threshold", "checks"),
    [
        ([LENGTH], 0.8, [{"type": "length", "max_chars": 200}]),
        ([LENGTH, TEXTS[0]], 0.9, [{"type": "length", "max_chars": 200}, {"type": "contains", "value": "a"}]),
        ([{**LENGTH, "weight": 3}, TEXTS[0]], 0.8, [{"type": "length", "max_chars": 266}, {"type": "contains", "value": "a"}]),
        ([{"type": "assert-set", "threshold": 0.8, "assert": [LENGTH]}], None, [{"type": "length", "max_chars": 200}]),
        ([HAS, TEXTS[1]], 0.5, [{"type": "any_of", "checks": [{"type": "contains", "value": "a"}, {"type": "contains", "value": "b"}]}]),
        ([BOTH, C], 0.9, [{"type": "contains", "name": name, "value": value} for name, value in (("contains", "a"), ("contains_2", "b"), ("contains_3", "c"))]),
    ],
)  # fmt: skip
def test_a_score_between_0_and_1_counts_as_it_is(
    tmp_path: Path, assertions: list[Any], threshold: float | None, checks: list[Any]
) -> None:
    found = read(tmp_path, **{"assert": assertions, **({} if threshold is None else {"threshold": threshold})})
    assert [{"name": each["type"], **each} for each in found.checks] == [
        {"name": each["type"], **each} for each in checks
    ]
    assert found.left_out == []


@pytest.mark.parametrize("first", [LENGTH, BOTH, {"type": "python", "value": "max(0, 1 - len(set(output)) / 9)"}])
def test_scores_that_others_make_up_for_are_named(tmp_path: Path, first: dict[str, Any]) -> None:
    found = read(tmp_path, **{"assert": [first, C], "threshold": 0.5})
    assert found.left_out == [
        "promptfooconfig.yaml:1:61: the threshold 0.5 of a test: each of its assertions counts by itself"
    ]


def test_code_gets_the_score_that_its_test_needs(tmp_path: Path) -> None:
    found = read(tmp_path, **{"assert": [{"type": "python", "value": "len(set(output)) / 9"}], "threshold": 0.8})
    assert "'least': 0.8" in found.project.files["checks/promptfoo_code.py"]


@pytest.mark.parametrize("listed", ["file://more.yaml", ["file://more.yaml"], None])
def test_what_is_no_assertion_of_a_set_is_named(tmp_path: Path, listed: Any) -> None:
    found = read(tmp_path, **{"assert": [{"type": "assert-set", "assert": listed}]})
    assert any("an assertion of an assert-set that is not a mapping" in each for each in found.left_out)


def test_a_set_without_a_threshold_needs_all(tmp_path: Path) -> None:
    found = read(tmp_path, **{"assert": [{"type": "assert-set", "assert": TEXTS, "metric": "words"}]})
    assert found.checks == [{**A, "name": "words"}, {**B, "name": "words_2"}]
