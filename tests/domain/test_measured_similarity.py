"""What a run has measured of the similarity: means by case, and the parts of shards."""

from __future__ import annotations

from dataclasses import replace

from evalgate.domain import Arm, Score, Unscored
from evalgate.domain.measured_similarity import MeasuredSimilarity, OutputSimilarity, join_similarities


def make(*values: tuple[str, Arm, int, float | None]) -> MeasuredSimilarity:
    outputs = tuple(
        OutputSimilarity(
            case=case, arm=arm, repeat=repeat, score=Unscored(reason="why") if value is None else Score(value=value)
        )
        for case, arm, repeat, value in values
    )
    return MeasuredSimilarity(model="m", source="expected", digest="d", outputs=outputs)


def test_samples_of_a_case_are_averaged_and_a_case_without_a_value_has_no_mean() -> None:
    rows = [("a", 0, 0.5), ("a", 1, 1.0), ("b", 0, None), ("c", 0, None), ("c", 1, 0.25)]
    measured = make(*((case, Arm.BASELINE, repeat, value) for case, repeat, value in rows))
    assert measured.collect_means(Arm.BASELINE) == {"a": 0.75, "c": 0.25}
    assert measured.collect_means(Arm.CANDIDATE) == {}
    assert [one.case for one, _ in measured.list_unscored()] == ["b", "c"]


def test_an_output_is_found_by_case_arm_and_repeat() -> None:
    measured = make(("a", Arm.CANDIDATE, 1, 0.5))
    assert measured.find("a", Arm.CANDIDATE, 1) == Score(value=0.5)
    assert measured.find("a", Arm.CANDIDATE, 0) is measured.find("a", Arm.BASELINE, 1) is None


def test_shards_are_joined_in_the_order_of_the_cases() -> None:
    first, second = make(("c", Arm.CANDIDATE, 0, 0.5)), make(("a", Arm.CANDIDATE, 0, 0.1))
    joined = join_similarities([None, first, replace(second, fault="down")], ["a", "b", "c"])
    assert joined is not None
    assert [one.case for one in joined.outputs] == ["a", "c"] and joined.fault == "down"
    assert join_similarities([None, None], ["a"]) is None
