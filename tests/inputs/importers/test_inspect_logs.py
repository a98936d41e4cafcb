"""Tests of the reader of inspect_ai's logs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tool_files import DATA, change, pair, read, show

from evalgate.errors import InputError
from evalgate.inputs.importers.inspect_logs import convert_value, load_log, read_cases

STARS = {"scales": {"stars": (1, 5)}}


def test_values_of_all_kinds_become_scores() -> None:
    found = show(pair(read("inspect-bad.eval"), read("inspect-good.eval"), **STARS).rows)
    one = {name: found["thing-1", name, 0] for name in ("includes", "partly", "parts/short", "parts/share", "stars")}
    assert one == {"includes": 0.0, "partly": 0.5, "parts/short": 1.0, "parts/share": 0.6, "stars": 0.5}


def test_a_sample_that_failed_and_a_nan_have_no_score() -> None:
    found = show(pair(read("inspect-bad.eval"), **STARS).rows)
    names = ("includes", "partly", "parts/short", "parts/share", "stars")
    assert {found["thing-2", name, 0] for name in names} == {"RuntimeError('connection reset')"}
    assert found["thing-4", "stars", 0] == "the scorer gave no score"


def test_a_value_outside_of_the_range_needs_a_scale() -> None:
    with pytest.raises(InputError, match=r'"stars" of case "thing-1" is 3.0, outside of \[0, 1\]') as refused:
        pair(read("inspect-bad.eval"))
    assert "--scale stars=1:5" in str(refused.value)
    with pytest.raises(InputError, match="outside of its scale"):
        pair(read("inspect-bad.eval"), scales={"stars": (1, 2)})


@pytest.mark.parametrize(("name", "there", "status"), [
    ("inspect-error.eval", {"thing-1"}, "error"),
    ("inspect-killed.eval", {"thing-1"}, "started"),
])  # fmt: skip
def test_samples_that_an_unfinished_log_lacks_have_no_score(name: str, there: set[str], status: str) -> None:
    scores = pair(read(name), criteria=("includes",))
    found = show(scores.rows)
    assert {case for (case, _, _), value in found.items() if isinstance(value, float)} == there
    assert found["thing-3" if status == "started" else "thing-6", "includes", 0] == (
        f"the log does not have the sample (its status is {status})"
    )
    assert any(f"its status is {status}" in note for note in scores.notes)


def test_an_unfinished_log_that_does_not_say_what_is_missing_is_refused() -> None:
    def edit(data: Any) -> None:
        data["status"] = "cancelled"
        del data["eval"]["dataset"]["sample_ids"]

    with pytest.raises(InputError, match="its status is cancelled"):
        change("inspect-epochs.json", edit)


def test_a_log_does_not_plan_endless_epochs() -> None:
    with pytest.raises(InputError, match="plans more than 1,000,000 samples"):
        change("inspect-epochs.json", lambda data: data["eval"]["config"].update(epochs=10**12))


def test_epochs_are_repeats_and_numbers_are_no_ids() -> None:
    found = show(pair(read("inspect-epochs.json")).rows)
    assert sorted(repeat for _, _, repeat in found) == [0, 0, 1, 1]
    assert all(case.startswith("row-") for case, _, _ in found)


@pytest.mark.parametrize("name", ["inspect-graded.eval", "inspect-0.3.60-graded.json"])
def test_a_grader_that_gave_no_grade_gave_no_score(name: str) -> None:
    """An older version writes "I", as if the answer was wrong; a newer one writes NaN."""
    if name.endswith(".json"):
        scores = json.loads((DATA / name).read_text())["samples"][1]["scores"]
        assert scores["model_graded_qa"]["value"] == "I"
    found = show(pair(read(name)).rows)
    assert found["thing-1", "model_graded_qa", 0] == 1.0
    assert str(found["thing-2", "model_graded_qa", 0]).startswith("Grade not found in model output")


def test_an_older_archive_is_read() -> None:
    found = show(pair(read("inspect-0.3.60-failed.eval")).rows)
    assert list(found.values()) == [1.0, "RuntimeError('connection reset')", 1.0]


def edit_sample(**changes: Any) -> Any:
    def edit(data: Any) -> None:
        data["samples"][0].update(changes)

    return edit


@pytest.mark.parametrize(("changes", "reason"), [
    ({"invalidation": {"author": "a"}}, "the sample was invalidated"),
    ({"scores": {}}, "the sample was not scored"),
    ({"scores": None}, "the sample was not scored"),
    ({"scores": {"includes": {"value": 1, "reason": "grader_failed"}}}, "grader_failed"),
    ({"scores": {"includes": {"value": "good"}}}, 'the value "good" is not a score'),
])  # fmt: skip
def test_a_sample_without_a_usable_score_is_unscored(changes: dict[str, Any], reason: str) -> None:
    found = show(pair(change("inspect-epochs.json", edit_sample(**changes))).rows)
    assert reason in found.values()


@pytest.mark.parametrize(("value", "number"), [
    ("C", 1.0), ("P", 0.5), ("I", 0.0), ("N", 0.0), ("yes", 1.0), ("False", 0.0), ("0.25", 0.25), (True, 1.0), (4, 4.0),
    ("nan", None), ("c", None), ("", None), (None, None), (float("nan"), None), ([1], None),
])  # fmt: skip
def test_values_are_converted_as_inspect_does_and_never_guessed(value: object, number: float | None) -> None:
    assert convert_value(value) == number


def test_samples_become_cases() -> None:
    log = load_log((DATA / "inspect-good.eval").read_bytes(), "x")
    assert read_cases(log, "x").rows[0] == {
        "id": "thing-1", "input": "What colour is thing 1?", "expected": "blue", "kind": "easy",
    }  # fmt: skip
    assert len(read_cases(load_log((DATA / "inspect-epochs.json").read_bytes(), "x"), "x").rows) == 2
    graded = read_cases(load_log((DATA / "inspect-graded.eval").read_bytes(), "x"), "x")
    assert graded.rows[0] == {"id": "thing-1", "input": "What colour is thing 1?", "expected": "blue"}
    assert any("Be brief." in sentence for sentence in graded.left_out)


def test_another_file_is_no_log() -> None:
    with pytest.raises(InputError, match="is not a log of inspect_ai"):
        load_log(b'{"version": 2}', "x.json")
