"""Pairs of scores by case, and the comparison that a report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from decide.small_evidence import JUDGE, evidence, result, results

from evalgate.decide.compare import Paired, compare, list_fallen, pair
from evalgate.decide.draws import collect_draws
from evalgate.domain import Arm, Failure, Result, Score, Unscored

NAME = JUDGE.name


def paired(found: Sequence[Result], *required: str, with_baseline: bool = True) -> Paired:
    return pair(collect_draws(evidence(found)), NAME, required, with_baseline=with_baseline)


def test_the_difference_is_candidate_minus_baseline_over_the_mean_of_the_samples() -> None:
    samples = [result(0, Arm.BASELINE, {NAME: Score(value=value)}, repeat=n) for n, value in enumerate((0.2, 0.6))]
    found = paired([*samples, result(0, Arm.CANDIDATE, {NAME: Score(value=0.9)})])
    assert found.differences is not None
    assert found.differences.tolist() == pytest.approx([0.5])
    assert (found.samples, found.noise) == ((1, 2), pytest.approx(0.08))


def test_a_case_whose_score_is_missing_is_undecided() -> None:
    found = results([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    found[3] = replace(found[3], scores={NAME: Unscored(reason="no JSON")})
    found[4] = replace(found[4], scores={}, outcome=Failure(kind="infrastructure", message="503"))
    both = paired(found)
    assert (both.cases, both.undecided, both.left_out) == (("case-002",), {"case-000": 0, "case-001": 1}, {})
    assert both.lost == 2


def test_an_output_that_fails_a_required_check_is_left_out_and_not_undecided() -> None:
    scores = {"is_json": Score(value=0.0), NAME: Unscored(reason="not asked")}
    found = [
        replace(one, scores={"is_json": Score(value=1.0), **one.scores}) for one in results([0.5, 0.5], [0.5, 0.5])
    ]
    found[2] = replace(found[2], scores=scores)
    both = paired(found, "is_json")
    assert (both.cases, both.undecided, both.left_out) == (("case-001",), {}, {"case-000": 0})


def test_pairs_up_to_a_look_are_those_of_its_cases() -> None:
    found = paired(results([0.5] * 6, [0.6] * 6)).upto(4)
    assert (len(found.cases), len(found.candidate), found.seen) == (4, 4, 4)


def test_a_comparison_shows_means_whose_difference_is_the_shown_one() -> None:
    shown = compare(JUDGE, paired(results([0.5] * 10 + [0.7] * 10, [0.6] * 20)), level=0.05)
    assert shown.baseline is not None and shown.candidate is not None and shown.difference is not None
    assert shown.candidate.value - shown.baseline.value == pytest.approx(shown.difference.value)
    assert shown.difference.low <= shown.difference.value <= shown.difference.high
    assert (shown.units, shown.pairs) == (20, 20)


def test_without_a_baseline_only_the_candidate_is_shown() -> None:
    shown = compare(JUDGE, paired(results([], [0.6] * 9), with_baseline=False), level=0.05)
    assert (shown.baseline, shown.difference, shown.p_value) == (None, None, None)
    assert shown.candidate is not None and shown.candidate.n == 9


def test_the_largest_fall_stands_first_and_small_ones_are_not_listed() -> None:
    found = paired(results([1.0, 1.0, 1.0, 0.0], [0.75, 0.0, 0.8, 1.0]))
    assert list_fallen(found) == ("case-001", "case-000")
    assert compare(JUDGE, found, level=0.05).improved == ("case-003",)
