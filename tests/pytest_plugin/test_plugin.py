"""What the plugin collects, and what it costs where there is no gate."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]


def collect(gated, *arguments: str) -> int:
    """Return how many tests of the gate are collected."""
    return sum("evalgate.yml::" in line for line in gated.run("--collect-only", "-q", *arguments).outlines)


def test_the_package_declares_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"evalgate": "evalgate.pytest_plugin"}


def test_importing_the_plugin_loads_nothing_of_weight() -> None:
    code = "import sys, pytest; old = set(sys.modules); import evalgate.pytest_plugin; print(*(set(sys.modules) - old))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert set(loaded.split()) == {"evalgate", "evalgate.pytest_plugin"}


def test_only_what_the_command_line_names_is_collected(gated, monkeypatch: pytest.MonkeyPatch) -> None:
    gated.pytester.makepyfile("def test_nothing(): pass")
    assert collect(gated) == 0
    assert collect(gated, ".") == 0
    assert collect(gated, "golden") == 41
    assert collect(gated, "--evalgate") == 41
    monkeypatch.chdir(gated.folder)
    assert collect(gated, ".") == 0
    assert collect(gated, "..") == 0
    assert collect(gated, "evalgate.yml") == 41


def test_a_link_to_the_folder_names_it(gated) -> None:
    (gated.pytester.path / "link").symlink_to(gated.folder)
    assert collect(gated, "link") == 41


@pytest.mark.parametrize(("mode", "arguments", "found"), [("all", [], 41), ("named", [], 0), ("off", ["golden"], 0)])
def test_the_ini_option_says_what_is_collected(gated, mode: str, arguments: list[str], found: int) -> None:
    gated.pytester.makeini(f"[pytest]\nevalgate = {mode}\n")
    assert collect(gated, *arguments) == found


def test_folders_of_testpaths_are_not_named(gated) -> None:
    gated.pytester.makeini("[pytest]\ntestpaths = golden\n")
    assert collect(gated) == 0


def test_another_value_of_the_ini_option_is_an_error(gated) -> None:
    gated.pytester.makeini("[pytest]\nevalgate = yes\n")
    ended = gated.run()
    assert ended.ret == pytest.ExitCode.USAGE_ERROR
    ended.stderr.fnmatch_lines(["*evalgate = yes: must be one of named, all, off*"])


def test_a_configuration_of_another_name_is_collected_by_option(gated) -> None:
    (gated.folder / "evalgate.yml").rename(gated.folder / "gates.yml")
    arguments = ["golden", "--evalgate-config", "golden/gates.yml", "--collect-only", "-q"]
    assert sum("gates.yml::" in line for line in gated.run(*arguments).outlines) == 41


def test_the_options_are_those_of_a_run(gated) -> None:
    ended = gated.run("golden", "--collect-only", "-q", "--evalgate-gate", "other")
    ended.stdout.fnmatch_lines(['*no gate is named "other"*'])
    prompt = gated.folder / "support.prompt.yml"
    text = prompt.read_text()
    (gated.folder / "third.prompt.yml").write_text(text.replace("1.1.0", "1.2.0").replace("polite", "kind"))
    prompt.write_text("not: [a prompt")
    gated.run("golden", "--evalgate-candidate", "golden/third.prompt.yml").assert_outcomes(passed=41)
    assert any("kind" in call.body["messages"][0]["content"] for call in gated.server.received)


def test_a_prompt_that_was_never_different_is_no_gate(gated) -> None:
    config = gated.folder / "evalgate.yml"
    config.write_text(config.read_text().replace("    baseline: old.prompt.yml\n", ""))
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", *command], check=True, cwd=gated.pytester.path)
    ended = gated.run("golden")
    ended.assert_outcomes(skipped=1)
    ended.stdout.fnmatch_lines(["SKIPPED * golden/evalgate.yml: not a gate: *"])
    assert not gated.server.received


def test_every_command_of_the_page_is_accepted(gated) -> None:
    page = (ROOT / "docs/pytest.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```bash\npytest (.*)$", page, re.MULTILINE)
    assert commands
    gated.pytester.mkdir("tests").joinpath("test_own.py").write_text("def test_own(): pass\n")
    for command in commands:
        assert collect(gated, *shlex.split(command)) == 41
    options = {f"--evalgate{name}" for name in re.findall(r"--evalgate([\w-]*)", page)}
    text = gated.run("--help").stdout.str()
    assert options == set(re.findall(r"^  (--evalgate[\w-]*)", text, re.MULTILINE))
