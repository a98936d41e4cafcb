"""Tests of the log of runs."""

from __future__ import annotations

from pathlib import Path

from history_runs import RUNS, make_run

from evalgate.store.run_log import append_runs, read_runs


def test_appended_runs_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "store" / "runs.jsonl"
    assert read_runs(path) == ([], [])
    append_runs(path, [])
    assert not path.exists()
    append_runs(path, RUNS[:2])
    append_runs(path, RUNS[2:])
    assert read_runs(path) == ([*RUNS], [])


def test_damaged_lines_are_named_and_lose_no_other(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    append_runs(path, RUNS[:1])
    with path.open("a") as file:
        file.write('[]\n{"format": 2}\n{"format": 1, "run_id": "x"}\n{"cut')
    append_runs(path, RUNS[1:2])
    runs, problems = read_runs(path)
    assert runs == [*RUNS[:2]]
    assert [problem.partition(": ")[0] for problem in problems] == [f"{path}:{line}" for line in (2, 3, 4, 5)]


def test_a_log_that_cannot_be_written_or_read_stops_nothing(tmp_path: Path) -> None:
    append_runs(tmp_path, [make_run()])
    (problem,) = read_runs(tmp_path)[1]
    assert "cannot be read" in problem
