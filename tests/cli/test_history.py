"""Tests of `evalgate history`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gated_project import Ended, World
from history_runs import RUNS

import evalgate as library
from evalgate.store import report_json
from evalgate.store.run_log import append_runs

ROWS = [
    {"case": f"c{i}", "arm": a, "criterion": "tone", "value": 0.9} for i in range(9) for a in ("baseline", "candidate")
]


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    append_runs(tmp_path / ".evalgate" / "runs.jsonl", RUNS)
    return tmp_path


def test_history_reads_the_store_files_and_folders(logged: Path, evalgate: Callable[..., Ended]) -> None:
    folder = logged / "downloaded" / "run-7"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(report_json.render(library.decide_scores(ROWS)))
    (folder / "copy.json").write_bytes((folder / "report.json").read_bytes())
    (folder / "damaged.json").write_text("{")
    ended = evalgate("history", "downloaded", "--format", "json")
    assert ended.code == 0
    data = json.loads(ended.out)
    assert [run["gate"] for run in data["runs"]] == ["support"] * 4 + ["billing", "scores"]
    assert "skipped: " in ended.err and "damaged.json" in ended.err
    assert len(data["problems"]) == 1
    recent = evalgate("history", "--gate", "support", "--since", "2026-11-10", "--format", "csv")
    assert {row["at"][:10] for row in csv.DictReader(io.StringIO(recent.out))} == {"2026-11-16"}
    assert evalgate("history", "--format", "html", "--output", "history.html").out == ""
    assert "<svg" in (logged / "history.html").read_text()
    assert evalgate("history").out.startswith("billing: 1 run (1 PASS)")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--gate", "suport"), 2, 'did you mean "support"?'),
        (("--since", "soon"), 2, "neither a span"),
        (("--since", "1h"), 0, "no run is kept in this time"),
        (("nowhere",), 2, "no such file or folder"),
        (("--store", "empty"), 0, "`evalgate run` keeps its verdict there"),
        (("--store", "empty", "damaged.json"), 2, "skipped: damaged.json"),
    ],
)
def test_what_is_missing_is_said(
    logged: Path, evalgate: Callable[..., Ended], arguments: tuple[str, ...], code: int, message: str
) -> None:
    (logged / "damaged.json").write_text("[]")
    ended = evalgate("history", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err


def test_each_run_is_logged_with_its_calls_and_its_cost(world: World) -> None:
    world.edit()
    assert world.evalgate("run", "--first", "2").code == 4
    assert world.evalgate("run").code == 0
    assert world.evalgate("run").code == 0
    runs = json.loads(world.evalgate("history", "--format", "json").out)["runs"]
    assert [run["decision"] for run in runs] == ["not a gate", "PASS", "PASS"]
    assert [run["calls"]["made"] for run in runs] == [6, 186, 0]
    assert [run["reused"] for run in runs] == [False, False, True]
    assert runs[1]["cost_usd"] > runs[0]["cost_usd"] > 0
    assert {one["name"]: one["allowed_drop"] for one in runs[1]["criteria"]}["faithfulness"] == 0.05
