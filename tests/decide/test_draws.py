"""The scores of a gate as arrays: rows are draws, columns are cases in run order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decide.small_evidence import evidence, result

from evalgate.decide.draws import collect_draws
from evalgate.domain import Arm, Failure, Score, Unscored


def test_a_draw_stands_in_the_row_of_its_repeat_whatever_the_order_of_results() -> None:
    found = [
        result(0, Arm.BASELINE, {"x": Score(value=value)}, repeat=n) for n, value in ((2, 0.3), (0, 0.1), (1, 0.2))
    ]
    draws = collect_draws(evidence(found))
    assert draws.scores("x", Arm.BASELINE)[:, 0].tolist() == [0.1, 0.2, 0.3]


def test_a_missing_score_is_nan_and_stays_apart_from_one_that_was_never_asked_for() -> None:
    found = [
        result(0, Arm.CANDIDATE, {"x": Unscored(reason="no")}),
        result(1, Arm.CANDIDATE, {"x": Score(value=1.0)}),
        result(2, Arm.CANDIDATE, {}),
    ]
    draws = collect_draws(evidence(found))
    assert np.isnan(draws.scores("x", Arm.CANDIDATE)[0]).tolist() == [True, False, True]
    assert draws.asked("x", Arm.CANDIDATE)[0].tolist() == [True, True, False]
    assert np.isnan(draws.scores("unknown", Arm.CANDIDATE)).all() and not draws.asked("unknown", Arm.CANDIDATE).any()


def test_a_gap_in_the_repeats_leaves_no_gap_in_the_rows() -> None:
    found = [result(0, Arm.CANDIDATE, {"x": Score(value=0.5)}, repeat=4), result(1, Arm.CANDIDATE, {}, repeat=0)]
    assert collect_draws(evidence(found)).drawn[Arm.CANDIDATE].tolist() == [[True, True]]


def test_a_failed_call_is_marked_and_a_draw_holds_only_if_every_check_passes() -> None:
    lost = Failure(kind="infrastructure", message="503")
    found = [
        result(0, Arm.CANDIDATE, {"a": Score(value=1.0), "b": Score(value=1.0)}),
        result(1, Arm.CANDIDATE, {"a": Score(value=1.0), "b": Score(value=0.0)}),
        result(2, Arm.CANDIDATE, {}, outcome=lost),
    ]
    draws = collect_draws(evidence(found))
    assert draws.failed[Arm.CANDIDATE][0].tolist() == [False, False, True]
    assert draws.holding(["a", "b"], Arm.CANDIDATE)[0].tolist() == [True, False, False]
    assert draws.holding([], Arm.CANDIDATE)[0].tolist() == [True, True, True]


@pytest.mark.parametrize("field", ["clusters", "requests"])
def test_cases_of_one_unit_are_adjacent_and_only_equal_requests_are_copies(field: str) -> None:
    found = [result(case, Arm.CANDIDATE, {}) for case in range(4)]
    draws = collect_draws(replace(evidence(found), **{field: {"case-000": "u", "case-003": "u"}}))
    assert draws.order == ("case-000", "case-003", "case-001", "case-002")
    assert (draws.units, draws.unit.tolist(), draws.cases_of(1)) == (3, [0, 0, 1, 2], 2)
    assert draws.different == (4 if field == "clusters" else 3)
