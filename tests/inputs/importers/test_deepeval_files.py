"""Tests of the readers of deepeval's test runs and datasets."""

from __future__ import annotations

from typing import Any

import pytest
from tool_files import DATA, change, pair, read, show

from evalgate.domain import Arm
from evalgate.errors import InputError
from evalgate.inputs.importers.deepeval_files import read_goldens

OVERLAP = "Word Overlap"


def test_a_metric_that_crashed_has_no_score() -> None:
    scores = pair(read("deepeval-4-candidate.json"), read("deepeval-4-baseline.json"))
    found = show(scores.rows)
    assert found["question-3", OVERLAP, 0] == pytest.approx(2 / 3)
    assert found["question-5", OVERLAP, 0] == "RuntimeError: the metric crashed"
    assert found["question-5", "Toxicity", 0] == 1.0
    assert show(scores.rows, Arm.BASELINE)["question-5", OVERLAP, 0] == 1.0
    assert "of 6 cases whose inputs and expectations both files show, 6 have the same" in scores.notes


def test_a_metric_whose_lower_scores_pass_has_to_be_turned() -> None:
    files = read("deepeval-3-candidate"), read("deepeval-3-baseline")
    with pytest.raises(InputError, match='a lower score of "Toxicity" is better') as refused:
        pair(*files)
    assert "--scale Toxicity=1:0" in str(refused.value)
    assert show(pair(*files, scales={"Toxicity": (1, 0)}).rows)["question-1", "Toxicity", 0] == 1.0
    assert "Toxicity" not in {name for _, name, _ in show(pair(*files, criteria=(OVERLAP,)).rows)}


def test_versions_in_which_a_metric_points_the_other_way_do_not_compare() -> None:
    with pytest.raises(InputError, match=r'pass below the threshold of "Toxicity", and in .*candidate\.json above it'):
        pair(read("deepeval-4-candidate.json"), read("deepeval-3-baseline"), scales={"Toxicity": (1, 0)})
    with pytest.raises(InputError, match="the scale must not turn it"):
        pair(read("deepeval-4-candidate.json"), scales={"Toxicity": (1, 0)})


def test_numbered_names_are_no_ids() -> None:
    found = show(pair(read("deepeval-4-unnamed.json"), read("deepeval-4-baseline.json")).rows)
    assert len({case for case, _, _ in found}) == 6 and all(case.startswith("row-") for case, _, _ in found)


def edit_metric(**changes: Any) -> Any:
    def edit(data: Any) -> None:
        for test in data["testCases"]:
            test["metricsData"][0].update(changes)

    return edit


@pytest.mark.parametrize(("changes", "reason"), [
    ({"score": None}, "the metric has no score"),
    ({"skipped": True}, "the metric was skipped"),
    ({"error": "  \nTimeout\nmore"}, "Timeout"),
])  # fmt: skip
def test_a_metric_without_a_score_is_unscored(changes: dict[str, Any], reason: str) -> None:
    assert (
        show(pair(change("deepeval-4-baseline.json", edit_metric(**changes))).rows)["question-1", OVERLAP, 0] == reason
    )


@pytest.mark.parametrize("changes", [{"threshold": 0.6}, {"evaluationModel": "another"}, {"strictMode": True}])
def test_another_threshold_or_judge_does_not_compare(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match='"Word Overlap" is measured with other settings'):
        pair(change("deepeval-4-candidate.json", edit_metric(**changes)), read("deepeval-4-baseline.json"))


def test_a_test_without_metrics_lacks_every_score() -> None:
    def edit(data: Any) -> None:
        data["testCases"][1]["metricsData"] = None

    found = show(pair(change("deepeval-4-candidate.json", edit), read("deepeval-4-baseline.json")).rows)
    assert {found["question-2", name, 0] for name in (OVERLAP, "Toxicity")} == {"deepeval measured nothing"}


def test_two_metrics_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match='two metrics named "Toxicity"'):
        change("deepeval-4-candidate.json", edit_metric(name="Toxicity"))


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_goldens_become_cases(suffix: str) -> None:
    name = f"deepeval-4-goldens.{suffix}"
    found = read_goldens((DATA / name).read_bytes(), name)
    assert len(found.rows) == 4
    assert (
        found.rows[1]
        == {
            "input": "What colour is thing 2?",
            "expected": "blue",
            "context": "Thing 2 is blue.\n\nThings have one colour.",
            "metadata": {"kind": "hard"},
        }
        or suffix == "jsonl"
    )
    assert '"comments" of goldens' in found.left_out


def test_older_goldens_and_test_runs_become_cases() -> None:
    older = read_goldens((DATA / "deepeval-3-goldens.csv").read_bytes(), "deepeval-3-goldens.csv")
    assert [row["input"] for row in older.rows] == [f"What colour is thing {n}?" for n in range(1, 5)]
    run = read_goldens((DATA / "deepeval-4-baseline.json").read_bytes(), "deepeval-4-baseline.json")
    assert run.rows[0]["id"] == "question-1" and run.rows[0]["expected"] == "answer 1 blue"
    assert list(run.left_out) == ['"actual_output" of goldens']


def test_conversations_are_left_out() -> None:
    with pytest.raises(InputError, match="no cases; conversations"):
        read_goldens((DATA / "deepeval-4-conversations.json").read_bytes(), "deepeval-4-conversations.json")
