"""Whoever starts evalgate may close its output: the exit code is the verdict's all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX closes the streams")

PROGRAM = f'"{sys.executable}" -c "from evalgate.cli import entry; entry()"'
CLOSED = {
    "stdout": "{} >&-",
    "stderr": "{} 2>&-",
    "both": "{} >&- 2>&-",
    "all three": "{} <&- >&- 2>&-",
    "a reader that is gone": "set -o pipefail; {} | true",
    "a reader that reads a line": "set -o pipefail; {} | head -1",
    "both go to one that is gone": "set -o pipefail; {} 2>&1 | true",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scores")
    for name, candidate in (("pass", 0.9), ("fail", 0.1)):
        rows = [
            f"c{i},{arm},quality,{value}" for i in range(3000) for arm, value in (("baseline", 0.9), ("candidate", candidate))
        ]  # fmt: skip
        (folder / f"{name}.csv").write_text("case,arm,criterion,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED.keys())
@pytest.mark.parametrize(("name", "code"), [("pass", 0), ("fail", 1), ("none", 2)])
@pytest.mark.parametrize("form", ["terminal", "json"])
def test_the_exit_code_is_the_verdicts(folder: Path, name: str, code: int, form: str, closed: str) -> None:
    command = f"{PROGRAM} decide --scores {name}.csv --format {form}"
    ended = subprocess.run(
        ["bash", "-c", closed.format(command)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr


def test_nothing_is_printed_into_a_file(folder: Path) -> None:
    command = (
        f"{PROGRAM} decide --scores pass.csv --format terminal --format json --output report.txt --output report.json"
    )
    subprocess.run(["bash", "-c", f"{command} <&- >&- 2>&-"], cwd=folder, check=True)
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["decision"] == "PASS"


ACTION = f'"{sys.executable}" -I -m evalgate.action'
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")


@pytest.mark.parametrize("closed", [*CLOSED.values(), pytest.param("{} >/dev/full", marks=FULL)])
def test_the_action_outside_of_github_is_a_fault_of_its_use(tmp_path: Path, closed: str) -> None:
    ended = subprocess.run(
        ["bash", "-c", closed.format(ACTION)], cwd=tmp_path, capture_output=True, text=True, check=False, env={}
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr


@FULL
@pytest.mark.parametrize("form", ["terminal", "json", "csv"])
def test_a_full_disk_below_standard_output_is_told(folder: Path, form: str) -> None:
    command = f"{PROGRAM} decide --scores pass.csv --format {form}"
    ended = subprocess.run(
        ["bash", "-c", f"{command} >/dev/full"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3
    assert ended.stderr == "standard output cannot be written: No space left on device\n"


@FULL
@pytest.mark.parametrize(("name", "code"), [("pass", 0), ("fail", 1), ("none", 2)])
def test_a_full_disk_below_standard_error_changes_nothing(folder: Path, name: str, code: int) -> None:
    command = f"{PROGRAM} decide --scores {name}.csv"
    ended = subprocess.run(["bash", "-c", f"{command} 2>/dev/full"], cwd=folder, capture_output=True, check=False)
    assert ended.returncode == code


@pytest.mark.parametrize("told", ["yes", "head -c 17000000 /dev/zero", "head -c 9000000 /dev/zero"])
def test_what_a_hook_is_told_is_read_up_to_a_limit(tmp_path: Path, told: str) -> None:
    command = f"git init -q . && {told} | {PROGRAM} hook run"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert len(ended.stderr) < 20_000
