"""The scores of two versions in Python: their forms, and their faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalgate.domain import Arm
from evalgate.errors import InputError
from evalgate.inputs.paired_scores import read_pair

FRAME = pd.DataFrame({"case": ["1", "2"], "value": [0.5, 1.0]})


@pytest.mark.parametrize(
    "given",
    [
        {"1": 0.5, "2": 1},
        {1: 0.5, 2: True},
        [0.5, 1.0],
        (0.5, 1),
        np.array([0.5, 1.0]),
        pd.Series([0.5, 1.0], index=["1", "2"]),
        FRAME,
        FRAME.to_dict("records"),
        {"1": [0.5], "2": np.array([1.0])},
    ],
    ids=lambda given: type(given).__name__,
)
def test_all_forms_are_the_same_scores(given: Any) -> None:
    rows = read_pair(given, FRAME, "quality")
    assert [(row.case, row.arm, row.criterion, row.value) for row in rows] == [
        (case, arm, "quality", value)
        for arm in (Arm.BASELINE, Arm.CANDIDATE)
        for case, value in (("1", 0.5), ("2", 1.0))
    ]


def test_repeats_are_numbered() -> None:
    rows = read_pair({"a": [1, 0, 1]}, {"a": 1}, "score")
    assert [(row.repeat, row.value) for row in rows if row.arm is Arm.BASELINE] == [(0, 1.0), (1, 0.0), (2, 1.0)]


def test_rows_may_name_criteria_and_clusters() -> None:
    frame = FRAME.assign(criterion=["tone", "facts"], cluster="one")
    rows = read_pair(frame, frame, "score")
    assert {(row.criterion, row.cluster) for row in rows} == {("tone", "one"), ("facts", "one")}


@pytest.mark.parametrize(
    ("baseline", "candidate", "faults"),
    [
        (
            {"a": float("nan")},
            {"a": None},
            ["baseline_scores: *'a' .* NaN or None", "candidate_scores: .* NaN or None"],
        ),
        ({"a": 1.5}, {"a": "0.5"}, ["not 1.5", "not '0.5'"]),
        ({"a": 1, "b": 1}, {"b": 1, "c": 1}, ["candidate_scores: no score of a,", "baseline_scores: no score of c,"]),
        ([0.5], [0.5, 0.5], ["baseline_scores: no score of 2, which candidate_scores has"]),
        ({}, {"a": 1}, ["baseline_scores: has no scores"]),
        ({"a": []}, {"a": 1}, ['case "a" has no score']),
        (pd.Series([1.0, 1.0], index=["a", "a"]), {"a": 1}, ['a second score of case "a"']),
        (FRAME.assign(value=[None, 1.0]), FRAME, ['baseline_scores:1: "value" must be a number']),
        ("scores.csv", 3, ["baseline_scores must be a mapping .*, not str", "candidate_scores must be .*, not int"]),
    ],
)
def test_what_is_no_score_or_no_pair_is_an_error(baseline: Any, candidate: Any, faults: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        read_pair(baseline, candidate, "score")
    for fault in faults:
        assert raised.match(fault.replace("*'a'", '.*"a"'))
