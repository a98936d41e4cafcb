"""Tests of the store between runs: `evalgate cache`, a restored store, two runs at once, and faults on disk."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from gated_project import CASES, World

from evalgate.store.store import SCHEMA

STORE = Path(".evalgate")
COMMAND = [sys.executable, "-c", "from evalgate.cli import entry; entry()"]


def changed(world: World) -> None:
    """Make a candidate to compare with main: two answers and two judgements for each case."""
    world.edit()


def asked(world: World, *arguments: str) -> int:
    """Run the gate, and return the number of its calls."""
    before = len(world.server.received)
    ended = world.evalgate("run", "--output", "report.json", *arguments)
    assert ended.code == 0, ended.err
    return len(world.server.received) - before


def without_verdicts(store: Path) -> None:
    """Remove the stored verdicts, so that a run has to read cached answers."""
    shutil.rmtree(store / "verdicts")


def test_export_and_import_into_an_empty_store_and_no_call_is_made(world: World) -> None:
    changed(world)
    calls = asked(world)
    assert calls > 2 * CASES
    told = world.evalgate("cache", "export", "all.jsonl")
    assert (told.code, told.out) == (0, f"all.jsonl: {calls} entries\n")
    told = world.evalgate("cache", "import", "all.jsonl", "--store", "elsewhere")
    assert (told.code, told.out) == (0, f"{calls} entries added, 0 existing kept\n")
    assert asked(world, "--store", "elsewhere") == 0
    assert (world.root / "elsewhere/.gitignore").read_text() == "*\n", "git ignores the store"
    told = world.evalgate("cache", "import", "all.jsonl", "--replace")
    assert told.out == f"0 entries added, {calls} existing replaced\n"
    assert "secret-key-123" not in (world.root / "all.jsonl").read_text()


def test_after_a_run_and_a_plan_one_file_of_the_cache_is_left(world: World) -> None:
    changed(world)
    asked(world)
    world.evalgate("plan")
    names = sorted(path.relative_to(STORE).as_posix() for path in STORE.rglob("*") if path.is_file())
    (verdict,) = (name for name in names if name.startswith("verdicts/"))
    assert names == [".gitignore", "cache.sqlite3", "report.json", "report.prompts.jsonl", "runs.jsonl", verdict]


@pytest.mark.parametrize("verdicts", [True, False])
def test_a_store_that_was_packed_and_unpacked_elsewhere_answers_without_a_call(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts: bool
) -> None:
    changed(world)
    assert asked(world) > 0
    if not verdicts:
        without_verdicts(STORE)
    with tarfile.open(tmp_path / "store.tar", "w") as tar:
        tar.add(STORE)
    shutil.rmtree(STORE)
    moved = tmp_path / "another" / "place"
    shutil.copytree(world.root, moved)
    with tarfile.open(tmp_path / "store.tar") as tar:
        tar.extractall(moved, filter="data")
    for path in (moved / STORE).rglob("*"):
        os.utime(path, (1e9, 1e9))
    monkeypatch.chdir(moved)
    assert asked(world) == 0
    assert str(world.root).encode() not in (moved / STORE / "cache.sqlite3").read_bytes(), (
        "the store has no absolute paths"
    )


def test_stats_say_what_there_is(world: World) -> None:
    changed(world)
    calls = asked(world)
    (STORE / "cache.sqlite3.damaged-1").write_bytes(b"x" * 20_000)
    told = json.loads(world.evalgate("cache", "stats", "--format", "json").out)
    assert (told["format"], told["entries"], told["unreadable"], told["priced"]) == (1, calls, 0, calls)
    assert told["served_by"] == [{"name": "m-1", "entries": calls, "priced": calls, "cost_usd": told["cost_usd"]}]
    assert told["cost_usd"] == pytest.approx(calls * (100 + 2 * 10) / 1e6)
    assert told["bytes"] == (STORE / "cache.sqlite3").stat().st_size
    assert told["verdicts"]["files"] == 1
    assert told["baselines"] == told["journals"] == {"files": 0, "bytes": 0}
    assert told["damaged"] == {"files": 1, "bytes": 20_000}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    out = world.evalgate("cache", "stats").out
    assert f"{calls}, " in out and f"last used {today}" in out
    assert "damaged    1, 0.02 MB" in out
    assert "m-1" in out


def test_every_file_of_a_story_is_counted_and_what_decides_outlives_a_prune(world: World) -> None:
    world.application = lambda system, user: "no JSON" if "brief" in system else json.dumps({"answer": user})
    changed(world)
    assert world.evalgate("baseline", "sample").code == 0
    assert world.evalgate("run").code == 1
    (STORE.parent / SCHEMA).write_text("{}")  # as `evalgate init` does
    assert world.evalgate("run", "--first", "3").code == 4
    for name in ("journal/k-1.2.jsonl", "batches/k.json", "rows/k.sqlite3", "releases/k.json", "notes.txt", "a/b"):
        (STORE / name).parent.mkdir(exist_ok=True)
        (STORE / name).write_bytes(b"x" * 7)
    with closing(sqlite3.connect(STORE / "cache.sqlite3")) as connection, connection:
        connection.execute("UPDATE entries SET used = 1")
    leftovers = [STORE / ".evalgate-1.part", STORE / "verdicts/.evalgate-2.part"]
    for number, path in enumerate(leftovers):
        path.touch()
        os.utime(path, (1e9, 1e9) if number else None)

    told = json.loads(world.evalgate("cache", "stats", "--format", "json").out)
    files = [path for path in STORE.rglob("*") if path.is_file()]
    counted = {name: kind["files"] for name, kind in told.items() if isinstance(kind, dict)}
    assert 1 + sum(counted.values()) == len(files)
    assert told["bytes"] + sum(kind["bytes"] for kind in told.values() if isinstance(kind, dict)) == sum(
        path.stat().st_size for path in files
    )
    empty = {name for name, count in counted.items() if not count}
    assert (empty, counted["other"]) == ({"undecided", "unanswered", "endpoints", "damaged"}, 2)
    assert "other      2, 0.00 MB" in world.evalgate("cache", "stats").out

    told = world.evalgate("cache", "prune", "--older-than", "1", "--max-size", "0.1", "--baselines", "--damaged")
    assert told.code == 0 and "damaged caches: 1 removed" in told.out, told.out
    assert {path for path in files if not path.exists()} == {leftovers[1]}, "the other one may be in use"
    world.application = lambda system, user: json.dumps({"answer": user})
    before = len(world.server.received)
    assert world.evalgate("run").code == 1
    assert len(world.server.received) == before


def test_a_model_s_name_cannot_steer_the_terminal(world: World) -> None:
    changed(world)
    asked(world)
    with closing(sqlite3.connect(STORE / "cache.sqlite3")) as connection, connection:
        connection.execute(r"""UPDATE entries SET line = replace(line, '"m-1"', '"\u001b[2J"')""")
    out = world.evalgate("cache", "stats").out
    assert "\x1b" not in out and r"\x1b[2J" in out


def test_prune_takes_what_is_named_and_never_a_verdict_unasked(world: World) -> None:
    changed(world)
    calls = asked(world)
    with closing(sqlite3.connect(STORE / "cache.sqlite3")) as connection, connection:
        connection.execute("UPDATE entries SET used = 1")
    damaged = STORE / "cache.sqlite3.damaged-1"
    damaged.write_bytes(b"x")
    told = world.evalgate("cache", "prune", "--older-than", "30", "--damaged", "--dry-run")
    assert f"entries: {calls} would be removed, 0 left" in told.out and "damaged caches: 1 would be removed" in told.out
    assert damaged.exists()
    told = world.evalgate("cache", "prune", "--older-than", "30", "--max-size", "0.1", "--baselines", "--damaged")
    assert told.code == 0, told.err
    assert f"entries: {calls} removed, 0 left" in told.out
    assert "damaged caches: 1 removed" in told.out and not damaged.exists()
    assert asked(world) == 0, "the stored verdict is used, and no new samples are drawn"
    told = world.evalgate("cache", "prune", "--forget-verdicts", "--dry-run")
    assert "verdicts: 1 would be removed" in told.out
    assert asked(world) == 0
    told = world.evalgate("cache", "prune", "--forget-verdicts")
    assert "verdicts: 1 removed" in told.out
    assert asked(world) == calls
    shown = world.evalgate("cache", "prune", "--help").out
    assert "WARNING" in shown.split("--forget-verdicts")[2]


def test_stale_baselines_go_and_fresh_ones_stay(world: World) -> None:
    world.repository.git("branch", "--force", "main", "HEAD")
    assert world.evalgate("baseline", "sample").code == 0
    (path,) = (STORE / "baselines").glob("*.json")
    assert "stale baselines: 0 removed" in world.evalgate("cache", "prune", "--baselines").out
    then = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=30)).isoformat(timespec="seconds")
    path.write_text(json.dumps({**json.loads(path.read_text()), "sampled_at": then}))
    (STORE / "baselines" / "bad.json").write_text("{")
    assert "stale baselines: 1 would be removed" in world.evalgate("cache", "prune", "--baselines", "--dry-run").out
    told = world.evalgate("cache", "prune", "--baselines")
    assert "stale baselines: 1 removed" in told.out and not path.exists()
    assert "bad.json" in told.err and "warning" in told.err


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["stats"], 2, "there is no store"),
        (["export", "x.jsonl", "--store", "nowhere"], 2, "there is no store"),
        (["prune"], 2, "name what to remove"),
        (["prune", "--older-than", "0"], 2, "--older-than"),
        (["import", "missing.jsonl"], 2, "missing.jsonl: no such file"),
        (["import", "evalgate.yml", "cases.jsonl"], 2, "faults"),
        (["import"], 2, "FILE"),
        (["stats", "--store", "broken"], 3, "the cache is damaged"),
        (["prune", "--older-than", "1", "--store", "broken"], 3, "the cache is damaged"),
        (["export", "x.jsonl", "--store", "broken"], 3, "the cache is damaged"),
        (["export", "cases.jsonl/x", "--store", "empty"], 2, "cannot be written"),
        (["import", "good.jsonl", "--store", "broken"], 3, "the cache is damaged"),
    ],
)
def test_bad_input_ends_with_2_and_an_unreadable_store_with_3(
    world: World, arguments: list[str], code: int, part: str
) -> None:
    world.repository.write("broken/cache.sqlite3", "no database " * 100)
    world.repository.write("good.jsonl", '{"key": "k", "text": "x"}\n')
    (world.root / "empty").mkdir()
    ended = world.evalgate("cache", *arguments)
    assert (ended.code, part in ended.err) == (code, True), ended.err
    assert not STORE.exists() and not Path("x.jsonl").exists()


def start(world: World, store: Path, output: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "run", "--store", str(store), "--output", output],
        cwd=world.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_runs_at_once_on_one_folder_reach_one_verdict(world: World) -> None:
    changed(world)
    calls = asked(world, "--store", "alone")
    alone = world.report()["gates"][0]
    before = len(world.server.received)
    processes = [start(world, STORE, name) for name in ("a.json", "b.json")]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "warning" not in err
    assert calls <= len(world.server.received) - before <= 2 * calls
    for name in ("a.json", "b.json"):
        gate = world.report(name)["gates"][0]
        assert [gate[part] for part in ("decision", "comparisons", "findings")] == [
            alone[part] for part in ("decision", "comparisons", "findings")
        ]
    with closing(sqlite3.connect(STORE / "cache.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list((STORE / "journal").glob("*")), "both are complete"
    without_verdicts(STORE)
    assert asked(world) == 0, "the answers of both runs are kept"


def test_a_cache_damaged_in_the_middle_of_a_run_costs_the_cache_alone(world: World) -> None:
    changed(world)
    calls = asked(world, "--store", "first")
    # answers are written in batches of 100: by now some are on disk and others are not
    database, answer = STORE / "cache.sqlite3", world.application
    damaged: list[int] = []

    def application(system: str, user: str) -> str:
        if len(world.server.received) - start_at >= 130 and not damaged:
            for path in (database, database.with_name("cache.sqlite3-wal")):
                if path.exists():
                    path.write_bytes(b"\x55" * max(path.stat().st_size, 8192))
                    damaged.append(path.stat().st_size)
        text = answer(system, user)
        assert isinstance(text, str)
        return text

    world.application = application
    start_at = len(world.server.received)
    ended = world.evalgate("run", "--output", "report.json")
    assert damaged, "the cache was damaged during the run"
    assert ended.code == 0, ended.err
    assert len(world.server.received) - start_at == calls, "no answer was requested twice"
    gate = world.report()["gates"][0]
    assert (gate["decision"], gate["counts"]["failures"]) == ("PASS", 0)
    without_verdicts(STORE)
    assert asked(world) <= calls
    without_verdicts(STORE)
    assert asked(world) == 0, "the new cache is complete"


def test_a_torn_journal_beside_a_store_is_continued(world: World) -> None:
    """Continue a run that an endpoint ended, with the journal's last line cut as by a crash of the machine."""
    changed(world)
    from chat_server import Reply

    calls = asked(world, "--store", "first")
    start_at, answer = len(world.server.received), world.application

    def application(system: str, user: str) -> str | Reply:
        if len(world.server.received) - start_at > 60:
            return Reply(body={"error": {"message": "no such model", "code": None}}, status=404)
        return answer(system, user)

    world.application = application
    assert world.evalgate("run").code == 3
    (journal,) = (STORE / "journal").glob("*.jsonl")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines)[:-20])
    (STORE / "cache.sqlite3").unlink()
    world.application = answer
    assert asked(world) == calls - (len(lines) - 1)
    assert not list((STORE / "journal").glob("*"))
