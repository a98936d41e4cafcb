"""Options of a check whose values are fields of the case."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.domain import Case, Check, Output, Score, Unscored, Usage
from evalgate.domain.output_calls import ToolCall
from evalgate.score import checks
from evalgate.score.case_options import CaseOptionError, bind, find_faults


def score(kind: str, option: str, limit: Any, output: Output, **options: Any) -> Any:
    check = Check(name="it", type=kind, options=options, from_case={option: "own.limit"})
    checks.validate(check)
    return checks.score(check, Case(id="c1", fields={"own": {"limit": limit}}), output)


CALL = Output(text="", tool_calls=(ToolCall(name="find", arguments='{"city": "Bonn"}'),), finish_reason="tool_calls")


@pytest.mark.parametrize(
    ("kind", "option", "holding", "failing", "output"),
    [
        ("length", "max_words", 3, 2, Output(text="one two three")),
        ("length", "min_chars", "3", "4", Output(text="abc")),
        ("length", "max_lines", 2, 1, Output(text="a\nb")),
        ("latency", "max_seconds", 2.5, 1, Output(text="a", seconds=2.0)),
        ("cost", "max_usd", 0.2, 0.05, Output(text="a", cost_usd=0.1)),
        ("tokens", "max_total", 5, 4, Output(text="a", usage=Usage(input_tokens=2, output_tokens=3))),
        ("regex", "pattern", r"\bday\b", "^night", Output(text="a day")),
        ("required_fields", "fields", ["a"], ["a", "b"], Output(text='{"a": 1}')),
        ("required_fields", "fields", "a", "b", Output(text='{"a": 1}')),
        ("json_schema", "schema", {"type": "object"}, {"type": "array"}, Output(text="{}")),
        ("json_schema", "schema", '{"type": "object"}', '{"type": "array"}', Output(text="{}")),
        ("tool_call", "times", 1, 2, CALL),
        ("tool_call", "schema", {"required": ["city"]}, {"required": ["day"]}, CALL),
    ],
)
def test_a_limit_is_that_of_the_case(kind: str, option: str, holding: Any, failing: Any, output: Output) -> None:
    options = {"tool": "find"} if kind == "tool_call" else {}
    assert score(kind, option, holding, output, **options).value == 1.0
    assert score(kind, option, failing, output, **options).value == 0.0


@given(st.floats(0, 1e15) | st.integers(0, 10**15), st.booleans())
def test_a_number_of_a_table_is_read_as_python_writes_it(number: float, below: bool) -> None:
    written = f"{'-' if below and number else ''}{number!r}"
    bound = bind(Check(name="c", type="number", from_case={"value": "n"}), Case(id="a", fields={"n": written}))
    assert bound.options["value"] == float(written)
    if number == int(number) and 1 <= number <= 9_999:
        output = Output(text="x")
        whole = score("levenshtein", "max_distance", f"{int(number)}.0", output, value="y")
        assert isinstance(whole, Score) and whole.value == 1.0


def test_a_place_in_the_output_is_that_of_the_case() -> None:
    output = Output(text='{"city": "Bonn", "day": 3}')
    for place, wanted in (("/city", 1.0), ("/day", 0.0)):
        assert score("equals", "at", place, output, value="Bonn").value == wanted


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("length", "max_words", value) for value in (None, True, "many", -1, [3], float("inf"), float("nan"), "")
    ]
    + [("regex", "pattern", value) for value in (None, "", "(", 3)]
    + [("regex", "at", value) for value in (None, "city")]
    + [("json_schema", "schema", value) for value in ("{", [], {"type": "nothing"})]
    + [("tool_call", "times", value) for value in (0, 1.5, "x")]
    + [("required_fields", "fields", value) for value in ([], "", [3])],
)  # fmt: skip
def test_a_value_that_cannot_be_used_leaves_the_case_unscored(kind: str, option: str, value: Any) -> None:
    options = {"pattern": "a"} if option == "at" else {}
    found = score(kind, option, value, Output(text="{}"), **options)
    assert isinstance(found, Unscored)
    assert f'the field "own.limit" cannot be "{option}"' in found.reason


def test_faults_name_the_cases_before_anything_is_scored() -> None:
    check = Check(name="it", type="regex", from_case={"pattern": "p"})
    cases = [Case(id="good", fields={"p": "a+"}), Case(id="lacking", fields={}), Case(id="bad", fields={"p": "("})]
    found = list(find_faults(check, iter(cases)))
    assert [case.id for case, _ in found] == ["bad"]
    with pytest.raises(CaseOptionError, match='it has no field "p"'):
        bind(check, cases[1])


def test_a_check_without_such_options_stays_the_same_object() -> None:
    check = Check(name="it", type="is_json")
    assert bind(check, Case(id="c", fields={})) is check


def test_equal_schemas_of_cases_are_compiled_once() -> None:
    check = Check(name="it", type="json_schema", from_case={"schema": "s"})
    first, other = (bind(check, Case(id=name, fields={"s": {"type": "object"}})) for name in ("a", "b"))
    assert first is other
    assert isinstance(checks.score(check, Case(id="a", fields={"s": {"type": "object"}}), Output(text="1")), Score)
