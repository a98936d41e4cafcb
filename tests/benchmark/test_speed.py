"""The benchmark runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no resources of a child are told there")
def test_it_runs_and_its_table_adds_up() -> None:
    command = [sys.executable, str(Path(__file__).with_name("speed.py")), "--cases", "3"]
    command += ["--latency", "0.01", "--concurrency", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    heads, rule, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines())
    assert set(rule) == {"---"}
    told = dict(zip(heads, row, strict=True))
    assert (told["cases"], told["calls"], told["cached calls"], told["lost"]) == ("3", "12", "0", "0")
    assert float(told["x ideal"]) > 1
    assert float(told["peak MB"]) > 10


@pytest.mark.skipif(sys.platform == "win32", reason="neither tar nor blocks of a file are told there")
def test_both_stores_are_measured_and_lose_nothing() -> None:
    command = [sys.executable, str(Path(__file__).with_name("stores.py")), "--entries", "40"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    heads, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines())
    told = [dict(zip(heads, row, strict=True)) for row in rows]
    assert [(one["store"], one["files"]) for one in told] == [("sqlite", "1"), ("files", "40")]


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no resources of a child are told there")
def test_rejections_are_measured() -> None:
    command = [sys.executable, str(Path(__file__).with_name("rejections.py")), "--runs", "1", "--cases", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:]] == [
        "clean",
        "at random",
        "100 a second",
    ]


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="a server of 200 connections at once is not given there")
def test_the_runtime_is_measured() -> None:
    command = [sys.executable, str(Path(__file__).with_name("serving.py"))]
    command += ["--quick", "--processes", "2", "--rollbacks", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()[2:]]
    assert [row[0].split(",")[0] for row in rows] == [
        "import over `python -c pass`",
        "get",
        "choose",
        "200 threads",
        "200 threads",
        "200 threads",
        "2 processes serve the old text",
    ]
    assert [row[1].split(",")[0] for row in rows[3:5]] == ["1 requests", "1 requests"]
    assert all("0 errors" in row[1] for row in rows[3:6])


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no resources of a child are told there")
@pytest.mark.parametrize("options", [[], ["--texts"]])
def test_the_rows_of_a_rollout_are_measured(options: list[str]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("rollout_rows.py")), "--rows", "2000", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    heads, _, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines())
    told = dict(zip(heads, row, strict=True))
    assert (told["rows"], told["decision"]) == ("2,000", "hold")
    assert 0 < float(told["peak MB"]) < 200
