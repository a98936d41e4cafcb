"""Tests of the log of runs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from history_runs import RUNS, make_criterion, make_run

from evalgate.store import run_log
from evalgate.store.run_log import append_runs, read_last_runs, read_runs


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


def test_the_last_runs_are_read_from_the_end_of_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.jsonl"
    assert read_last_runs(path) == read_last_runs(tmp_path) == []
    append_runs(path, RUNS[:3])
    with path.open("a") as file:
        file.write("{damaged\n")
    append_runs(path, RUNS[3:])
    assert read_last_runs(path) == [*RUNS]
    sizes = [len(line) + 1 for line in path.read_bytes().split(b"\n")[-4:-1]]
    for most, expected in ((sum(sizes) + 1, RUNS[3:]), (sum(sizes) - 1, RUNS[3:]), (sizes[-1], ()), (0, ())):
        monkeypatch.setattr(run_log, "_LAST_BYTES", most)
        assert read_last_runs(path) == [*expected]


@pytest.mark.parametrize("number", [math.nan, math.inf, -1e308, 1e308, 10**400, 11])
@pytest.mark.parametrize("key", ["difference", "low", "high", "allowed", "cost_usd"])
def test_a_number_that_no_run_has_is_refused(tmp_path: Path, key: str, number: float) -> None:
    path = tmp_path / "runs.jsonl"
    append_runs(path, [make_run(criteria=(make_criterion(),))])
    line = json.loads(path.read_text())
    (line if key == "cost_usd" else line["criteria"][0])[key] = number
    path.write_text(json.dumps(line))
    expected = 1 if (key, number) == ("cost_usd", 11) else 0
    assert len(read_last_runs(path)) == len(read_runs(path)[0]) == expected
