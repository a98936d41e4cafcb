"""Tests of the pairing of two result files: cases, criteria, settings, scales."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tool_files import change, pair, show

from evalgate.domain import Arm
from evalgate.errors import InputError
from evalgate.inputs.importers.tool_results import ToolResults, ToolScore, ToolTest, is_empty


def make_test(name: str | None, asks: str, *, copy: int | None = None, settings: Any = None, **scores: Any) -> ToolTest:
    return ToolTest(
        id=name,
        content={"input": asks},
        copy=copy,
        scores={key: ToolScore(value=value, settings=settings) for key, value in scores.items()},
    )


def make_results(*tests: ToolTest, path: str = "candidate.json", **more: Any) -> ToolResults:
    return ToolResults(tool="tool", path=path, subject="a model", tests=tests, **{"same_criteria": True, **more})


def refused(candidate: ToolResults, baseline: ToolResults | None = None, **choice: Any) -> str:
    with pytest.raises(InputError) as error:
        pair(candidate, baseline, **choice)
    return str(error.value)


def test_a_criterion_of_one_file_only_is_refused_unless_others_are_chosen() -> None:
    one, other = (
        make_results(make_test("a", "?", x=1, y=1)),
        make_results(make_test("a", "?", x=1), path="baseline.json"),
    )
    message = refused(one, other)
    assert message.startswith('baseline.json: the criterion "y" is not in this file') and "--criterion x" in message
    assert set(show(pair(one, other, criteria=("x",)).rows)) == {("a", "x", 0)}


@pytest.mark.parametrize(("choice", "message"), [
    ({"criteria": ("xx",)}, '--criterion: no criterion is named "xx"'),
    ({"scales": {"z": (0, 1)}}, '--scale: no criterion is named "z"'),
    ({"criteria": ("x",), "scales": {"y": (0, 1)}}, '--scale: "y" does not count'),
])  # fmt: skip
def test_an_unknown_criterion_is_refused(choice: dict[str, Any], message: str) -> None:
    assert message in refused(make_results(make_test("a", "?", x=1, y=1)), **choice)


def test_ids_are_used_where_each_test_has_one_else_the_content() -> None:
    named = make_results(make_test("a", "one?", x=1), make_test("b", "two?", x=0))
    turned = make_results(make_test(None, "two?", x=1), make_test(None, "one?", x=0), path="baseline.json")
    assert {case for case, _, _ in show(pair(named).rows)} == {"a", "b"}
    rows = pair(named, turned).rows
    assert sorted(show(rows).values()) == sorted(show(rows, Arm.BASELINE).values()) == [0.0, 1.0]
    for case, name, repeat in show(rows):
        assert show(rows)[case, name, repeat] != show(rows, Arm.BASELINE)[case, name, repeat]


def test_an_id_that_two_questions_have_is_none() -> None:
    results = make_results(make_test("a", "one?", x=1), make_test("a", "two?", x=0))
    assert all(case.startswith("row-") for case, _, _ in show(pair(results).rows))


def test_two_samples_with_one_id_and_repeat_are_refused() -> None:
    results = make_results(make_test("a", "one?", copy=0, x=1), make_test("a", "one?", copy=0, x=0))
    assert 'two samples have the id "a" and the repeat 0' in refused(results)


def test_tests_that_ask_the_same_and_are_measured_differently_are_refused() -> None:
    results = make_results(make_test(None, "?", x=1), make_test(None, "?", y=1), same_criteria=False)
    assert "two tests ask and expect the same" in refused(results)


def test_tests_without_inputs_cannot_be_told_apart_without_names() -> None:
    empty = ToolTest(id=None, content={}, scores={"x": ToolScore(value=1.0)})
    assert "tests without inputs cannot be told apart" in refused(make_results(empty, empty))
    assert len(pair(make_results(empty)).rows) == 1


def test_an_edited_case_is_unscored_and_named() -> None:
    one = make_results(make_test("a", "one?", x=1), make_test("b", "two?", x=1))
    other = make_results(make_test("a", "one, please?", x=1), make_test("b", "two?", x=1), path="baseline.json")
    scores = pair(one, other)
    assert show(scores.rows)["a", "x", 0] == "its input or its expectation is another one in the baseline's file"
    assert show(scores.rows)["b", "x", 0] == 1.0
    assert any("another one in the baseline's file: a" in note for note in scores.notes)


def test_other_settings_of_some_cases_leave_these_unscored_and_of_all_are_refused() -> None:
    one = make_results(make_test("a", "one?", settings=0.5, x=1), make_test("b", "two?", settings=0.5, x=1))
    other = make_results(make_test("a", "one?", settings=0.7, x=1), make_test("b", "two?", settings=0.5, x=1))
    assert isinstance(show(pair(one, other).rows)["a", "x", 0], str)
    assert show(pair(one, other).rows)["b", "x", 0] == 1.0
    all_other = make_results(make_test("a", "one?", settings=0.7, x=1), make_test("b", "two?", settings=0.7, x=1))
    assert '"x" is measured with other settings in the two files: 0.5 and 0.7' in refused(one, all_other)


def test_files_without_a_common_case_are_refused() -> None:
    one, other = make_results(make_test("a", "?", x=1)), make_results(make_test("b", "?", x=1), path="baseline.json")
    assert refused(one, other).startswith("candidate.json: no case of this file is in baseline.json")


def test_a_case_of_one_file_only_has_rows_of_that_arm_only() -> None:
    one = make_results(make_test("a", "?", x=1), make_test("b", "?!", x=1))
    rows = pair(one, make_results(make_test("a", "?", x=1))).rows
    assert ("b", "x", 0) in show(rows) and ("b", "x", 0) not in show(rows, Arm.BASELINE)


def test_a_criterion_that_only_one_arm_of_a_case_lacks_does_apply() -> None:
    one = make_results(make_test("a", "?", x=1), make_test("b", "?!", x=1, y=1), same_criteria=False)
    other = make_results(make_test("a", "?", x=1, y=1), make_test("b", "?!", x=1, y=1), same_criteria=False)
    assert pair(one, other).excluded == {}
    assert pair(one, one).excluded == {"y": ("a",)}


def test_a_file_whose_every_score_is_absent_is_refused() -> None:
    assert "no test has a score" in refused(make_results(make_test("a", "?", x=None)))


@given(value=st.floats(-1e6, 1e6), low=st.floats(-1e6, 1e6), high=st.floats(-1e6, 1e6))
def test_a_scaled_value_is_in_the_range_or_refused(value: float, low: float, high: float) -> None:
    if low == high:
        return
    results = make_results(make_test("a", "?", x=value))
    try:
        scaled = show(pair(results, scales={"x": (low, high)}).rows)["a", "x", 0]
    except InputError:
        assert not min(low, high) < value < max(low, high)
    else:
        assert isinstance(scaled, float) and 0 <= scaled <= 1


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1) | st.none()), min_size=1))
def test_every_test_has_its_row_and_an_absent_score_is_never_a_number(tests: list[tuple[int, float | None]]) -> None:
    results = make_results(*(make_test(None, f"{asks}?", x=value) for asks, value in tests))
    if all(value is None for _, value in tests):
        assert "no test has a score" in refused(results)
        return
    values = list(show(pair(results).rows).values())
    assert len(values) == len(tests)
    assert sorted(value for value in values if isinstance(value, float)) == sorted(
        value for _, value in tests if value is not None
    )


@given(
    value=st.floats(0, 1), answer=st.sampled_from(["", " ", "\n", "\u200b", "0", "none", None]), turned=st.booleans()
)
def test_an_empty_answer_has_no_score_above_the_lowest(value: float, answer: str | None, turned: bool) -> None:
    test = replace(make_test("a", "?", x=value), is_empty=is_empty(answer))
    other = make_test("b", "??", x=1)
    scales = {"x": (1.0, 0.0)} if turned else {}
    found = show(pair(make_results(test, other), scales=scales).rows)["a", "x", 0]
    wanted = 1 - value if turned else value
    if answer in ("0", "none", None) or wanted == 0:
        assert found == wanted
    else:
        assert str(found).startswith("the answer is empty")


def test_readers_see_empty_answers() -> None:
    def clear(data: Any) -> None:
        data["testCases"][0]["actualOutput"] = "\n"
        data["testCases"][1] |= {"actualOutput": "", "toolsCalled": [{"name": "search"}]}

    found = change("deepeval-4-candidate.json", clear)
    assert [test.is_empty for test in found.tests] == [True, False, False, False, False, False]

    def silence(data: Any) -> None:
        for number, result in enumerate(data["results"]["results"]):
            result["response"] = [{"output": ""}, {"output": {}}, {"output": "0"}, None, "text"][number % 5]

    found = change("promptfoo-two-prompts.json", silence, "brief")
    assert {test.is_empty for test in found.tests} == {True, False}
