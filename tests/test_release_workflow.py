"""Tests of the release: the script that knows its tag, the files of the wheel, and what a clean environment runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github/workflows/release.yml"
numbers = st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: ".".join(map(str, parts)))


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_script", ROOT / ".ci/release.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()


def make_tree(folder: Path, version: str, changelog: str) -> Path:
    (folder / "evalgate").mkdir()
    (folder / "evalgate/__init__.py").write_text(f'"""Doc."""\n\n__version__ = "{version}"\n', encoding="utf-8")
    (folder / "CHANGELOG.md").write_text(changelog, encoding="utf-8")
    return folder


@given(numbers, numbers, st.text("abc #-\n", max_size=40))
def test_the_notes_of_a_version_are_its_section_alone(version: str, other: str, text: str) -> None:
    if version == other or "\n## " in f"\n{text}":
        return
    page = f"# Changelog\n\n## Unreleased\n\nsoon\n\n## {version} - 2026-12-01\n{text}\n## {other} - 2026-01-01\nold\n"
    assert SCRIPT.find_notes(page, version).strip("\n") == text.strip("\n")
    assert SCRIPT.find_notes(page, other) == "old\n"
    assert SCRIPT.find_notes(page, f"{version}0") is None


@pytest.mark.parametrize(("tag", "changelog", "fault"), [
    ("0.2.0", "## 0.2.0 - 2026-12-01\ntext\n", "not a tag of a release"),
    ("v0.3.0", "## 0.2.0 - 2026-12-01\ntext\n", "has the version 0.2.0"),
    ("v0.2.0", "## 0.2.0 - unreleased\ntext\n", 'no heading "## 0.2.0 - YYYY-MM-DD"'),
    ("v0.2.0", "## 0.2.0 - 2026-12-01\n\n## 0.1.0 - 2026-01-01\ntext\n", "is empty"),
])  # fmt: skip
def test_a_tag_that_cannot_be_released_is_refused(
    tag: str, changelog: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_tree(tmp_path, "0.2.0", changelog)
    assert SCRIPT.main(["check", tag], tree) == 1
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(("version", "major"), [("0.2.0", "v0"), ("3.0.1", "v3"), ("1.0.0rc1", "")])
def test_a_tag_moves_the_major_tag_unless_it_is_a_pre_release(
    version: str, major: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = make_tree(tmp_path, version, f"## {version} - 2026-12-01\n\n- a line\n")
    for command, said in (("check", ""), ("notes", "- a line\n"), ("major", f"{major}\n")):
        assert SCRIPT.main([command, f"v{version}"], tree) == 0
        assert capsys.readouterr().out == said


def test_the_changelog_has_a_section_for_what_comes_next() -> None:
    version = SCRIPT.read_version(ROOT)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert SCRIPT.find_notes(changelog, version) or f"\n## {version} - unreleased\n" in changelog


def test_only_the_jobs_that_write_may_write() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    assert {name: job.get("permissions") for name, job in jobs.items() if "permissions" in job} == {
        "publish": {"id-token": "write"},
        "announce": {"contents": "write"},
    }
    assert jobs["publish"]["needs"] == ["build", "try", "test"] and "publish" in jobs["announce"]["needs"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "evalgate"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert files <= packed
    assert {name for name in packed if not name.startswith("evalgate/") or "__pycache__" in name} == set()


def test_the_wheel_names_its_commands_and_its_licence(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    archive = zipfile.ZipFile(wheel)
    info = next(name for name in archive.namelist() if name.endswith("/entry_points.txt")).removesuffix(
        "entry_points.txt"
    )
    points = archive.read(f"{info}entry_points.txt").decode()
    assert all(f"{name} = {place}" in points for name, place in project["scripts"].items())
    assert f"{info}licenses/LICENSE" in archive.namelist()
    metadata = archive.read(f"{info}METADATA").decode()
    assert f"Version: {SCRIPT.read_version(ROOT)}\n" in metadata and "License-Expression: Apache-2.0\n" in metadata


@pytest.mark.long
def test_the_built_files_run_in_a_clean_environment(tmp_path: Path) -> None:
    """Build, check and try as the workflow does; downloads the locked packages."""
    tools, clean = tmp_path / "tools", tmp_path / "clean"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def run(*order: object, folder: Path = ROOT) -> str:
        done = subprocess.run([str(part) for part in order], cwd=folder, capture_output=True, text=True, check=False, timeout=600, env=environment)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for venv in (tools, clean):
        run(sys.executable, "-m", "venv", venv)
    run(tools / "bin/pip", "install", "-q", "--require-hashes", "-r", "requirements/release.txt")
    run(tools / "bin/python", "-m", "build", "--no-isolation", "-o", tmp_path / "dist")
    built = sorted((tmp_path / "dist").iterdir())
    run(tools / "bin/twine", "check", "--strict", *built)
    assert [file.suffix for file in built] == [".whl", ".gz"]
    run(clean / "bin/pip", "install", "-q", "--require-hashes", "-r", "requirements/package.txt")
    run(clean / "bin/pip", "install", "-q", "--no-deps", built[0])
    project = tmp_path / "project"
    project.mkdir()
    run("git", "init", "-q", folder=project)
    for verb in (["init"], ["validate"], ["run", "--format", "json", "--output", "report.json"]):
        run(clean / "bin/evalgate", *verb, folder=project)
    assert json.loads((project / "report.json").read_text(encoding="utf-8"))["decision"] == "PASS"
