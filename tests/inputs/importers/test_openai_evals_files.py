"""Tests of the readers of openai/evals: logs and samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tool_files import DATA, pair, read, show

from evalgate.errors import InputError
from evalgate.inputs.importers.foreign_json import load_lines
from evalgate.inputs.importers.openai_evals_files import read_samples
from evalgate.inputs.importers.result_files import read_results
from evalgate.inputs.importers.tool_results import ToolResults

GOOD, BAD = "evals-good-colours.jsonl", "evals-bad-colours.jsonl"


def edit(name: str, change: Callable[[Any], None]) -> ToolResults:
    lines = [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]
    for line in lines:
        change(line)
    found = read_results("\n".join(map(json.dumps, lines)).encode(), "changed.jsonl")
    assert found is not None
    return found


def test_matches_become_scores() -> None:
    scores = pair(read(BAD), read(GOOD))
    found = show(scores.rows)
    assert {case for (case, _, _), value in found.items() if value == 0.0} == {"colours.dev.1", "colours.dev.2"}
    assert {name for _, name, _ in found} == {"match"}
    assert "of 6 cases whose inputs and expectations both files show, 6 have the same" in scores.notes


def test_numbers_of_metrics_become_scores() -> None:
    found = show(pair(read("evals-good-colours-fuzzy.jsonl")).rows)
    assert {name for _, name, _ in found} == {"match", "accuracy", "f1_score"} and set(found.values()) == {1.0}


def test_a_run_that_did_not_end_is_refused() -> None:
    with pytest.raises(InputError, match="no final report"):
        read("evals-crash-colours.jsonl")


def test_choices_without_scores_are_no_scores_and_invalid_ones_are_unscored() -> None:
    with pytest.raises(InputError, match="no scores; the choices of the grading model have no scores"):
        pair(read("evals-good-colours-graded.jsonl"))

    def give_scores(line: Any) -> None:
        if line.get("type") == "metrics":
            line["data"]["score"] = {"A": 1.0, "D": 0.0, "__invalid__": 0.0}[line["data"]["choice"]]

    found = show(pair(edit("evals-good-colours-graded.jsonl", give_scores)).rows)
    assert found["colours-graded.dev.3", "score", 0] == "the grading model made no valid choice"
    assert (found["colours-graded.dev.0", "score", 0], found["colours-graded.dev.2", "score", 0]) == (1.0, 0.0)


def test_another_question_under_the_same_number_is_not_compared() -> None:
    def ask(line: Any) -> None:
        if line.get("type") == "sampling" and line["sample_id"] == "colours.dev.4":
            line["data"]["prompt"][-1]["content"] = "What shape is thing 4?"
        if line.get("type") == "sampling":
            line["data"]["prompt"][0]["content"] = "Another system message is the candidate's prompt."

    found = show(pair(edit(BAD, ask), read(GOOD)).rows)
    assert {case for (case, _, _), value in found.items() if isinstance(value, str)} == {"colours.dev.4"}


def test_an_error_of_a_sample_is_no_score() -> None:
    def fail(line: Any) -> None:
        if line.get("type") == "match" and line["sample_id"] == "colours.dev.5":
            line.update(type="error", data={"type": "Timeout", "message": "timed out"})

    assert show(pair(edit(GOOD, fail)).rows)["colours.dev.5", "match", 0] == "timed out"


def test_another_eval_does_not_compare() -> None:
    def rename(line: Any) -> None:
        if "spec" in line:
            line["spec"]["run_config"]["eval_spec"]["args"]["ignore_case"] = True

    with pytest.raises(InputError, match='"match" is measured with other settings'):
        pair(edit(BAD, rename), read(GOOD))


def test_samples_become_cases() -> None:
    lines = list(load_lines((DATA / "evals-samples.jsonl").read_text(encoding="utf-8"), "s.jsonl"))
    found = read_samples(lines, "s.jsonl")
    assert found.rows[:2] == [
        {"input": "What colour is thing 0?", "expected": "green"},
        {"input": "What colour is thing 1?", "expected": "blue"},
    ]
    assert [sentence.partition(":")[0] for sentence in found.left_out] == [
        "the system message that all cases share, which belongs into the prompt"
    ]
