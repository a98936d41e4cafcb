"""Files of deepeval: test runs (`results_folder`, DEEPEVAL_RESULTS_FOLDER) to scores, saved datasets to cases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from evalgate.errors import InputError
from evalgate.inputs.formats.csv import parse
from evalgate.inputs.formats.data_file import decode
from evalgate.inputs.importers.case_rows import EXPECTED, QUESTION, CaseRows, join_texts
from evalgate.inputs.importers.foreign_json import ForeignPart, decode_text, load_json, load_lines
from evalgate.inputs.importers.tool_results import ToolResults, ToolScore, ToolTest, is_empty, read_number, shorten

_NUMBERED = re.compile(r"(conversational_)?test_case_\d+")
_LEFT = ("actual_output", "tools_called", "comments", "source_file", "expectations")
_CONTENT = ("input", "expectedOutput", "context", "expectedTools", "scenario", "expectedOutcome", "userDescription")


def is_test_run(data: Any) -> bool:
    """Return whether the data of a file are a test run of deepeval."""
    if not isinstance(data, Mapping):
        return False
    tests = data.get("testCases") or data.get("conversationalTestCases")
    return isinstance(tests, list) and ("metricsScores" in data or "runDuration" in data)


def read_test_run(data: Mapping[str, Any], path: str) -> ToolResults:
    """Read the scores of a test run. A metric with an error, or without a score, is unscored."""
    whole = ForeignPart(data=data, path=path)
    tests = [*whole.parts("testCases"), *whole.parts("conversationalTestCases")]
    directions: dict[str, set[str]] = {}
    for name, metric in ((name, metric) for test in tests for name, metric in _list_metrics(test)):
        directions.setdefault(name, set()).update(_find_direction(metric))
    return ToolResults(
        tool="deepeval",
        path=path,
        subject="the application's answers",
        tests=tuple(_read_test(test) for test in tests),
        same_criteria=False,
        lower_is_better=frozenset(name for name, found in directions.items() if "lower" in found),
        higher_is_better=frozenset(name for name, found in directions.items() if "higher" in found),
    )


def _list_metrics(test: ForeignPart) -> Iterator[tuple[str, ForeignPart]]:
    for metric in test.parts("metricsData"):
        yield metric.text("name") or metric.where, metric


def _read_test(test: ForeignPart) -> ToolTest:
    scores: dict[str, ToolScore] = {}
    for name, metric in _list_metrics(test):
        if name in scores:
            raise test.refuse(
                f'{test.where} has two metrics named "{name}"', "give one of them another name in deepeval"
            )
        scores[name] = _read_score(metric)
    own = test.text("name")
    content = {key: test.data[key] for key in _CONTENT if test.data.get(key) is not None}
    if not content:
        raise test.refuse(f"{test.where} has neither an input nor a scenario")
    if test.data.get("turns") and "scenario" not in content:
        content["turns"] = [turn.text("content") for turn in test.parts("turns") if turn.text("role") == "user"]
    return ToolTest(
        id=own if own and not _NUMBERED.fullmatch(own) else None,
        content=content,
        scores=scores,
        problem=None if scores else "deepeval measured nothing",
        is_empty=is_empty(test.data.get("actualOutput")) and not test.data.get("toolsCalled"),
    )


def _read_score(metric: ForeignPart) -> ToolScore:
    kept = {key: metric.data.get(key) for key in ("threshold", "strictMode", "evaluationModel")}
    error, value = metric.data.get("error"), read_number(metric.data.get("score"))
    if error:
        return ToolScore(value=None, reason=shorten(error, "the metric failed"), settings=kept)
    if metric.data.get("skipped") is True:
        return ToolScore(value=None, reason="the metric was skipped", settings=kept)
    return ToolScore(value=value, reason=None if value is not None else "the metric has no score", settings=kept)


def _find_direction(metric: ForeignPart) -> set[str]:
    """Return whether a higher or a lower score is better, as far as threshold and success show it.

    In deepeval 3 the threshold of Bias, Toxicity and Hallucination is a maximum; in deepeval 4 it is a minimum.
    """
    score, threshold = read_number(metric.data.get("score")), read_number(metric.data.get("threshold"))
    success = metric.data.get("success")
    if metric.data.get("error") or score is None or threshold is None or not isinstance(success, bool):
        return set()
    return set() if score == threshold else {"higher" if success == (score > threshold) else "lower"}


def read_goldens(data: bytes, path: str) -> CaseRows:
    """Read the goldens of a dataset that `save_as` wrote as JSON, JSONL or CSV, or the tests of a test run, as cases.

    Input, expected output, contexts, expected tools and metadata are carried over. The texts of a context are joined
    by an empty line. Raises InputError if there is no golden.
    """
    found = CaseRows(path=path)
    goldens = [_rename(one) for one in _load_goldens(data, path)]
    names = [one.text("name") for one in goldens]
    named = None not in names and len(set(names)) == len(names) and not any(map(_NUMBERED.fullmatch, map(str, names)))
    if not named and any(names):
        found.leave_out("the names: they are not unique, or not each golden has one")
    for one in goldens:
        if not one.text("scenario") and not one.text("input"):
            raise one.refuse(f"{one.where} has neither an input nor a scenario: is this a dataset of deepeval?")
        if one.text("scenario"):
            found.leave_out("conversations: a case has one input and one answer")
            continue
        for key in _LEFT:
            if one.data.get(key):
                found.leave_out(f'"{key}" of goldens')
        own = one.part("custom_column_key_values").data
        fields = {
            QUESTION: one.data["input"],
            EXPECTED: one.data.get("expected_output"),
            "context": join_texts(one.data.get("context")),
            "retrieval_context": join_texts(one.data.get("retrieval_context")),
            "expected_tools": one.data.get("expected_tools") or None,
            "metadata": one.data.get("additional_metadata") or None,
        }
        found.add(
            {**fields, **{key: value for key, value in own.items() if key not in fields}},
            name=one.text("name") if named else None,
        )
    found.finish()
    return found


def _load_goldens(data: bytes, path: str) -> list[ForeignPart]:
    if path.lower().endswith(".csv"):
        rows, faults = parse(decode(data, path), path, ",")
        if faults:
            raise InputError(faults=faults)
        return [ForeignPart(data=_read_cells(row.cells), path=path, where="the row", line=row.line) for row in rows]
    text = decode_text(data, path)
    if path.lower().endswith(".jsonl"):
        return [
            ForeignPart(data=_split_contexts(line.data), path=path, where=line.where, line=line.line)
            for line in load_lines(text, path)
        ]
    whole = load_json(text, path)
    if is_test_run(whole):
        return ForeignPart(data=whole, path=path).parts("testCases")
    if not isinstance(whole, list):
        raise ForeignPart(data={}, path=path).refuse("is neither a list of goldens nor a test run of deepeval")
    return ForeignPart(data={"goldens": whole}, path=path).parts("goldens")


def _rename(golden: ForeignPart) -> ForeignPart:
    """Return a golden, or a test of a test run, with the keys of goldens."""
    data = {re.sub("([A-Z])", lambda hit: f"_{hit.group().lower()}", key): value for key, value in golden.data.items()}
    if data.get("metadata") and "additional_metadata" not in data:
        data["additional_metadata"] = data["metadata"]
    return ForeignPart(data=data, path=golden.path, where=golden.where, line=golden.line)


def _read_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return a row of a CSV as data: JSON where deepeval writes it, and lists of contexts, which it joins by "|"."""
    found: dict[str, Any] = {key: value for key, value in cells.items() if value.strip()}
    for key in ("additional_metadata", "custom_column_key_values", "expected_tools", "tools_called"):
        if key in found:
            found[key] = load_json(found[key], key)
    return _split_contexts(found)


def _split_contexts(data: Mapping[str, Any]) -> dict[str, Any]:
    lists = {key: data[key].split("|") for key in ("context", "retrieval_context") if isinstance(data.get(key), str)}
    return {**data, **lists}
