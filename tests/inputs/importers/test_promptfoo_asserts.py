"""Tests of the thresholds over several assertions: of a test, and of an assert-set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign_config import Imported, import_at

A, B = ({"type": "contains", "value": each} for each in ("a", "b"))
TEXTS = [A, B]


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


def test_a_set_without_a_threshold_needs_all(tmp_path: Path) -> None:
    found = read(tmp_path, **{"assert": [{"type": "assert-set", "assert": TEXTS, "metric": "words"}]})
    assert found.checks == [{**A, "name": "words"}, {**B, "name": "words_2"}]
