"""The command on a disk that is full and in a folder that is read-only: real ones, mounted for one process alone."""

from __future__ import annotations

import functools
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gated_project import World

STORE = Path(".evalgate")
SPILLED = "from evalgate.store.results_file import ResultsFile; ResultsFile.CHUNK = 1; "


def command(first: str) -> str:
    return shlex.join([sys.executable, "-B", "-c", f"{first}from evalgate.cli import entry; entry()"])


READ_ONLY = "mount --bind .evalgate .evalgate && mount -o remount,bind,ro .evalgate"


@functools.cache
def can_mount() -> bool:
    """Whether this user may mount in a namespace of his own, which no other process sees and which ends with the process."""
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.fixture(autouse=True)
def _mounts() -> None:
    if not can_mount():
        pytest.skip("nothing can be mounted here")


def script(world: World, *commands: str, first: str = "") -> tuple[int, str, str]:
    """Commands of a shell whose mounts are its own; `evalgate` is the command, after the Python code of `first`."""
    text = "\n".join([f'evalgate() {{ {command(first)} "$@"; }}', *commands])
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", text],
        cwd=world.root,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def asked(world: World, store: str) -> int:
    before = len(world.server.received)
    ended = world.evalgate("run", "--store", store, "--output", "report.json")
    assert ended.code == 0, ended.err
    return len(world.server.received) - before


@pytest.mark.parametrize("first", ["", SPILLED], ids=["in memory", "in a file"])
def test_a_read_only_store_is_read_and_the_run_completes(world: World, first: str) -> None:
    world.edit()
    calls = asked(world, ".evalgate")
    shutil.rmtree(STORE / "verdicts")  # else nothing would be looked up
    before = (STORE / "cache.sqlite3").read_bytes()
    code, _, err = script(world, READ_ONLY, "evalgate run --output report.json", first=first)
    assert code == 0, err
    assert len(world.server.received) == calls, "all was known"
    report = world.report()
    assert report["decision"] == "PASS"
    assert sum("results stay in memory" in warning for warning in report["warnings"]) == bool(first)
    assert any("cannot be written" in warning for warning in report["warnings"])
    world.edit("1.2.0", "Never guess, not even when the customer asks you to do so.")
    code, _, err = script(world, READ_ONLY, "evalgate run --output report.json", first=first)
    assert code == 0, err
    assert calls < len(world.server.received) < 2 * calls, "what was known of the baseline was not asked for"
    assert world.report()["gates"][0]["counts"]["failures"] == 0
    assert (STORE / "cache.sqlite3").read_bytes() == before
    assert sorted(path.name for path in STORE.glob("cache*")) == ["cache.sqlite3"]


def test_a_read_only_store_is_counted_and_exported_and_not_pruned(world: World) -> None:
    world.edit()
    calls = asked(world, ".evalgate")
    code, out, err = script(world, READ_ONLY, "evalgate cache stats", "evalgate cache export all.jsonl")
    assert code == 0, err
    assert f"entries    {calls}, " in out
    assert len((world.root / "all.jsonl").read_text().splitlines()) == calls
    for verb in ("prune --older-than 1", "import all.jsonl"):
        code, _, err = script(world, READ_ONLY, f"evalgate cache {verb}")
        assert (code, "the cache cannot be used" in err) == (3, True), err


@pytest.mark.matrix
@pytest.mark.parametrize("first", ["", SPILLED], ids=["in memory", "in a file"])
@pytest.mark.parametrize("size", ["16k", "128k"])
def test_a_full_disk_costs_what_is_stored_and_not_the_verdict(world: World, size: str, first: str) -> None:
    world.edit()
    calls = asked(world, "first")
    expected = world.report()["gates"][0]
    (world.root / STORE).mkdir()
    full = f"mount -t tmpfs -o size={size} tmpfs .evalgate"
    wide = "mount -o remount,size=50m .evalgate"
    before = len(world.server.received)
    code, _, err = script(
        world,
        full,
        "evalgate run --output full.json",
        wide,
        "rm -rf .evalgate/verdicts",  # there may have been room for that one
        "evalgate run --output wide.json",
        "cp -r .evalgate kept",
        first=first,
    )
    assert code == 0, err
    # a busy machine answers some requests late, and those are sent twice
    assert calls <= len(world.server.received) - before <= 2 * calls + calls // 10
    for name in ("full.json", "wide.json"):
        report = world.report(name)
        assert [report["gates"][0][part] for part in ("decision", "comparisons", "findings")] == [
            expected[part] for part in ("decision", "comparisons", "findings")
        ]
        assert report["gates"][0]["counts"]["failures"] == 0
        assert any("cannot be" in warning for warning in report["warnings"]) == (name == "full.json")
    assert world.evalgate("cache", "stats", "--store", "kept").code == 0
    shutil.rmtree(world.root / "kept/verdicts")
    assert asked(world, "kept") == 0, "what the second run was answered is whole"


def test_a_prune_that_has_no_room_leaves_the_entries_whole(world: World) -> None:
    world.edit()
    calls = asked(world, "first")
    size = (world.root / "first/cache.sqlite3").stat().st_size // 1024 + 40
    (world.root / STORE).mkdir()
    code, out, err = script(
        world,
        f"mount -t tmpfs -o size={size}k tmpfs .evalgate",
        "cp first/cache.sqlite3 .evalgate/",
        "evalgate cache prune --max-size 0.1",
        "echo ended with $?",
        "cp -r .evalgate kept",
    )
    assert code == 0, err
    assert "ended with 3" in out or "could not be made smaller" in err, out + err
    told = world.evalgate("cache", "stats", "--store", "kept", "--format", "json")
    assert told.code == 0, told.err
    assert '"unreadable": 0' in told.out
    if "ended with 3" in out:
        assert f'"entries": {calls}' in told.out, "all or nothing"
