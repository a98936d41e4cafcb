"""A run of the gate in a job: its budget, and what errors become. The modes of missing keys: see test_main."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from evalgate.action import gate_run
from evalgate.action.job import Job, Log
from evalgate.action.outcome import ActivityOutcome
from evalgate.errors import ExitCode, InputError


def make_job(folder: Path, **inputs: str) -> Job:
    event = folder / "event.json"
    event.write_text("{}")
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    return Job(
        {
            "EVALGATE_INPUTS": json.dumps(given),
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "acme/prompts",
            "GITHUB_SHA": "a" * 40,
            "GITHUB_WORKSPACE": str(folder),
            "RUNNER_TEMP": str(folder),
        }
    )


@pytest.mark.parametrize(("spent", "left"), [(0.0, 2.0), (1.5, 0.5), (3.0, 0.0)])
def test_the_budget_is_that_of_the_job(tmp_path: Path, spent: float, left: float) -> None:
    assert gate_run.make_call_mode(make_job(tmp_path, max_cost_usd="2"), spent=spent).max_cost_usd == left
    assert gate_run.make_call_mode(make_job(tmp_path), spent=spent).max_cost_usd is None


def test_the_machine_has_the_job_s_environment_and_store(tmp_path: Path) -> None:
    made = gate_run.make_machine(make_job(tmp_path, github_token="ghs_12345678"), Log(io.StringIO()))
    assert made.secrets == ("ghs_12345678",)
    assert "EVALGATE_INPUTS" not in made.environment
    assert made.store.root == tmp_path / ".evalgate"


def test_an_error_is_an_outcome_that_is_no_pass() -> None:
    def fail(error: Exception) -> ActivityOutcome:
        raise error

    stream = io.StringIO()
    found = gate_run.catch_errors(Log(stream), lambda: fail(InputError("no such gate")))
    assert (found.status.verdict, found.status.state, found.status.code) == ("ERROR", "error", ExitCode.USAGE)
    found = gate_run.catch_errors(Log(stream), lambda: fail(ZeroDivisionError("by zero")))
    assert (found.status.verdict, found.status.code) == ("ERROR", ExitCode.NOT_EVALUATED)
    assert "::error title=evalgate::no such gate" in stream.getvalue() and "Traceback" in stream.getvalue()
    assert found.report.gates == () and "ZeroDivisionError" in found.report.warnings[0]
