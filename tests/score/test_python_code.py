"""The options and the results of the check `python`."""

from __future__ import annotations

from typing import Any

import pytest

from evalgate.domain import Case, Check, Output, Score, ToolCall, Unscored
from evalgate.score import checks
from evalgate.score.python_code import read_result, validate_python


def check(**options: Any) -> Check:
    return Check(name="own", type="python", options=options or {"path": "tone.polite"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 1}, 'own: needs either "path" or "expression"'),
        ({"path": "a.b", "expression": "True"}, 'own: needs either "path" or "expression"'),
        ({"expression": "output ="}, "own: the expression cannot be read as Python: "),
        ({"expression": "x = 1"}, "own: the expression cannot be read as Python: "),
        ({"expression": "len(ouput) > 1"}, 'own: the expression has no "ouput"'),
    ],
)
def test_options_that_no_code_can_have(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validate_python(check(**options))


@pytest.mark.parametrize(
    "expression",
    ["len(output) < 200 and case['lang'] in output", "any(w in output for w in case['words'])", "(lambda x: x)(1)"],
)
def test_expressions_of_output_case_and_built_in_names(expression: str) -> None:
    checks.validate(check(expression=expression))


@pytest.mark.parametrize(
    ("value", "score"),
    [
        (True, Score(value=1.0, reason="tone.polite is true")),
        (0, Score(value=0.0, reason="tone.polite is false")),
        (0.25, Score(value=0.25, reason="tone.polite is 0.25")),
        ([0.5, "half"], Score(value=0.5, reason="half")),
        ({"score": True, "reason": None}, Score(value=1.0, reason="tone.polite is true")),
    ],
)
def test_a_bool_or_a_number_is_a_score(value: Any, score: Score) -> None:
    assert read_result(check(), value) == score


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -0.1, 1.1, None, "yes", [], [1], [1, 2], {}, {"score": "1"}]
)
def test_nothing_else_is(value: Any) -> None:
    assert isinstance(read_result(check(), value), Unscored)


def test_without_a_child_process_and_with_hidden_calls_there_is_no_score() -> None:
    case, output = Case(id="c", fields={}), Output(text="x")
    assert checks.score(check(), case, output).reason == "code of the repository is not run here"
    assert checks.score(check(), case, output, run_code=lambda *_: Score(value=1.0)) == Score(value=1.0)
    calling = Output(text="x", tool_calls=(ToolCall(name="refund", arguments="{}"),))
    assert "tool calls" in checks.score(check(), case, calling, run_code=lambda *_: Score(value=1.0)).reason
