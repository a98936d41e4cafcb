"""Tests of recognising other tools' files by their content."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tool_files import DATA, pair, read

from evalgate.errors import InputError
from evalgate.inputs.importers.result_files import read_results


@pytest.mark.parametrize(("name", "tool"), [
    ("promptfoo-brief.jsonl", "promptfoo"),
    ("promptfoo.yaml", "promptfoo 0.121.20"),
    ("deepeval-3-candidate", "deepeval"),
    ("deepeval-4-candidate.json", "deepeval"),
    ("inspect-0.3.60-graded.json", "inspect_ai 0.3.60"),
    ("inspect-good.eval", "inspect_ai 0.3.285"),
    ("evals-bad-colours.jsonl", "openai/evals"),
])  # fmt: skip
def test_each_tool_is_recognised_whatever_the_name_of_the_file(name: str, tool: str) -> None:
    data = (DATA / name).read_bytes()
    suffix = ".yaml" if name.endswith(".yaml") else ""
    found = read_results(data, f"anything{suffix}")
    assert found is not None and found.tool == tool


def test_one_line_is_enough() -> None:
    line = (DATA / "promptfoo-brief.jsonl").read_bytes().splitlines()[0]
    found = read_results(line, "one.jsonl")
    assert found is not None and len(found.tests) == 1


@pytest.mark.parametrize(("path", "data"), [
    ("s.csv", b"case,arm,criterion,value\n"),
    ("s.jsonl", b'{"case": "a", "arm": "candidate", "criterion": "x", "value": 1}\n'),
    ("s.jsonl", b'{"case": "a", "arm": "candidate", "criterion": "x", "value": 1}\n{"case": "b"}\n'),
    ("s.json", b'[{"case": "a"}]'),
    ("s.yaml", b"- {case: a}\n"),
    ("s.json", b'{"results": 1}'),
    ("s.json", b'{"testCases": []}'),
    ("s.json", b"{"),
    ("s.xlsx", b"PK\x03\x04"),
])  # fmt: skip
def test_rows_and_other_files_are_of_no_tool(path: str, data: bytes) -> None:
    assert read_results(data, path) is None


@pytest.mark.parametrize("name", ["deepeval-4-candidate.json", "inspect-good.eval", "evals-bad-colours.jsonl"])
def test_there_is_nothing_to_select_in_a_file_of_one_subject(name: str) -> None:
    with pytest.raises(InputError, match="nothing to select"):
        read(name, "x")


@pytest.mark.parametrize("text", [
    '{"results": {"results": [1], "stats": {}}}',
    '{"results": {"results": [], "stats": {}}}',
    '{"testCases": [{"name": "a"}], "runDuration": 1}',
    '{"testCases": [{"input": "a", "metricsData": [1]}], "runDuration": 1}',
    '{"version": 2, "status": "success", "eval": {}, "samples": 5}',
    '{"version": 2, "status": "success", "eval": {}, "samples": []}',
    '{"spec": {"eval_name": "a", "completion_fns": []}}\n{"final_report": {}}\n[1]\n',
    '{"spec": {"eval_name": "a", "completion_fns": []}}\n{"final_report": {}}\n',
])  # fmt: skip
def test_a_file_that_is_not_as_its_tool_writes_it_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^x.json"):
        read_results(text.encode(), "x.json")


def list_places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each value inside of data."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield (*place, key)
        yield from list_places(value, (*place, key))


@cache
def load_lines_of(name: str) -> tuple[str, list[tuple[Any, ...]]]:
    text = (DATA / name).read_text(encoding="utf-8")
    return text, list(list_places([json.loads(line) for line in text.splitlines()]))


@given(
    name=st.sampled_from(["deepeval-3-candidate", "evals-bad-colours.jsonl", "promptfoo-long.jsonl"]),
    value=st.sampled_from([None, 5, -1.5, "text", "", [], {}, [1], {"a": 1}, True, [None], float("nan")]),
    data=st.data(),
)
def test_any_value_in_the_place_of_another_is_read_or_refused(name: str, value: object, data: st.DataObject) -> None:
    text, places = load_lines_of(name)
    lines = [json.loads(line) for line in text.splitlines()]
    *way, last = data.draw(st.sampled_from(places))
    inner: Any = lines
    for key in way:
        inner = inner[key]
    inner[last] = value
    with contextlib.suppress(InputError):
        found = read_results("\n".join(map(json.dumps, lines)).encode(), "x.json")
        if found is not None:
            pair(found, criteria=found.criteria[:1])
