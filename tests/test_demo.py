"""Tests of the demo: the replayed verdict of each version, and its registry, without a key, a server or a call."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gated_project import Ended
from repository import Repository

from evalgate.domain import Outcome, Request
from evalgate.execute.providers.recorded import ReplayProvider
from evalgate.release.document import parse_document
from evalgate.release.sqlite_registry import SqliteRegistry

GOLDEN = Path(__file__).parents[1] / "golden"
VARIANTS = "golden/prompts/variants"
VERSIONS = [
    ("golden/prompts/support.prompt.yml", 0, "MINOR"),
    (f"{VARIANTS}/tempting-1.1.0.prompt.yml", 1, "MINOR"),
    (f"{VARIANTS}/patch-1.0.1.prompt.yml", 0, "PATCH"),
    (f"{VARIANTS}/major-2.0.0.prompt.yml", 1, "MAJOR"),
]
READ = {
    "show": "production 1.0.0",
    "show support": "support 1.0.0 (",
    "show support@staging": "support 1.1.0 (",
    "history support": "rollback production   1.1.0 -> 1.0.0",
    "verify": "support: 8 revisions, the ledger is whole",
    "status support": "a tick rolls back: facts: the canary's 0.25 against 0.81",
    "status support --now 2026-11-30T05:00:00Z": "a tick holds: 1.8 of the 48 hours",
    "tick support --dry-run --now 2026-11-30T05:00:00Z": "support: holds: 1.8 of the 48 hours of stage 1 of 3 are over",
    "plan support --now 2026-11-30T06:00:00Z": "619 users in 3.5 hours, 4,185 a day",
    "publish --dry-run --default-branch main": "support: nothing to do: 1.1.0 (",
}


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(GOLDEN, tmp_path / "golden", ignore=shutil.ignore_patterns(".evalgate", "*.sqlite3-*"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.mark.parametrize(("candidate", "code", "level"), VERSIONS)
def test_each_version_has_its_verdict(
    demo: Path, evalgate: Callable[..., Ended], candidate: str, code: int, level: str
) -> None:
    arguments = ["--config", "golden/evalgate.yml", "--candidate", candidate, "--output", "report.json"]
    ended = evalgate("run", *arguments)
    assert ended.code == code, ended.err
    gate = json.loads((demo / "report.json").read_text())["gates"][0]
    assert gate["level"]["effective"] == level
    assert gate["calls"]["made"] == 0
    assert gate["counts"]["decided"] == gate["counts"]["expected"]
    # the tempting edit is so bad that half of the cases are enough for the verdict
    assert gate["look"]["cases"] == (34 if "tempting" in candidate else 68)
    assert {r["case"] for r in gate["results"]} >= set(gate["order"][: gate["look"]["cases"]])


def test_the_tempting_edit_breaks_cases_by_name(demo: Path, evalgate: Callable[..., Ended]) -> None:
    tempting = ["--candidate", f"{VARIANTS}/tempting-1.1.0.prompt.yml"]
    files = ["--output", "report.json", "--output", "report.md"]
    evalgate("run", "--config", "golden/evalgate.yml", *tempting, *files)
    gate = json.loads((demo / "report.json").read_text())["gates"][0]
    facts = next(c for c in gate["comparisons"] if c["criterion"] == "facts")
    # an answer tells a customer with a damaged tent to pay for the return
    assert "refund-007" in facts["broken"]
    assert any("critical" in f["sentence"] and "refund-007" in f["cases"] for f in gate["findings"])
    said = [r["outcome"]["text"] for r in gate["results"] if (r["case"], r["arm"]) == ("refund-007", "candidate")]
    assert [json.loads(text)["answer"] for text in said] == ["Yes, you need to pay to send it back."]
    assert "<code>refund-007</code>" in (demo / "report.md").read_text()


def test_the_harmless_edit_passes_and_awaits_its_canary(demo: Path, evalgate: Callable[..., Ended]) -> None:
    ended = evalgate("run", "--config", "golden/evalgate.yml")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("PASS  support")
    assert "pending  48-hour canary" in ended.out


def test_every_recording_is_asked_for(
    demo: Path, evalgate: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: set[str] = set()
    answer = ReplayProvider.answer

    async def noting(self: ReplayProvider, request: Request) -> Outcome:
        asked.add(request.key)
        return await answer(self, request)

    monkeypatch.setattr(ReplayProvider, "answer", noting)
    for candidate, code, _ in VERSIONS:
        assert evalgate("run", "--config", "golden/evalgate.yml", "--candidate", candidate).code == code
    recorded = [json.loads(line)["key"] for line in (demo / "golden/recordings.jsonl").read_text().splitlines()]
    assert set(recorded) == asked


def test_what_was_not_recorded_is_an_error_that_says_how(demo: Path, evalgate: Callable[..., Ended]) -> None:
    prompt = demo / "golden/prompts/support.prompt.yml"
    prompt.write_text(prompt.read_text().replace("one or two sentences", "three sentences"))
    ended = evalgate("run", "--config", "golden/evalgate.yml")
    assert ended.code == 3
    assert "evalgate model pull" in ended.err
    assert "case " in ended.err


def test_the_registry_can_be_read_in_a_clone_and_leaves_it_clean(
    repository: Repository, evalgate: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository.root / "golden"
    shutil.copytree(GOLDEN, folder, ignore=shutil.ignore_patterns(".evalgate", "__pycache__", "*.sqlite3-*"))
    repository.commit("the demo")
    monkeypatch.chdir(repository.root)
    for command, line in READ.items():
        ended = evalgate("release", *command.split(), "--config", "golden/evalgate.yml")
        assert (ended.code, ended.err) == (0, "")
        assert line in " ".join(ended.out.split()) or line in ended.out
        assert max(map(len, ended.out.splitlines())) <= 80
    assert evalgate("run", "--config", "golden/evalgate.yml").code == 0
    assert repository.git("status", "--porcelain") == ""
    assert not list(folder.glob("releases.sqlite3-*"))


def test_a_tick_rolls_the_candidate_back_at_any_time_after_the_rows(demo: Path, evalgate: Callable[..., Ended]) -> None:
    registry = demo / "golden/releases.sqlite3"
    before = registry.read_bytes()
    tick = ("release", "tick", "support", "--config", "golden/evalgate.yml")
    reason = "facts: the canary's 0.25 against 0.81 over 28 and 153 keys, e = 955 against 300"
    for now in ((), ("--now", "2027-11-30T00:00:00Z")):
        dry = evalgate(*tick, "--dry-run", *now)
        assert (
            dry.code == 1
            and f"dry run, nothing is written: 1.1.0 is rolled back: all users get 1.0.0: {reason}"
            in " ".join(dry.out.split())
        )
    assert registry.read_bytes() == before
    ended = evalgate(*tick)
    assert ended.code == 1
    assert f"1.1.0 is rolled back: all users get 1.0.0 (revision 9): {reason}" in " ".join(ended.out.split())
    ended = evalgate(*tick)
    assert ended.code == 0 and "nothing to do: no rollout is in progress" in " ".join(ended.out.split())


def test_a_replay_says_what_rows_it_needs_though_no_commit_of_the_ledger_is_here(
    demo: Path, evalgate: Callable[..., Ended]
) -> None:
    ended = evalgate("release", "replay", "support", "--config", "golden/evalgate.yml", "--dry-run")
    assert ended.code == 3 and "is an answer of production with `fields` and `output`" in ended.err
    assert "hint: log both for some of the answers: see docs/rollout.md" in ended.err


def test_a_plan_without_rows_of_the_last_days_says_so(demo: Path, evalgate: Callable[..., Ended]) -> None:
    ended = evalgate("release", "plan", "support", "--config", "golden/evalgate.yml", "--now", "2027-11-30T00:00:00Z")
    assert ended.code == 2 and "no row of the last 7 days has a key" in ended.err


def test_the_gate_does_not_mention_that_its_baseline_is_in_production(
    repository: Repository, evalgate: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(
        GOLDEN, repository.root / "golden", ignore=shutil.ignore_patterns(".evalgate", "__pycache__", "*.sqlite3-*")
    )
    repository.commit("the demo")
    monkeypatch.chdir(repository.root)
    assert evalgate("run", "--config", "golden/evalgate.yml", "--output", "report.json").code == 0
    (gate,) = json.loads((repository.root / "report.json").read_text())["gates"]
    assert not [note for note in gate["notes"] if "released" in note]


@pytest.mark.long
def test_the_registry_is_what_its_script_makes(tmp_path: Path) -> None:
    made = tmp_path / "releases.sqlite3"
    subprocess.run([sys.executable, str(GOLDEN / "make_releases.py"), str(made)], check=True, capture_output=True)
    assert _tell(made) == _tell(GOLDEN / "releases.sqlite3")
    assert _list_rows(tmp_path) == _list_rows(GOLDEN)
    assert (GOLDEN / "served.jsonl").stat().st_size < 200_000


def _list_rows(folder: Path) -> list[tuple[timedelta, dict[str, Any]]]:
    """Return the rows of the demo with their times from the beginning of the rollout."""
    *_, last = SqliteRegistry(folder / "releases.sqlite3").history("support")
    began = datetime.fromisoformat(parse_document(last).at)
    rows = [json.loads(line) for line in (folder / "served.jsonl").read_text().splitlines()]
    return [(datetime.fromisoformat(row.pop("at")) - began, row) for row in rows]


def _tell(file: Path) -> list[Any]:
    """Return the story of the demo's ledger without times and ids, and digests of what has times and ids in it."""
    found: list[Any] = []
    for data in SqliteRegistry(file).history("support"):
        document = parse_document(data)
        entry = replace(document.entry, id="")
        versions = {
            one.digest: (one.version, one.level, one.canary_hours, one.messages, one.evaluation.scores, one.reason)
            for one in document.versions.values()
        }
        found.append((entry, dict(document.labels), document.past, versions))
    return found
