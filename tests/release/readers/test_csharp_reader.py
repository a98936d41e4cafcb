"""Tests of what the C# reader does over time: single flight, time to live, failures, and its speed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from release.readers.chain import REFUSALS, write_chain
from release.readers.children import HERE, compile_csharp

pytestmark = pytest.mark.usefixtures("mono")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, mono: None) -> Path:
    folder = tmp_path_factory.mktemp("behaviour")
    write_chain(folder)
    return compile_csharp(folder, HERE / "Behaviour.cs")


def run(program: Path, scenario: str) -> Any:
    done = subprocess.run(
        ["mono", str(program), scenario, str(program.parent)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_file_is_read(program: Path) -> None:
    told = run(program, "file")
    assert told["messages"][1] == {"role": "user", "content": "Hello Ada!"}
    assert 0 <= told["stale"] < 1


def test_threads_share_one_call_of_the_source(program: Path) -> None:
    assert run(program, "flight") == {"cold": 1, "expired": 1, "versions": ["1.0.0"], "waited": 0}


def test_an_expired_document_is_served_until_the_new_one_is_there(program: Path) -> None:
    told = run(program, "stale")
    assert told == {"fresh": "1.0.0", "old": "1.0.0", "isOld": True, "now": "1.1.0", "revision": 2}


def test_the_last_good_document_stays_when_a_refresh_fails(program: Path) -> None:
    told = run(program, "failures")
    assert (told["background"], told["seen"]) == (1, "support down")
    assert told["told"] == {
        "down 1": "IOException: down",
        "null 1": 'ReleaseException: there is no document of "support": the source returned null',
        "second 1": None,
        "later 2": None,
        **{name: f"ReleaseException: {why}" for name, why in REFUSALS.items()},
    }


def test_cold_with_nothing_is_an_error_that_waiting_threads_share(program: Path) -> None:
    told = run(program, "cold")
    assert told["errors"] == [
        "IOException: down",
        'ReleaseException: the document of "support" cannot be read: down',
    ]
    assert (told["calls"], told["version"]) == (1, "1.0.0")


def test_a_source_that_never_answers_delays_no_call(program: Path) -> None:
    assert run(program, "hanging") < 1


def test_what_is_served_cannot_change_the_version(program: Path) -> None:
    assert run(program, "copies") == [0, "You are support."]


def test_choosing_is_fast(program: Path) -> None:
    microseconds = run(program, "speed")
    assert microseconds["get"] < 20 and microseconds["choose"] < 100, microseconds
