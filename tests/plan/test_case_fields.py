"""Fields that prompts, rubrics and checks take from cases: missing, null, or without a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check, Column, Condition, Gate, GoldenDataset
from evalgate.errors import Place
from evalgate.plan.case_fields import find_check_faults, find_condition_faults, find_missing, find_null

ABSENT = object()


def dataset(*values: Any, field: str = "expected") -> GoldenDataset:
    cases = (
        Case(id=f"c{number}", fields={"query": "q"} | ({} if value is ABSENT else {field: value}), line=number)
        for number, value in enumerate(values, start=1)
    )
    return GoldenDataset(path="cases.jsonl", cases=tuple(cases))


def told(
    kind: str, *values: Any, path: str = "expected", column: Column | None = None, negated: bool = False
) -> list[str]:
    gate = Gate(
        name="g",
        prompt="p.prompt.yml",
        dataset="cases.jsonl",
        candidate_target="t",
        baseline_target="t",
        checks=(Check(name="fact", type=kind, options={"from": path}, negated=negated),),
        columns={} if column is None else {"expected": column},
    )
    return [str(fault) for fault in find_check_faults(gate, dataset(*values))]


@pytest.mark.parametrize("kind", ["equals", "contains", "contains_any", "contains_all", "regex", "length"])
def test_a_check_names_the_cases_that_lack_its_field(kind: str) -> None:
    assert told(kind, "a", ABSENT, "b", ABSENT) == [
        'cases.jsonl:2: the field "expected" of the check fact is missing in 2 of 4 cases: c2 (cases.jsonl:2), '
        'c4 (cases.jsonl:4)\n  hint: add the field "expected" to these cases'
    ]
    assert told(kind, "a", "b") == []


def test_a_dotted_path_is_followed_in_every_case() -> None:
    (fault,) = told("equals", {"a": [1]}, {"a": []}, {"b": 1}, "a", path="expected.a.0")
    assert "is missing in 3 of 4 cases: c2 (cases.jsonl:2), c3" in fault


@pytest.mark.parametrize("value", [None, "", [], ["a", ""], ["a", None]])
def test_a_search_needs_a_text(value: Any) -> None:
    (fault,) = told("contains_any", "a", value)
    assert (
        'cases.jsonl:2: the field "expected" of the check fact has no text to search for in 1 of 2 cases: c2' in fault
    )


@pytest.mark.parametrize("value", ["", "  ", "\u200b"])
def test_an_empty_text_cannot_be_forbidden(value: str) -> None:
    (fault,) = told("equals", "a", value, negated=True)
    assert "cases.jsonl:2" in fault and "is an empty text in 1 of 2 cases: c2" in fault
    assert told("equals", "a", None, [], 0, negated=True) == []


TEXTS = st.lists(st.text("ab \"'\\,[]ä", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=4)


WRITERS: list[Callable[[list[str]], str]] = [
    repr,
    json.dumps,
    lambda texts: json.dumps(texts, ensure_ascii=False, indent=1),
    lambda texts: repr(tuple(texts)),
    lambda texts: repr(set(texts)),
]


@given(TEXTS, st.sampled_from(WRITERS))
def test_a_list_that_is_one_text_is_never_searched_for(texts: list[str], write: Callable[[list[str]], str]) -> None:
    (fault,) = told("contains_any", texts, write(texts), negated=True)
    assert "cases.jsonl:2" in fault and "is one text that looks like a list" in fault
    assert told("contains_any", texts, *texts, negated=True) == [] or any(text.startswith("[") for text in texts)


@given(st.lists(st.text("abcXYZ019_-./: ", min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=3))
def test_a_list_of_tools_that_is_one_text_is_refused(names: list[str]) -> None:
    for kind in ("tool_call", "no_tool_call"):
        assert told(kind, names, *names) == []
        for written in (
            repr(names),
            json.dumps(names),
            f"{names[0]}()",
            f"{names[0]}, {names[0]}",
            [names],
            [1],
            {"a": 1},
        ):
            (fault,) = told(kind, names, written)
            assert "cases.jsonl:2" in fault and "is not a name of a tool, nor a list of names, in 1 of 2" in fault


@pytest.mark.parametrize("value", [None, "", []])
def test_a_case_that_forbids_no_tool_is_left_out(value: object) -> None:
    (fault,) = told("no_tool_call", "a", value)
    assert "names no tool in 1 of 2 cases: c2" in fault and "`when: {has: [expected]}`" in fault
    assert told("tool_call", "a", value) == []


@pytest.mark.parametrize("value", [None, "", [], 0, False])
def test_equality_takes_every_value(value: Any) -> None:
    assert told("equals", "a", value) == []


def test_a_text_that_looks_like_a_list_is_named_unless_the_gate_says_what_it_is() -> None:
    (fault,) = told("contains_all", "a", '["b", "c"]')
    assert "cases.jsonl:2" in fault and "looks like a list" in fault
    assert "`fields: {expected: {json: true}}` for a list, `json: false` for the text" in fault
    (fault,) = told("contains_all", '["b"]', column=Column(name="the answer"))
    assert '`fields: {expected: {column: "the answer", json: true}}`' in fault
    assert told("contains_all", '["b"]', column=Column(name="x", json=False)) == []
    assert told("contains_all", "[1]", "[b]", "[]", "a [x]", ["b"]) == []
    assert told("equals", '["b"]') == []


def test_null_is_not_a_text() -> None:
    cases = dataset("a", None, ABSENT)
    (fault,) = find_null("the variable {{expected}}", "expected", cases, Place(path="p.md", line=3))
    assert str(fault).startswith("p.md:3: the variable {{expected}} is null in 1 of 3 cases: c2 (cases.jsonl:2)")
    assert not list(find_null("x", "query", cases, Place(path="p.md")))
    assert len(list(find_missing("x", "expected", cases, Place(path="p.md")))) == 1


def told_of(condition: Condition, *values: Any) -> list[str]:
    check = Check(name="fact", type="is_json", unless=condition)
    gate = Gate(
        name="g",
        prompt="p.prompt.yml",
        dataset="cases.jsonl",
        candidate_target="t",
        baseline_target="t",
        checks=(check,),
    )
    return [str(fault) for fault in find_condition_faults(gate, dataset(*values, field="kind"))]


KINDS = st.lists(st.text("abcdefghij", min_size=5, max_size=9), min_size=2, max_size=4, unique=True)


@given(KINDS, st.data())
def test_a_misspelt_value_of_a_condition_is_a_fault(kinds: list[str], data: st.DataObject) -> None:
    first, *others = kinds
    assert told_of(Condition(field="kind", values=(first,)), *kinds) == []
    spelt = data.draw(st.sampled_from([first.upper(), f" {first}", f"{first}s", first.title()]))
    faults = told_of(Condition(field="kind", values=(spelt, *others[1:])), *kinds)
    assert len(faults) == (0 if spelt in kinds else 1)
    assert told_of(Condition(field="kind", values=(first, f"{first}s")), first, "zzzzz") == []  # both are meant


@pytest.mark.parametrize(
    ("value", "found"),
    [("tier3", "tier2"), ("order_cancel", "order_change"), ("shipping", "shopping"), ("step-10", "step-1")],
)
def test_another_value_is_no_misspelt_one(value: str, found: str) -> None:
    assert told_of(Condition(field="kind", values=(found, value)), found, "zzzzz") == []
    assert told_of(Condition(field="kind", values=("zzzzz", value)), found, "zzzzz") == []


@pytest.mark.parametrize(("value", "found"), [(True, "true"), ("true", True), (1, "1"), ("1", 1), (None, "null")])
def test_a_value_of_another_type_is_a_fault(value: Any, found: Any) -> None:
    (fault,) = told_of(Condition(field="kind", values=(value,)), found, "other")
    assert f"no case of cases.jsonl has {json.dumps(value)} in the field" in fault
    assert f"did you mean {json.dumps(found)}?" in fault
    assert told_of(Condition(field="kind", values=(value, "chinese")), value, "other") == []
