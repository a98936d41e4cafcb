"""A job: its paths, its log, and the files for later steps."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from history_runs import make_run

from evalgate.action.job import Job, Log
from evalgate.domain.history_rows import list_runs
from evalgate.errors import EvalgateError, InputError, Place, ServiceError
from evalgate.execute.engine import ProgressEvent
from evalgate.store.run_log import append_runs


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    for name in ("workspace", "temp"):
        (tmp_path / name).mkdir()
    (tmp_path / "event").write_text("{}")
    return {
        "EVALGATE_INPUTS": "{}",
        "EVALGATE_MATRIX": "null",
        "GITHUB_REPOSITORY": "acme/prompts",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_EVENT_PATH": str(tmp_path / "event"),
        "GITHUB_SHA": "a" * 40,
        "GITHUB_WORKFLOW": "prompts",
        "GITHUB_JOB": "gate",
        "GITHUB_WORKSPACE": str(tmp_path / "workspace"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "API_KEY": "sk-1",
    }


def job(environment: dict[str, str], **inputs: str) -> Job:
    return Job(
        {**environment, "EVALGATE_INPUTS": json.dumps({name.replace("_", "-"): v for name, v in inputs.items()})}
    )


@pytest.mark.parametrize("name", ["GITHUB_REPOSITORY", "GITHUB_EVENT_NAME", "GITHUB_SHA", "RUNNER_TEMP"])
def test_what_github_always_sets_is_required(environment: dict[str, str], name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is not set"):
        Job({**environment, name: ""})


def test_the_run_sees_the_keys_of_providers_and_nothing_of_the_action(environment: dict[str, str]) -> None:
    seen = job(environment).environment
    assert seen["API_KEY"] == "sk-1" and not [name for name in seen if name.startswith("EVALGATE_")]


def test_paths_count_from_the_working_directory(environment: dict[str, str]) -> None:
    found = job(environment, working_directory="sub", config="gates/evalgate.yml")
    assert found.config == found.workspace / "sub/gates/evalgate.yml"
    assert found.store.root == found.workspace / "sub/gates/.evalgate"
    assert found.reports.parent == found.temp


@pytest.mark.parametrize(
    ("inputs", "read"),
    [
        ({"config": "link/evalgate.yml"}, lambda found: found.config),
        ({"cache_path": "link"}, lambda found: found.store),
        ({"report_dir": "link/reports"}, lambda found: found.reports),
        ({"config": "../evalgate.yml"}, lambda found: found.config),
    ],
)
def test_no_path_leads_out_of_the_workspace(environment: dict[str, str], inputs: dict[str, str], read: Any) -> None:
    (Path(environment["GITHUB_WORKSPACE"]) / "link").symlink_to("/tmp", target_is_directory=True)
    with pytest.raises(InputError):
        read(job(environment, **inputs))


def test_a_report_is_not_written_through_a_link(environment: dict[str, str], samples) -> None:
    found = job(environment, report_dir="reports")
    data, text = found.write_report(samples.failing())
    assert json.loads(data.read_text())["format"] == 1 and text.read_text().startswith("## ")
    append_runs(found.store.run_log, [make_run(), *list_runs(samples.failing())])
    found.write_report(samples.failing())
    assert "last 2 runs: 1 PASS, 1 FAIL" in data.with_suffix(".html").read_text()
    data.unlink()
    data.symlink_to(found.temp / "elsewhere")
    with pytest.raises(InputError, match="is a symbolic link"):
        found.write_report(samples.failing())
    assert not (found.temp / "elsewhere").exists()


def test_outputs_of_several_lines_are_kept_apart(environment: dict[str, str]) -> None:
    found = job(environment)
    found.write_outputs({"a": "1\nb=2", "c": "3"})
    text = Path(environment["GITHUB_OUTPUT"]).read_text()
    assert text.count("<<") == 2 and "\nb=2\n" in text
    found.write_summary("not asked for")  # without GITHUB_STEP_SUMMARY there is nothing to do


def test_the_log_escapes_commands_and_turns_errors_of_publishing_into_warnings() -> None:
    stream = io.StringIO()
    log = Log(stream)
    log.say("::error::x")
    assert not stream.getvalue().startswith("::error::")

    def fail(error: Exception) -> None:
        raise error

    assert log.attempt("comment", lambda: fail(ServiceError("refused", hint="token"))) is None
    assert log.attempt("comment", lambda: fail(ValueError("bug"))) is None
    assert log.attempt("comment", lambda: 3) == 3
    warnings = [line for line in stream.getvalue().splitlines() if line.startswith("::warning")]
    assert len(warnings) == 2 and "comment: refused (token)" in warnings[0] and "ValueError" in warnings[1]


def test_a_fault_is_an_annotation_at_its_place() -> None:
    stream = io.StringIO()
    Log(stream).faults(EvalgateError("wrong", place=Place(path="a.yml", line=3, column=7)))
    assert "file=a.yml" in stream.getvalue() and "line=3" in stream.getvalue() and "wrong" in stream.getvalue()


def test_progress_is_told_every_30_seconds() -> None:
    stream = io.StringIO()
    moments = iter([0.0, 29.0, 30.0, 31.0])
    log = Log(stream, clock=lambda: next(moments))

    class Event:
        def describe(self) -> str:
            return "half"

    event: ProgressEvent = Event()  # type: ignore[assignment]
    for _ in range(3):
        log.progress(event)
    assert stream.getvalue() == "evalgate: half\n"


def test_the_ledger_needs_the_person_who_started_the_run(environment: dict[str, str]) -> None:
    assert job({**environment, "GITHUB_ACTOR": "ann"}).actor == "ann"
    with pytest.raises(InputError, match="GITHUB_ACTOR is not set"):
        _ = job(environment).actor
