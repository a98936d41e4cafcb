"""Golden datasets, recorded outputs, other tools' scores: what rows become, and what is refused with its place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalgate.domain import Arm, Failure, Output, ScoreRow, ToolCall, Usage
from evalgate.inputs.datasets import load_dataset
from evalgate.inputs.recorded_outputs import load_outputs, require_outputs
from evalgate.inputs.score_rows import load_scores

from .conftest import Project

ROWS = [
    {"id": "a", "query": 'x, "y"\nz', "tags": ["t1", "t2"]},
    {"id": "b", "query": "ü", "tags": []},
]
FORMATS = {
    "c.jsonl": "\n".join(json.dumps(row) for row in ROWS) + "\n\n",
    "c.ndjson": "\n".join(json.dumps(row) for row in ROWS),
    "c.json": json.dumps(ROWS, indent=1),
    "c.csv": 'id,query,tags\na,"x, ""y""\nz",t1; t2;t1\nb,ü,\n',
    "c.yml": '# cases\n- id: a\n  query: "x, \\"y\\"\\nz"\n  tags: [t1, t2]\n- id: b\n  query: ü\n',
}


@pytest.mark.parametrize(
    ("path", "lines"),
    [("c.jsonl", (1, 2)), ("c.ndjson", (1, 2)), ("c.json", (2, 10)), ("c.csv", (2, 4)), ("c.yml", (2, 5))],
)
@pytest.mark.parametrize("windows", [False, True])
def test_every_format_gives_the_same_cases(project: Project, path: str, lines: tuple[int, int], windows: bool) -> None:
    data = FORMATS[path].encode()
    project.write(path, b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") if windows else data)
    dataset = load_dataset(project.tree, path)
    assert [(case.id, case.fields, case.tags) for case in dataset.cases] == [
        ("a", {"query": 'x, "y"\nz'}, ("t1", "t2")),
        ("b", {"query": "ü"}, ()),
    ]
    assert tuple(case.line for case in dataset.cases) == lines
    assert dataset.path == path


@given(
    st.lists(
        st.dictionaries(
            st.text(min_size=1).filter(lambda key: key not in ("id", "tags") and key.isprintable()),
            st.none() | st.integers() | st.text(st.characters(exclude_categories=("Cs",))),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_jsonl_and_json_round_trip(project: Project, rows: list[dict[str, Any]]) -> None:
    named = [{**row, "id": str(index)} for index, row in enumerate(rows)]
    project.write("r.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in named))
    project.write("r.json", json.dumps(named))
    one, other = load_dataset(project.tree, "r.jsonl"), load_dataset(project.tree, "r.json")
    assert [dict(case.fields) for case in one.cases] == rows
    assert one.digest == other.digest


def test_whole_numbers_are_ids_too(project: Project) -> None:
    project.write("c.jsonl", '{"id": 7}\n{"id": "007"}\n')
    assert [case.id for case in load_dataset(project.tree, "c.jsonl").cases] == ["7", "007"]


def faults(project: Project, load: Callable[..., object], path: str, text: str | bytes) -> list[str]:
    project.write(path, text)
    return project.faults(lambda: load(project.tree, path))


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("c.jsonl", '{"id": "a"}\n\n{"id": "a"}\n', ['c.jsonl:3:8: the id "a" is given twice; first in line 1']),
        ("c.jsonl", '{"id": 1}\n{"id": "1"}\n', ['c.jsonl:2:8: the id "1" is given twice; first in line 1']),
        ("c.csv", "id,q\na,1\n a ,2\n", ['c.csv:3: the id "a" is given twice; first in line 2']),
        ("c.yml", "- {id: a}\n- {id: a}\n", ['c.yml:2:8: the id "a" is given twice; first in line 1']),
        ("c.json", '[{"id": "a"},\n {"q": 1, "id": "a"}]', ['c.json:2:17: the id "a" is given twice; first in line 1']),
        ("c.jsonl", '{"q": 1}\n  {"id": ""}\n{"id": 1.5}\n{"id": null}\n{"id": true}\n[1]\n', [
            'c.jsonl:2:10: "id" is empty',
            'c.jsonl:3:8: "id" must be text or a whole number\n  hint: put it in quotes',
            'c.jsonl:4:1: "id" is missing, and the row has no field to derive it from',
            'c.jsonl:5:8: "id" must be text or a whole number\n  hint: put it in quotes',
            "c.jsonl:6:1: a row must be a mapping of fields",
        ]),
        ("c.jsonl", '{"id": "a", "q": NaN}\nnot json\n{"id": "b", "b": [}\n', [
            "c.jsonl:1:18: NaN is not a number in JSON",
            "c.jsonl:2:1: not valid JSON: a value was expected",
            "c.jsonl:3:19: not valid JSON: a value was expected",
        ]),
        ("c.json", '[{"id": "a", "q": Infinity}]', ["c.json:1:19: Infinity is not a number in JSON"]),
        ("c.json", '{"id": "a"}', ["c.json:1:1: the file must contain a JSON list"]),
        ("c.yml", "id: a", ["c.yml:1:1: the file must contain a list"]),
        ("c.csv", "id,q\na,NaN\nb,nan\nc,-Infinity\n", ['c.csv:2: "q" is NaN', 'c.csv:3: "q" is nan', 'c.csv:4: "q" is -Infinity']),
        ("c.csv", "id,q\na\nb,1,2\n", ["c.csv:2:1: 1 cells under a header of 2", "c.csv:3:1: 3 cells under a header of 2"]),
        ("c.jsonl", '{"id": "a", "tags": "x"}', ['c.jsonl:1:21: "tags" must be a list of texts']),
        ("c.jsonl", '{"id": "a", "tags": [1]}', ['c.jsonl:1:21: "tags" must be a list of texts']),
        ("c.jsonl", "", ["c.jsonl: the dataset is empty: a gate needs at least one case"]),
        ("c.jsonl", "\n \n", ["c.jsonl: the dataset is empty: a gate needs at least one case"]),
        ("c.json", "[]", ["c.json: the dataset is empty: a gate needs at least one case"]),
        ("c.csv", "id,q\n", ["c.csv: the dataset is empty: a gate needs at least one case"]),
        ("c.yml", "", ["c.yml: the dataset is empty: a gate needs at least one case"]),
        ("c.csv", "", ["c.csv:1:1: is empty: a header line was expected"]),
        ("c.jsonl", b'{"id": "a"}\n{"id": "caf\xe9"}', ["c.jsonl:2:12: byte 0xe9 is not UTF-8"]),
        ("c.txt", "x", ['c.txt: files of the type ".txt" are not supported']),
    ],
)  # fmt: skip
def test_a_faulty_dataset_is_refused_with_every_place(
    project: Project, path: str, text: str | bytes, wanted: list[str]
) -> None:
    found = faults(project, load_dataset, path, text)
    assert len(found) == len(wanted), found
    for one, start in zip(found, wanted, strict=True):
        assert one.startswith(start)


def test_a_50_mb_line_in_a_dataset(project: Project) -> None:
    found = faults(project, load_dataset, "c.jsonl", b'{"id": "a"}\n{"id": "' + b"x" * 50_000_000 + b'"}')
    assert found[0].startswith("c.jsonl:2: the line has 5")


def test_a_large_dataset_is_quick(project: Project) -> None:
    project.write("c.jsonl", "".join(f'{{"id": "{index}", "query": "{"q" * 200}"}}\n' for index in range(20_000)))
    started = time.process_time()
    assert len(load_dataset(project.tree, "c.jsonl").cases) == 20_000
    assert time.process_time() - started < 3


def test_a_file_of_nothing_but_faults_is_cut_short(project: Project) -> None:
    found = faults(project, load_dataset, "c.jsonl", "x\n" * 5000)
    assert len(found) == 101


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
    assert "1 of 6 cases of cases.jsonl have some outputs, but not one for each of 3 samples: e" in fault


def test_outputs_are_not_read_from_csv(project: Project) -> None:
    assert faults(project, load_outputs, "o.csv", "case,text\na,b\n")[0].startswith(
        'o.csv: files of the type ".csv" are not supported'
    )


def test_scores_from_jsonl_and_csv(project: Project) -> None:
    wanted = (
        ScoreRow(case="a", arm=Arm.BASELINE, criterion="tone", value=0.5, line=2),
        ScoreRow(case="a", arm=Arm.CANDIDATE, criterion="tone", value=1.0, repeat=1, tag="refund", line=3),
        ScoreRow(case="7", arm=Arm.CANDIDATE, criterion="tone", value=0.0, line=4),
        ScoreRow(case="7", arm=Arm.BASELINE, criterion="tone", value=0.001, line=5),
    )
    project.write(
        "s.csv",
        "case,arm,criterion,value,repeat,tag,notes\na,baseline,tone,0.5,,,x\na,Candidate,tone,true,1,refund,\n7,candidate,tone,FALSE,0,,\n7,baseline,tone, 1e-3 ,0,,\n",
    )
    project.write(
        "s.jsonl",
        '\n{"case": "a", "arm": "baseline", "criterion": "tone", "value": 0.5}\n'
        '{"case": "a", "arm": "candidate", "criterion": "tone", "value": true, "repeat": 1, "tag": "refund"}\n'
        '{"case": 7, "arm": "candidate", "criterion": "tone", "value": 0, "tag": null}\n'
        '{"case": "7", "arm": "baseline", "criterion": "tone", "value": 1e-3}\n',
    )
    assert load_scores(project.tree, "s.csv") == load_scores(project.tree, "s.jsonl") == wanted


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,NaN\n",
            's.csv:2: "value" must be a number in [0, 1], or true or false, not NaN',
        ),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,\n",
            's.csv:2: "value" must be a number in [0, 1], or true or false, not empty',
        ),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,inf\n",
            's.csv:2: "value" must be a number in [0, 1], or true or false, not inf',
        ),
        ("s.csv", "case,arm,criterion,value\na,candidate,tone,1e999\n", 's.csv:2: "value" must be a number'),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,tone,4.5\n",
            's.csv:2: "value" must be in [0, 1], not 4.5\n  hint: map a rating r of 1 to 5 by (r - 1) / 4',
        ),
        ("s.csv", "case,arm,criterion,value\na,candidat,tone,1\n", 's.csv:2: "arm" must be candidate or baseline'),
        (
            "s.csv",
            "case,arm,criterion,value,repeat\na,candidate,tone,1,x\n",
            's.csv:2: "repeat" must be a whole number from 0',
        ),
        ("s.csv", "case,arm,criterion,value\na,candidate,,1\n", 's.csv:2: "criterion" is empty'),
        (
            "s.csv",
            "case,arm,criterion,value,tags\na,candidate,t,1,x\n",
            's.csv:2: unknown key "tags"; did you mean "tag"?',
        ),
        (
            "s.csv",
            "case,arm,criterion,value\na,candidate,t,1\na,candidate,t,1\n",
            's.csv:3: a second score of case "a", candidate, "t", repeat 0; first in line 2',
        ),
        ("s.csv", "case,arm,criterion\na,candidate,t\n", 's.csv:2: "value" is missing'),
        ("s.csv", "case,arm,criterion,value\n", "s.csv: the file has no scores"),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": NaN}',
            "s.jsonl:1:62: NaN is not a number in JSON",
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": null}',
            's.jsonl:1:62: "value" must be a number in [0, 1]',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": "0.5"}',
            's.jsonl:1:62: "value" must be a number in [0, 1]',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "candidate", "criterion": "t", "value": -0.1}',
            's.jsonl:1:62: "value" must be in [0, 1], not -0.1',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": 1, "criterion": "t", "value": 1}',
            's.jsonl:1:22: "arm" must be candidate or baseline',
        ),
        (
            "s.jsonl",
            '{"case": "a", "arm": "baseline", "criterion": "t", "value": 1, "tag": 5}',
            's.jsonl:1:71: "tag" must be text',
        ),
    ],
)
def test_faulty_scores_are_refused_with_the_place(project: Project, path: str, text: str, wanted: str) -> None:
    found = faults(project, load_scores, path, text)
    assert len(found) == 1, found
    assert found[0].startswith(wanted)
