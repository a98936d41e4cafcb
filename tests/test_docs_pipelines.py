"""Tests of the pipelines of other CI systems in docs/: their form, and what they do in a checkout as the system makes it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from gated_project import World
from pushing import Pushing

PAGE = (Path(__file__).parents[1] / "docs/other-ci.md").read_text(encoding="utf-8")
(GITLAB,) = re.findall(r"<!-- gitlab-ci -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
(LINES,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
PIRATE = "Answer as a pirate would, in rhymes, with a song about the sea at the end of it."


def test_the_pipeline_of_gitlab_has_its_form(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(GITLAB, encoding="utf-8")
    order = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(tmp_path / "ci.yml")]
    done = subprocess.run(order, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Checkout:
    """A clone as a runner of GitLab makes it: the commit alone is fetched and checked out, without a local branch."""

    def __init__(self, pushing: Pushing, folder: Path, branch: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet")
        self.git("remote", "add", "origin", str(pushing.remote))
        self.git("fetch", "--quiet", "--no-tags", "origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}")
        self.git("checkout", "--quiet", "--detach", f"refs/remotes/origin/{branch}")
        programs = folder.with_name("programs")
        programs.mkdir(exist_ok=True)
        call = [sys.executable, "-P", "-c", "from evalgate.cli import main; main()"]
        (programs / "evalgate").write_text(f'#!/bin/sh\nexec {shlex.join(call)} "$@"\n')
        (programs / "evalgate").chmod(0o755)
        self.path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.folder), *arguments], check=True)

    def run(self, lines: str, base: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines], cwd=self.folder,
            env={**os.environ, "PATH": self.path, "BASE": base}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def count(self, state: str) -> int:
        root = ElementTree.parse(self.folder / "evalgate.xml").getroot()
        return len(list(root.iter(state)))


@pytest.fixture
def pushing(world: World, tmp_path: Path) -> Pushing:
    return Pushing(world, tmp_path / "remote.git")


def push(pushing: Pushing, version: str, manner: str) -> None:
    pushing.world.edit(version, manner)
    text = (pushing.world.root / "evalgate.yml").read_text(encoding="utf-8")
    pushing.repository.commit(**{"evalgate.yml": text.replace("      - {type: is_json}\n", "")})
    pushing.git("push", "--quiet", "origin", "work")


def read_script() -> str:
    install, *rest = yaml.safe_load(GITLAB)["evalgate"]["script"]
    assert install.startswith("pip install ")
    return "\n".join(rest)


@pytest.mark.parametrize("lines", [LINES, read_script()], ids=["any", "gitlab"])
def test_the_lines_judge_by_the_rules_of_the_target_branch(pushing: Pushing, tmp_path: Path, lines: str) -> None:
    """The change removes a check, which counts as an edit of the rules, and waits for a person."""
    push(pushing, "1.1.0", "Be brief, always and everywhere, please.")
    checkout = Checkout(pushing, tmp_path / "good", "work")
    done = checkout.run(lines, "main")
    assert done.returncode == 5, done.stdout + done.stderr
    assert (checkout.count("failure"), checkout.count("error")) == (0, 0) and checkout.count("skipped")
    push(pushing, "1.0.1", PIRATE)
    checkout = Checkout(pushing, tmp_path / "low", "work")
    done = checkout.run(lines, "main")
    assert done.returncode == 1 and "declared PATCH" in done.stdout
    assert checkout.count("failure")


def test_without_an_edit_the_lines_pass_and_call_nothing(pushing: Pushing, tmp_path: Path) -> None:
    pushing.repository.commit(**{"other.txt": "x"})
    pushing.git("push", "--quiet", "origin", "work")
    checkout = Checkout(pushing, tmp_path / "same", "work")
    done = checkout.run(LINES, "main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not pushing.world.server.received
    assert checkout.count("testcase") == 1 and not checkout.count("failure")
