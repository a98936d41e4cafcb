"""Tests of functions under the base's policy: the base's code runs if the base says so, and the change's never."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from change.test_base_policy import base_run
from gated_project import Ended, World

FUNCTION = """\
import json
import pathlib

import wording

PLACE = pathlib.Path(__file__).parent


def answer(case, messages):
    with open("{calls}", "a") as calls:
        calls.write(str(pathlib.Path.cwd()) + "\\n")
    assert "{mark}" == (PLACE / "data.txt").read_text().strip()
    return json.dumps({{"answer": messages[-1]["content"] + wording.MORE}})
"""


@pytest.fixture
def calls(world: World, tmp_path: Path) -> Path:
    """The base has a trusted function; the file gets a line for each of its calls."""
    path = tmp_path / "calls.txt"
    path.touch()
    config = (world.root / "evalgate.yml").read_text()
    config = config.replace("targets:\n", 'targets:\n  own: {type: python, function: "app:answer", version: "1"}\n')
    config = config.replace("    checks:", "    target: own\n    checks:").replace(
        "faithfulness}", "faithfulness, target: api}"
    )
    world.repository.write("evalgate.yml", config.replace("policy: {", "policy: {trust_code: true, "))
    world.repository.write("app.py", FUNCTION.format(calls=path, mark="of the base"))
    world.repository.write("wording.py", "MORE = ''\n")
    world.repository.write("data.txt", "of the base\n")
    world.repository.commit("a function")
    world.repository.git("branch", "--force", "main", "HEAD")
    return path


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines())


def test_the_base_s_code_answers_and_leaves_nothing_behind(world: World, calls: Path) -> None:
    world.edit()
    world.repository.write("app.py", "raise SystemExit('the code of the change')\n")
    world.repository.write("wording.py", "MORE = 'of the change'\n")
    world.repository.write("data.txt", "of the change\n")
    world.repository.write("json.py", "raise SystemExit('the code of the change')\n")
    world.repository.commit("an edit")
    ended = base_run(world)
    assert ended.code == 0, ended.out + ended.err
    folders = set(calls.read_text().split("\n")) - {""}
    assert len(folders) == 1
    (folder,) = folders
    assert folder.startswith(str(Path(tempfile.gettempdir()).resolve()))
    assert not Path(folder).exists()
    assert "of the change" not in json.dumps(world.report())


def test_without_the_base_s_word_it_is_refused(world: World, calls: Path) -> None:
    config = (world.root / "evalgate.yml").read_text()
    trusting = config
    world.repository.write("evalgate.yml", config.replace("trust_code: true, ", ""))
    world.repository.commit("no trust")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.edit()
    world.repository.write("evalgate.yml", trusting)  # the change's own word does not count
    world.repository.commit("an edit")
    ended = base_run(world)
    assert ended.code == 2
    assert 'target "own" is a function, app:answer: the change could edit its code' in ended.err
    assert "trust_code" in ended.err
    assert count(calls) == 0


def test_answers_are_kept_under_the_version_and_the_code(world: World, calls: Path) -> None:
    world.edit()
    world.repository.commit("an edit")
    assert base_run(world).code == 0
    made = count(calls)
    assert made
    assert base_run(world).code == 0
    assert count(calls) == made, "the verdict is stored"
    world.repository.git("switch", "--quiet", "main")
    world.repository.write("wording.py", "MORE = ' and more'\n")
    world.repository.commit("other code")
    world.repository.git("switch", "--quiet", "work")
    assert base_run(world).code == 0
    assert count(calls) > made


def test_a_configuration_in_a_folder_finds_its_modules(world: World, calls: Path) -> None:
    found = {path: (world.root / path).read_bytes() for path in ("app.py", "wording.py", "data.txt", "cases.jsonl")}
    for path, content in {**found, "evalgate.yml": (world.root / "evalgate.yml").read_bytes()}.items():
        (world.root / "sub").mkdir(exist_ok=True)
        (world.root / "sub" / path).write_bytes(content.replace(b"prompts/", b"../prompts/"))
    world.repository.commit("a folder")
    world.repository.git("branch", "--force", "main", "HEAD")
    world.edit()
    world.repository.commit("an edit")
    ended: Ended = base_run(world, "--config", "sub/evalgate.yml")
    assert ended.code in (0, 2), ended.out + ended.err
    if ended.code == 0:
        assert {Path(line).name for line in calls.read_text().split()} == {"sub"}


def test_the_option_changes_no_verdict_s_name(world: World, calls: Path) -> None:
    """What one may run does not decide: the policy in a report is the same with and without it."""
    world.edit()
    world.repository.commit("an edit")
    assert base_run(world).code == 0
    gate: dict[str, Any] = world.report()["gates"][0]
    assert "trust_code" not in gate["policy"]
