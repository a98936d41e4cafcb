from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from evalgate.domain import Failure, Output, ToolCall, Usage
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.recorded_outputs import load_outputs, require_outputs

from .conftest import Project


def faults(project: Project, load: Callable[..., object], path: str, text: str | bytes) -> list[str]:
    project.write(path, text)
    return project.faults(lambda: load(project.tree, path))


def test_recorded_outputs(project: Project) -> None:
    project.write(
        "o.jsonl",
        '{"case": "a", "text": "Hi", "latency": 1.5, "usage": {"input_tokens": 3, "output_tokens": 4}, "cost_usd": 0.1, "trace": 7}\n'
        '{"id": 5, "text": "{}", "repeat": 0}\n'
        '{"case": "5", "text": "x", "repeat": 1, "latency": null, "usage": null}\n'
        '{"case": "c", "error": "timed out", "latency": 9}\n'
        '{"case": "d", "text": "", "error": null}\n',
    )
    assert load_outputs(project.tree, "o.jsonl") == {
        ("a", 0): Output(text="Hi", seconds=1.5, usage=Usage(input_tokens=3, output_tokens=4), cost_usd=0.1),
        ("5", 0): Output(text="{}"),
        ("5", 1): Output(text="x"),
        ("c", 0): Failure(kind="infrastructure", message="timed out", seconds=9),
        ("d", 0): Failure(kind="unusable", message="the recorded text is empty"),
    }


def test_recorded_outputs_say_how_they_ended_and_what_they_call(project: Project) -> None:
    call = {"type": "function", "function": {"name": "delete_account", "arguments": '{"id": 1}'}}
    rows = [
        {"case": "broken", "text": "half an ans", "finish_reason": "error"},
        {"case": "cut", "text": "half an ans", "finish_reason": "length"},
        {"case": "refused", "text": "I", "finish_reason": "content_filter"},
        {"case": "calls", "text": "One moment.", "tool_calls": [call]},
        {"case": "one call", "text": "One moment.", "tool_calls": call},
        {"case": "calls alone", "text": None, "tool_calls": [call]},
        {"case": "not shown", "text": "One moment.", "finish_reason": "tool_calls"},
        {"case": "refusal", "text": "I", "refusal": "I cannot"},
        {"case": "stop_reason", "text": "half an ans", "stop_reason": "max_tokens"},
    ]
    project.write("o.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = load_outputs(project.tree, "o.jsonl")
    assert [getattr(found[case, 0], "kind", None) for case in ("broken", "cut", "refused")] == [
        "infrastructure",
        None,
        "unusable",
    ]
    assert found["cut", 0] == Output(text="half an ans", finish_reason="length")
    called = Output(text="One moment.", tool_calls=(ToolCall(name="delete_account", arguments='{"id": 1}'),))
    assert found["calls", 0] == found["one call", 0] == called
    alone, hidden, refusal = (found[case, 0] for case in ("calls alone", "not shown", "refusal"))
    assert isinstance(alone, Output) and "delete_account" in alone.text
    assert isinstance(hidden, Output) and hidden.tool_calls
    assert isinstance(refusal, Failure) and refusal.kind == "unusable"
    assert found["stop_reason", 0] == found["cut", 0]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ('{"text": "x"}', 'o.jsonl:1:1: "case" is missing'),
        ('{"case": "a"}', 'o.jsonl:1:1: "text" is missing\n  hint: a call that failed is recorded with an `error`'),
        ('{"case": "a", "text": 5}', 'o.jsonl:1:23: "text" must be text'),
        ('{"case": "a", "text": null}', 'o.jsonl:1:23: "text" must be text'),
        ('{"case": "a", "text": "x", "error": "y"}', 'o.jsonl:1:37: "text" and "error" exclude each other'),
        ('{"case": "a", "error": ""}', 'o.jsonl:1:24: "error" must be text that says what failed'),
        ('{"case": "a", "text": "x", "latency": -1}', 'o.jsonl:1:39: "latency" must be a number from 0'),
        ('{"case": "a", "text": "x", "latency": "1s"}', 'o.jsonl:1:39: "latency" must be a number from 0'),
        ('{"case": "a", "text": "x", "latncy": 1}', 'o.jsonl:1:38: unknown key "latncy"; did you mean "latency"?'),
        ('{"case": "a", "text": "x", "cost_usd": true}', 'o.jsonl:1:40: "cost_usd" must be a number from 0'),
        (
            '{"case": "a", "text": "x", "usage": {"input_tokens": 1}}',
            'o.jsonl:1:37: "usage" must be {"input_tokens": N, "output_tokens": N}',
        ),
        ('{"case": "a", "text": "x", "repeat": -1}', 'o.jsonl:1:38: "repeat" must be a whole number from 0'),
        (
            '{"case": "a", "text": "x"}\n{"id": "a", "text": "y"}',
            'o.jsonl:2:1: case "a", repeat 0, is given twice; first in line 1',
        ),
        ("", "o.jsonl: the file has no recorded outputs"),
    ],
)
def test_faulty_outputs_are_refused_with_the_place(project: Project, row: str, wanted: str) -> None:
    found = faults(project, load_outputs, "o.jsonl", row)
    assert len(found) == 1
    assert found[0].startswith(wanted)


def test_recorded_outputs_answer_every_case(project: Project) -> None:
    cases = load_dataset(project.tree, "cases.jsonl")
    cases = replace(cases, cases=tuple(replace(cases.cases[0], id=name) for name in "abcdef"))
    project.write("o.jsonl", '{"case": "a", "text": "x"}\n{"case": "zz", "text": "surplus"}\n')
    (fault,) = project.faults(lambda: require_outputs(project.tree, "o.jsonl", cases, 3))
    assert fault.startswith("o.jsonl: 5 of 6 cases of cases.jsonl have no output: b, c, d and 2 more")
    rows = [f'{{"case": "{name}", "text": "x", "repeat": {r}}}' for name in "abcdef" for r in range(3 - (name == "e"))]
    project.write("o.jsonl", "\n".join(rows))
    require_outputs(project.tree, "o.jsonl", cases, 2)
    (fault,) = project.faults(lambda: require_outputs(project.tree, "o.jsonl", cases, 3))
    assert "1 of 6 cases of cases.jsonl has some outputs, but not one for each of 3 samples: e" in fault


def test_outputs_are_not_read_from_csv(project: Project) -> None:
    assert faults(project, load_outputs, "o.csv", "case,text\na,b\n")[0].startswith(
        'o.csv: files of the type ".csv" are not supported'
    )
