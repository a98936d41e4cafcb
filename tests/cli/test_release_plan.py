"""`evalgate release plan`: how long a rollout will take, from files of rows and from those of the configuration."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gated_project import Ended

CONFIG = """\
release:
  registry: sqlite:releases.sqlite3
  rollout:
    rows: rows/*.jsonl
    scores: {helpful: 0.10}
"""
Run = Callable[..., Ended]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evalgate.yml").write_text(CONFIG)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/today.jsonl").touch()
    return tmp_path


def write_rows(path: Path, *, population: int, per_day: int) -> None:
    rng, now = random.Random(1), datetime.now(UTC)
    lines = []
    for day in range(7):
        for user in rng.sample(range(population), per_day):
            row = {
                "id": f"{day}-{user}", "at": (now - timedelta(days=day, hours=12)).isoformat(), "prompt": "support",
                "version": "1.0.0", "variant": "production", "key": f"user-{user}", "sampled": True,
                "scores": {"helpful": rng.choice([0.5, 0.75, 1, 1])},
            }  # fmt: skip
            lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines))


def test_a_small_closed_population_is_told_which_stages_fit(project: Path, evalgate: Run) -> None:
    write_rows(project / "rows/today.jsonl", population=2_000, per_day=700)
    told = evalgate("release", "plan", "support")
    assert told.code == 0, told.err
    lines = told.out.splitlines()
    assert lines[0].startswith("1,") and "users in 7 days, 700 a day; 100 % have a first answer with all" in lines[0]
    assert "there are about 2,000 of them, and each counts once" in " ".join(lines[:3])
    (first,) = (line for line in lines if line.startswith("5 %"))
    assert "never" in first
    end = " ".join(told.out.split("\n\n")[-1].split())
    assert end == "At 5 % nothing is ever proven: the users are too few. Use stages: [25, 50]."


def test_a_large_traffic_fits_all_stages_from_files_that_are_named(project: Path, evalgate: Run) -> None:
    write_rows(project / "mine.jsonl", population=10**6, per_day=4_000)
    told = evalgate("release", "plan", "support", "--rows", "mine.jsonl")
    assert told.code == 0, told.err
    assert "All stages fit this traffic." in told.out
    assert [line.split()[0] for line in told.out.splitlines() if " % " in line and " h " in line] == ["5", "25", "50"]
    assert evalgate("release", "plan", "support", "--rows", "mine.jsonl").out == told.out


def test_without_users_there_is_no_plan(project: Path, evalgate: Run) -> None:
    told = evalgate("release", "plan", "support")
    assert told.code == 2 and "no row of the last 7 days has a key" in told.err
    (project / "evalgate.yml").write_text(CONFIG.replace("    rows: rows/*.jsonl\n", ""))
    told = evalgate("release", "plan", "support")
    assert told.code == 2 and "nothing says where the rows are" in told.err
