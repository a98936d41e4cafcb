"""The README keeps its word: every command runs, every screen is what is printed, every example loads."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:<!-- ([\w -]+) -->\n)?```(\w+)\n(.*?)```", README, re.DOTALL)
CONSOLE = [block.splitlines() for _, language, block in BLOCKS if language == "console"]
PROGRAM = [sys.executable, "-c", "from evalgate.cli import main; main()"]


def scripts() -> list[list[str]]:
    """Blocks of commands, to be typed one after the other."""
    return [[line.removeprefix("$ ") for line in block] for block in CONSOLE if block[-1].startswith("$ ")]


def screens() -> list[tuple[str, str]]:
    """Commands that are shown with what they print."""
    return [(block[0].removeprefix("$ "), "\n".join(block[1:])) for block in CONSOLE if not block[-1].startswith("$ ")]


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(command)
    assert program.endswith("evalgate"), command
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh repository with the demo in it, and the scores file the README speaks of."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "golden", folder / "golden", ignore=shutil.ignore_patterns(".evalgate"))
    for order in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "demo"]):
        subprocess.run(
            ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", *order], cwd=folder, check=True
        )
    rows = [f"c{i},{arm},quality,0.9" for i in range(80) for arm in ("baseline", "candidate")]
    (folder / "scores.csv").write_text("case,arm,criterion,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script[0])
def test_every_command_runs(script: list[str], checkout: Path) -> None:
    for command in script:
        ended = run(command, checkout)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(("command", "screen"), screens())
def test_every_screen_is_what_is_printed(command: str, screen: str, checkout: Path) -> None:
    printed = run(command, checkout).stdout
    parts = [part.strip("\n") for part in re.split(r"^\.\.\.$", screen, flags=re.MULTILINE)]
    place = 0
    for part in parts:
        found = printed.find(part, place)
        assert found >= 0, f"not printed (any more):\n{part}\n\nbut:\n{printed}"
        place = found + len(part)


@pytest.mark.parametrize("code", [block for _, language, block in BLOCKS if language == "python"])
def test_every_piece_of_python_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


def commands(mark: str) -> list[str]:
    """The commands of a marked block, each of which needs the one before."""
    block = next(block for found, _, block in BLOCKS if found == mark)
    return re.split(r" &&\s+", block.strip())


def installing(lock: str) -> list[str]:
    """From the lock alone: what a dependency publishes tomorrow changes nothing here."""
    return [
        "python3 -m venv .venv",
        f".venv/bin/pip install -q -r {lock}",
        ".venv/bin/pip install -q --no-deps -e .",
    ]


def test_the_demo_command_is_the_whole_job() -> None:
    *install, gate = commands("demo-command")
    assert install == installing("requirements.txt")
    assert run(gate, ROOT).returncode == 0


def test_the_command_for_the_tests_is_the_one_that_ci_runs() -> None:
    assert commands("test-command") == [*installing("requirements-dev.txt"), ".venv/bin/pytest -q -n auto"]
    assert "test-command" in (ROOT / ".ci/run").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", [part.strip() for _, _, block in BLOCKS for part in re.split(r"&&|\n", block) if re.match(r"^(\.venv/bin/|\s*- run: )?evalgate ", part.strip())])  # fmt: skip
def test_every_option_shown_exists(line: str, tmp_path: Path) -> None:
    command = line.removeprefix("- run: ").replace("$BASE", "main")
    ended = run(f"{command} --help", tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_the_first_configuration_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evalgate.inputs.config import load_config
    from evalgate.inputs.tree import WorkTree

    example = next(block for _, language, block in BLOCKS if language == "yaml" and block.startswith("# evalgate.yml"))
    (tmp_path / "evalgate.yml").write_text(example, encoding="utf-8")
    for name in ("prompts/support.prompt.yml", "golden/support.jsonl", "golden/answer.schema.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}", encoding="utf-8")
    config = load_config(WorkTree(tmp_path), "evalgate.yml")
    assert [judge.name for judge in config.gates[0].judges] == ["faithfulness", "relevance"]


def test_the_rubric_shown_is_one() -> None:
    from evalgate.inputs.prompts import parse_rubric

    text = next(block for _, language, block in BLOCKS if language == "markdown")
    assert parse_rubric(text.encode(), "tone.md").maximum == 5


def test_the_reference_names_every_check_and_every_setting() -> None:
    import json

    schema = json.loads((ROOT / "evalgate/inputs/evalgate.schema.json").read_text(encoding="utf-8"))["$defs"]
    for name in [n.removeprefix("check_") for n in schema if n.startswith("check_")]:
        assert f"`{name}`" in README, name
    for section in ("policy", "run"):
        for key in schema[section]["properties"]:
            assert f"`{section}.{key}`" in README or f"`{key}`" in README, key


def test_no_words_stand_for_something_to_come() -> None:
    assert "@@" not in README
