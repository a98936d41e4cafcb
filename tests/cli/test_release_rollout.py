"""Rollouts by the command line: from the start to a rollback, and to production, on each registry."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gated_project import Ended
from release.documents import make_version
from release.rollout.lives import OLD
from release.stories import KINDS, make_actor, make_url, publish

from evalgate.release.bucket import is_candidate
from evalgate.release.document import parse_document
from evalgate.release.ledger import verify
from evalgate.release.promotion import promote_version
from evalgate.release.registry import Registry
from evalgate.release.registry_access import open_registry

CANDIDATE = make_version("1.1.0", "Hi, ")
CONFIG = """\
release:
  registry: "{url}"
  rollout:
    rows: rows/*.jsonl
    stages: [{{share: 50, hours: 0}}, {{share: 75, hours: 0}}]
    staging_hours: 0
    settle_minutes: 0
    scores: {{helpful: 0.10}}
    notify: ["{python}", tell.py]
"""
TELL = "import sys; open('told.jsonl', 'ab').write(sys.stdin.buffer.read())\n"
COMMAND = [sys.executable, "-c", "from evalgate.cli import entry; entry()"]
Run = Callable[..., Ended]


def set_up(folder: Path, url: str) -> Registry:
    """Write a configuration, and publish a version in production and a candidate."""
    registry = open_registry(url, folder)
    last = publish(registry, OLD)
    registry.append(promote_version(last, OLD, "production", make_actor(), "the first"))
    publish(registry, CANDIDATE)
    (folder / "evalgate.yml").write_text(CONFIG.format(url=url, python=sys.executable))
    (folder / "tell.py").write_text(TELL)
    (folder / "rows").mkdir()
    (folder / "rows/today.jsonl").touch()
    return registry


@pytest.fixture(params=KINDS)
def registry(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    return set_up(tmp_path, make_url(request.param, tmp_path))


def write_rows(registry: Registry, *, drop: float = 0.0, keys: int = 3000, **changes: Any) -> None:
    """Write a row of each key at the moment at which the stage began, and forget the rows before."""
    stored = registry.read("support")
    assert stored is not None and stored.document.rollout is not None
    rollout, rng, rows = stored.document.rollout, random.Random(1), []
    for number in range(keys):
        key = f"user-{number}"
        dealt = is_candidate(rollout["salt"], key, rollout["share"])
        version = CANDIDATE if dealt else OLD
        mean = 0.8 - (drop if dealt else 0.0)
        row = {
            "id": f"{key}@{rollout['began']}",
            "at": rollout["began"],
            "prompt": "support",
            "version": version.version,
            "digest": version.digest,
            "variant": "candidate" if dealt else "production",
            "key": key,
            "error": None,
            "seconds": 1.0,
            "cost_usd": 0.01,
            "scores": {"helpful": sum(rng.random() < mean for _ in range(4)) / 4},
            "sampled": True,
        }
        rows.append({**row, **changes})
    Path("rows/today.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_version_is_rolled_back_by_a_tick_and_its_repair_reaches_production(
    registry: Registry, evalgate: Run
) -> None:
    told = evalgate("release", "start", "support", "--by", "ada", "--reason", "shorter")
    assert told.code == 0, told.err
    assert "the rollout of 1.1.0 starts: 50 % of the users get 1.1.0" in " ".join(told.out.split())
    assert "note: slow and expensive answers are not watched" in told.err
    assert evalgate("release", "start", "support").code == 2, "one at a time"

    write_rows(registry, drop=0.5)
    told = evalgate("release", "status", "support")
    assert told.code == 0 and all(len(row) <= 80 for row in told.out.splitlines())
    assert "a tick rolls back: helpful" in " ".join(told.out.split())
    told = evalgate("release", "tick", "support", "--by", "cron")
    assert told.code == 1, told.err
    assert "1.1.0 is rolled back: all users get 1.0.0" in " ".join(told.out.split())
    (message,) = map(json.loads, Path("told.jsonl").read_text().splitlines())
    assert message["action"] == "roll_back" and message["code"] == "worse:helpful"
    told = evalgate("release", "history", "support")
    assert "1.1.0 is rolled back: all users get 1.0.0 cron: helpful" in " ".join(told.out.split())
    assert all(len(row) <= 80 for row in told.out.splitlines())

    told = evalgate("release", "start", "support")
    assert told.code == 1 and "cron rolled back from it" in told.err and "--version 1.1.0" in told.err
    assert evalgate("release", "start", "support", "--version", "1.1.0").code == 0
    for action in ("advance", "finish"):
        write_rows(registry)
        told = evalgate("release", "tick", "support", "--format", "json")
        found = json.loads(told.out)
        assert (told.code, found["action"], found["code"]) == (0, action, "proven"), found["sentence"]
    assert found["labels"] == {"production": "1.1.0"} and found["rollout"] is None
    told = evalgate("release", "verify")
    assert (told.code, "the ledger is whole" in told.out) == (0, True)
    told = evalgate("release", "tick", "support")
    assert told.code == 0 and "there is no row of 1.1.0 in production" in " ".join(told.out.split())


def test_people_pause_resume_advance_and_abort(registry: Registry, evalgate: Run) -> None:
    assert evalgate("release", "start", "support").code == 0
    steps = [
        ("pause", "is paused: all users get 1.0.0"),
        ("resume", "begins its stage anew: 50 % of the users get 1.1.0"),
        ("advance", "goes on: 75 % of the users get 1.1.0"),
        ("abort", "is ended: all users get 1.0.0"),
    ]
    for verb, words in steps:
        assert evalgate("release", verb, "support").code == 2, "a reason is needed"
        dry = evalgate("release", verb, "support", "--reason", "because", "--dry-run")
        assert dry.code == 0 and "nothing is written" in " ".join(dry.out.split())
        told = evalgate("release", verb, "support", "--reason", f"to {verb}", "--by", "grace")
        assert told.code == 0, told.err
        assert f"the rollout of 1.1.0 {words}" in " ".join(told.out.split())
    told = evalgate("release", "abort", "support", "--reason", "again")
    assert told.code == 2 and "no rollout is in progress" in told.err
    shown = " ".join(evalgate("release", "history", "support").out.split())
    for verb, words in steps:
        assert f"the rollout of 1.1.0 {words}" in shown and f"grace: to {verb}" in shown
    assert evalgate("release", "verify").code == 0


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.chdir(tmp_path)
    return set_up(tmp_path, make_url("sqlite", tmp_path))


def test_status_has_four_formats(sqlite: Registry, evalgate: Run) -> None:
    assert evalgate("release", "status").out == "no rollout is in progress\n"
    assert "production 1.0.0" in " ".join(evalgate("release", "status", "support").out.split())
    assert evalgate("release", "start", "support").code == 0
    assert "users       50 % get 1.1.0\n" in evalgate("release", "status").out
    write_rows(sqlite)
    shown = evalgate("release", "status", "support").out
    rows = shown.splitlines()
    assert rows[0] == "support: the rollout of 1.1.0 against 1.0.0, revision 4"
    head = next(row for row in rows if row.startswith("watched"))
    assert head.split("  ")[0] == "watched" and "e worse (120)" in head and "e fine (20)" in head
    helpful = next(row for row in rows if row.startswith("helpful")).split()
    assert helpful[1] == "0.1" and 0.7 < float(helpful[2]) < 0.9
    assert "a tick goes on: stage 1 of 2 is proven" in " ".join(shown.split())
    found = json.loads(evalgate("release", "status", "support", "--format", "json").out)
    assert found["decision"]["action"] == "advance" and found["evidence"]["keys"][0] > 1000
    table = evalgate("release", "status", "support", "--format", "markdown").out
    assert "### support: the rollout of 1.1.0 against 1.0.0" in table and "| helpful | 0.1 |" in table
    page = evalgate("release", "status", "support", "--format", "html").out
    assert page.startswith("<!doctype html>") and page.count('<svg class="chart"') == 7
    assert "<title>support: the rollout of 1.1.0" in evalgate("release", "status", "--format", "html").out


def test_hostile_names_reach_no_terminal_and_no_table(sqlite: Registry, evalgate: Run) -> None:
    evil = "\x1b[31m|<b>@here\u202e"
    config = Path("evalgate.yml")
    config.write_text(config.read_text().replace("{helpful: 0.10}", json.dumps({evil: 0.1})))
    assert evalgate("release", "start", "support").code == 0
    write_rows(sqlite, scores={evil: 0.8}, error=None)
    for form in ("terminal", "markdown", "json", "html"):
        shown = evalgate("release", "status", "support", "--format", form)
        assert shown.code == 0, shown.err
        assert "\x1b" not in shown.out and "\u202e" not in shown.out
    assert evalgate("release", "tick", "support").code == 0


def test_a_replay_at_another_time_writes_nothing(sqlite: Registry, evalgate: Run) -> None:
    assert evalgate("release", "start", "support").code == 0
    write_rows(sqlite)
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    refused = evalgate("release", "tick", "support", "--now", later)
    assert refused.code == 2 and "--now is for --dry-run only" in refused.err
    told = evalgate("release", "tick", "support", "--now", later, "--dry-run")
    assert told.code == 0 and "75 % of the users get 1.1.0" in " ".join(told.out.split())
    assert told.out.startswith("support: dry run, nothing is written: ")
    shown = evalgate("release", "status", "support", "--now", later).out
    assert "24 of at least 0 hours" in " ".join(shown.split()) and "a tick goes on" in " ".join(shown.split())
    assert evalgate("release", "status", "support", "--now", "noon").code == 2
    for wrong in ("noon", "2026-01-31T12:00:00", "9999-12-31T23:59:59-01:00"):
        assert evalgate("release", "tick", "support", "--now", wrong, "--dry-run").code == 2
    for now in ("0001-01-01T00:00:00Z", "0202-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert evalgate("release", "tick", "support", "--now", now, "--dry-run").code in (0, 4)
    earlier = evalgate("release", "tick", "support", "--now", "2020-01-01T00:00:00Z", "--dry-run")
    assert earlier.code == 0 and "set the clock" in " ".join(earlier.out.split())
    stored = sqlite.read("support")
    assert stored is not None and stored.document.entry.verb == "start"


@pytest.mark.parametrize(("rows", "message"), [
    ("none/*.jsonl", "there is no such file of rows"),
    ('{command: ["/does/not/exist"]}', "cannot be started"),
    ("{command: [PYTHON, -c, 'import sys; sys.exit(9)']}", "exited with 9"),
])  # fmt: skip
def test_rows_that_cannot_be_read_end_with_3(sqlite: Registry, evalgate: Run, rows: str, message: str) -> None:
    assert evalgate("release", "start", "support").code == 0
    config = Path("evalgate.yml")
    config.write_text(config.read_text().replace("rows/*.jsonl", rows.replace("PYTHON", sys.executable)))
    told = evalgate("release", "tick", "support")
    assert told.code == 3 and message in told.err


def test_rows_come_from_a_command(sqlite: Registry, evalgate: Run) -> None:
    assert evalgate("release", "start", "support").code == 0
    write_rows(sqlite)
    Path("export.py").write_text("print(open('rows/today.jsonl').read())")
    config = Path("evalgate.yml")
    config.write_text(config.read_text().replace("rows/*.jsonl", f"{{command: [{sys.executable}, export.py]}}"))
    told = evalgate("release", "tick", "support")
    assert told.code == 0 and "75 % of the users" in " ".join(told.out.split())


def test_a_start_needs_scores_and_a_tick_rows(sqlite: Registry, evalgate: Run, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'releases.sqlite3'}"
    told = evalgate("release", "start", "support", "--registry", url)
    assert told.code == 2 and "no score is named" in told.err
    assert evalgate("release", "start", "support", "--share", "30").code == 2
    for stages in ("50,5", "nan", "inf", "1e400", "-5", "0", "100", "5,", "0.001", "5,nan"):
        told = evalgate("release", "start", "support", "--stages", stages)
        assert told.code == 2 and "--stages: " in told.err, told
    assert evalgate("release", "start", "support", "--kind", "ab", "--stages", "5").code == 2
    assert evalgate("release", "start", "support", "--kind", "ab", "--share", "30").code == 0
    told = evalgate("release", "tick", "support", "--registry", url)
    assert told.code == 2 and "nothing says where the rows are" in told.err
    write_rows(sqlite)
    told = evalgate("release", "tick", "support", "--registry", url, "--rows", "rows/*.jsonl")
    assert told.code == 0 and "the test has no row that counts" in " ".join(told.out.split())


def test_the_scores_of_the_gate_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalgate.gate.configured_registry import find_gate_scores

    golden = Path(__file__).parents[2] / "golden/evalgate.yml"
    found = find_gate_scores(golden, "support")
    assert found["json_schema"] == 0.10 and set(found) == {"json_schema", "length", "facts", "faithfulness"}
    assert found["facts"] == 0.05
    assert find_gate_scores(golden, "other") == {}


@pytest.mark.parametrize("kills", [pytest.param(3, id="short"), pytest.param(20, id="long", marks=pytest.mark.long)])
def test_a_tick_that_is_killed_leaves_a_whole_ledger(sqlite: Registry, evalgate: Run, kills: int) -> None:
    moments = random.Random(7)
    assert evalgate("release", "start", "support").code == 0
    write_rows(sqlite, drop=0.5)
    for _ in range(kills):
        process = subprocess.Popen(
            [*COMMAND, "release", "tick", "support"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        documents = list(sqlite.history("support"))
        assert verify(documents, "support") is None
        verbs = [parse_document(one).entry.verb for one in documents][3:]
        assert verbs in (["start"], ["start", "rollback"])
    told = evalgate("release", "tick", "support")
    assert told.code == (1 if verbs == ["start"] else 0)
    documents = list(sqlite.history("support"))
    assert [parse_document(one).entry.verb for one in documents][3:] == ["start", "rollback"]
