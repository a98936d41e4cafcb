"""Tests of the reader of promptfoo's results."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tool_files import DATA, change, pair, read, show

from evalgate.domain.case_ids import derive_case_id
from evalgate.errors import InputError
from evalgate.inputs.importers.promptfoo_results import PASS, make_cases
from evalgate.inputs.importers.result_files import read_results

BOTH = "promptfoo-two-prompts.json"
ONE, TWO, FOUR, FIVE, SIX = (derive_case_id({"thing": str(number), "colour": "blue"}) for number in (1, 2, 4, 5, 6))


def test_assertions_become_criteria_and_the_verdict_of_a_test_one_more() -> None:
    results = read(BOTH, "long")
    assert (results.tool, len(results.tests)) == ("promptfoo 0.121.20", 6)
    found = show(pair(results).rows)
    assert {name: found[ONE, name, 0] for name in ("short", "detail", "contains", "icontains", PASS)} == {
        "short": 1.0, "detail": 0.6, "contains": 1.0, "icontains": 1.0, PASS: 1.0,
    }  # fmt: skip
    assert (found[TWO, "contains", 0], found[TWO, PASS, 0]) == (0.0, 0.0)


def test_what_failed_to_run_has_no_score() -> None:
    found = show(pair(read(BOTH, "long")).rows)
    reasons = {found[FOUR, name, 0] for name in ("short", "detail", "contains", PASS)}
    assert reasons == {"connection reset"}, "the provider failed"
    crashed = "Custom function threw error: throwing is not defined"
    assert (found[FIVE, "javascript", 0], found[FIVE, PASS, 0]) == (crashed, crashed)
    assert found[FIVE, "short", 0] == 1.0, "the other assertions of the test ran"


def test_the_three_formats_hold_the_same_scores() -> None:
    whole = show(pair(read(BOTH, "brief")).rows)
    assert show(pair(read("promptfoo-brief.jsonl")).rows) == whole
    part = show(pair(read("promptfoo.yaml")).rows)
    names = {"first thing": ONE, "second thing": TWO}  # only in this file each test has a description
    assert {(names[case], name, repeat): value for (case, name, repeat), value in part.items()}.items() <= whole.items()


@pytest.mark.parametrize(
    "select", ["long", "[canned] long", "[canned] long: long.txt: Say at length which colour thing {{thing}} has."]
)
def test_one_prompt_of_several_is_chosen_by_its_label(select: str) -> None:
    assert read(BOTH, select).subject.startswith("[canned] long")


@pytest.mark.parametrize(("select", "problem"), [
    (None, "results of 2 prompts and providers"),
    ("canned", '"canned" names 2 of the 2'),
    ("shrt", '"shrt" names none of the 2'),
])  # fmt: skip
def test_an_ambiguous_choice_lists_what_there_is(select: str | None, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)) as refused:
        read(BOTH, select)
    assert "[canned] brief" in str(refused.value) and "[canned] long" in str(refused.value)


def test_prompts_of_one_label_are_chosen_by_their_column_and_long_labels_are_shortened() -> None:
    def edit(data: Any) -> None:
        for result in data["results"]["results"]:
            result["prompt"]["label"] = "Say which colour\n" * 50

    with pytest.raises(InputError) as refused:
        change(BOTH, edit)
    titles = re.findall(r"\[canned\] [^;\n]*", str(refused.value))
    assert [len(title) < 120 for title in titles] == [True, True]
    assert {change(BOTH, edit, title).subject for title in titles} == set(titles)


def test_repeated_tests_are_repeats() -> None:
    found = show(pair(read("promptfoo-repeated.json")).rows)
    assert {repeat for case, name, repeat in found if (case, name) == (TWO, "short")} == {0, 1}


def test_an_assertion_that_a_test_does_not_have_does_not_apply() -> None:
    excluded = pair(read(BOTH, "long"), read(BOTH, "brief")).excluded
    assert set(excluded["contains"]) == {FIVE, SIX}
    assert len(excluded["javascript"]) == 5
    assert "short" not in excluded and PASS not in excluded


def list_details(data: Any) -> list[Any]:
    graded = [each["gradingResult"] or {} for each in data["results"]["results"]]
    components = [one for each in graded for one in each.get("componentResults", [])]
    return [one for one in components if one["assertion"].get("metric") == "detail"]


def edit_components(**changes: Any) -> Any:
    def edit(data: Any) -> None:
        for one in list_details(data):
            one.update(changes)

    return edit


@pytest.mark.parametrize(("changes", "reason"), [
    ({"score": None}, "the assertion has no score"),
    ({"score": "1"}, "the assertion has no score"),
    ({"pass": True, "score": 1, "metadata": {"graderError": True}, "reason": "timed out"}, "timed out"),
    ({"reason": "Python code execution failed: no module"}, "Python code execution failed: no module"),
    ({"reason": "Could not extract JSON from llm-rubric response"}, "Could not extract JSON from llm-rubric response"),
    ({"reason": "No output"}, "No output"),
    ({"reason": "LLM-proposed evaluation result is not in JSON format: {"},
     "LLM-proposed evaluation result is not in JSON format: {"),
    ({"reason": "Model grader produced a malformed response:\nwell"}, "Model grader produced a malformed response:"),
    ({"reason": "G-Eval result has invalid or missing score: null"}, "G-Eval result has invalid or missing score: null"),
    ({"reason": "Factuality checker output did not match expected format: x"},
     "Factuality checker output did not match expected format: x"),
])  # fmt: skip
def test_a_grader_that_failed_is_no_score_even_if_it_passes(changes: dict[str, Any], reason: str) -> None:
    found = show(pair(change(BOTH, edit_components(**changes), "brief")).rows)
    assert (found[ONE, "detail", 0], found[ONE, PASS, 0]) == (reason, reason)


def test_a_failed_verdict_of_a_grader_is_a_score() -> None:
    edit = edit_components(**{"pass": False, "score": 0, "reason": "Python code returned false"})
    assert show(pair(change(BOTH, edit, "brief")).rows)[ONE, "detail", 0] == 0.0


@pytest.mark.parametrize(("kind", "score", "is_graded"), [
    ("llm-rubric", 0, False), ("llm-rubric", 0.4, True), ("not-llm-rubric", 1, False), ("javascript", 0, True),
])  # fmt: skip
def test_a_grader_that_used_no_tokens_did_not_grade(kind: str, score: float, is_graded: bool) -> None:
    def edit(data: Any) -> None:
        for result in data["results"]["results"]:
            for component in list_details({"results": {"results": [result]}}):
                is_one = result["vars"]["thing"] == "1"
                component["tokensUsed"] = {"total": 0 if is_one else 9, "prompt": 0}
                component["assertion"]["type"] = kind
                component.update({"score": score, "reason": "quota exceeded"} if is_one else {})

    found = show(pair(change(BOTH, edit, "brief")).rows)[ONE, "detail", 0]
    no_grade = "the grader used no tokens, so that it did not grade: quota exceeded"
    assert found == (score if is_graded else no_grade)


def test_assertions_of_one_name_are_averaged_by_weight() -> None:
    def edit(data: Any) -> None:
        for result in data["results"]["results"]:
            parts = (result["gradingResult"] or {}).get("componentResults", [])
            for one, metric, weight, score in zip(parts[:2], ("m", "m"), (3, 1), (1, 0), strict=False):
                one["assertion"].update(metric=metric, weight=weight)
                one["score"] = score

    assert show(pair(change(BOTH, edit, "brief")).rows)[ONE, "m", 0] == 0.75


def test_a_metric_of_the_name_pass_keeps_it() -> None:
    def edit(data: Any) -> None:
        for result in data["results"]["results"]:
            parts = (result["gradingResult"] or {}).get("componentResults", [])
            for one in (*result["testCase"]["assert"][:1], *(part["assertion"] for part in parts[:1])):
                one["metric"] = PASS

    found = show(pair(change(BOTH, edit, "long")).rows)
    assert (found[TWO, PASS, 0], found[TWO, "promptfoo pass", 0]) == (1.0, 0.0)


def test_no_key_of_a_grader_is_shown() -> None:
    def edit(secret: str) -> Any:
        def edit_provider(data: Any) -> None:
            for result in data["results"]["results"]:
                result["testCase"]["assert"][0]["provider"] = {"id": "x", "config": {"apiKey": secret}}

        return edit_provider

    with pytest.raises(InputError, match='"short" is measured with other settings') as refused:
        pair(change(BOTH, edit("secret-1"), "long"), change(BOTH, edit("secret-2"), "brief"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", ["transform", "provider"])
def test_options_of_a_test_are_settings_of_what_they_change(key: str) -> None:
    def edit(value: str) -> Any:
        def edit_options(data: Any) -> None:
            for result in data["results"]["results"]:
                result["testCase"]["options"] = {key: value}
                for one in result["testCase"]["assert"]:
                    one["type"] = "llm-rubric"

        return edit_options

    with pytest.raises(InputError, match="is measured with other settings"):
        pair(change(BOTH, edit("one"), "long"), change(BOTH, edit("two"), "brief"))


def test_a_set_of_assertions_counts_in_the_verdict_only_and_its_settings_too() -> None:
    def edit(threshold: float) -> Any:
        def edit_set(data: Any) -> None:
            for result in data["results"]["results"]:
                inner = result["testCase"]["assert"]
                result["testCase"]["assert"] = [{"type": "assert-set", "threshold": threshold, "assert": inner}]

        return edit_set

    one, other = change(BOTH, edit(0.5), "long"), change(BOTH, edit(0.7), "brief")
    assert one.remarks == ("assertion sets count in `pass` only",)
    assert show(pair(one, other, criteria=("short",)).rows)[ONE, "short", 0] == 1.0
    with pytest.raises(InputError, match='"pass" is measured with other settings'):
        pair(one, other)


def test_a_test_without_an_assertion_passes_nothing() -> None:
    def edit(data: Any) -> None:
        last = data["results"]["results"][-1]
        last["testCase"]["assert"], last["gradingResult"]["componentResults"] = [], []

    found = show(pair(change(BOTH, edit, "long")).rows)
    assert found[SIX, PASS, 0] == "the test has no assertion"


def test_descriptions_are_ids_where_each_test_has_its_own() -> None:
    def edit(data: Any) -> None:
        for result in data["results"]["results"]:
            result["testCase"]["description"] = f"thing {result['vars']['thing']}"

    results = change(BOTH, edit, "brief")
    assert {case for case, _, _ in show(pair(results).rows)} == {f"thing {n}" for n in range(1, 7)}
    assert make_cases(results).rows[0] == {"id": "thing 1", "thing": "1", "colour": "blue"}


def test_the_variables_become_cases() -> None:
    found = make_cases(read("promptfoo-repeated.json"))
    assert found.rows[2] == {"thing": "3", "colour": "green"} and len(found.rows) == 6
    assert list(found.left_out) == ["assertions: the configuration of promptfoo has them"]


def test_a_table_is_refused_since_its_scores_are_rounded() -> None:
    with pytest.raises(InputError, match="whose scores are rounded"):
        read_results((DATA / "promptfoo-table.csv").read_bytes(), "promptfoo-table.csv")
