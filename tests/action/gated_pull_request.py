"""The pull request #7 of a gated project, and the action as a job of it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gated_project import World
from github_server import GitHubServer

from evalgate.action import __main__ as action
from evalgate.action.job import Log

WORKFLOW = ".github/workflows/prompts.yml"
BRIEF = "Be brief, always and everywhere, please."


MAJOR = (
    "Answer in German, and only in German, whatever language the question is in; never name a price, a date or a name."
)


@dataclass(frozen=True)
class Ran:
    code: int
    log: str
    outputs: dict[str, str]
    summary: str


class Hub:
    """The pull request #7, by ann, and the action as a job of it."""

    def __init__(self, world: World, server: GitHubServer, temp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = world
        self.server = server
        self.temp = temp
        self._patch = monkeypatch
        self.base = world.repository.git("rev-parse", "main")
        self.head = self.base
        self.commits: list[dict[str, str]] = []
        self.clock = datetime(2026, 5, 1, 12, tzinfo=UTC)
        server.clock = self.tick

    def tick(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def push(self, version: str = "1.1.0", manner: str = BRIEF, **files: str) -> str:
        if version:
            self.world.edit(version, manner)
        self.head = self.world.repository.commit("edit", **files)
        self.commits.append({"sha": self.head, "author": "ann", "committer": "ann"})
        self.server.add_pull(7, head=self.head, base=self.base, ref="work", commits=list(self.commits))
        return self.head

    def rule(self, **policy: str) -> None:
        """Add to the policy of the base, and move the branch onto it."""
        more = "".join(f", {name}: {value}" for name, value in policy.items())
        self.configure("{stop_early: false", f"{{stop_early: false{more}")

    def configure(self, old: str, new: str) -> None:
        """Replace a part of the base's configuration, and move the branch onto it."""
        text = (self.world.root / "evalgate.yml").read_text()
        self.world.repository.git("switch", "--quiet", "main")
        self.base = self.world.repository.commit("rules", **{"evalgate.yml": text.replace(old, new)})
        self.world.repository.git("switch", "--quiet", "work")
        self.world.repository.git("merge", "--quiet", "--ff-only", "main")

    def run(self, event: str = "pull_request", payload: dict[str, Any] | None = None, **inputs: str) -> Ran:
        files = {name: self.temp / name for name in ("event", "output", "summary")}
        files["event"].write_text(json.dumps(payload if payload is not None else self.pull()), encoding="utf-8")
        for name in ("output", "summary"):
            files[name].unlink(missing_ok=True)
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        environment = {
            "EVALGATE_INPUTS": json.dumps({"github-token": "t0ken", **given}),
            "EVALGATE_MATRIX": "null",
            "GITHUB_ACTOR": "ann",
            "GITHUB_API_URL": self.server.url,
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(files["event"]),
            "GITHUB_JOB": "gate",
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_REPOSITORY": "acme/prompts",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_SHA": self.world.repository.git("rev-parse", "HEAD"),
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_WORKFLOW": "prompts",
            "GITHUB_WORKSPACE": str(self.world.root),
            "RUNNER_TEMP": str(self.temp),
        }
        for name, value in environment.items():
            self._patch.setenv(name, value)
        stream = io.StringIO()
        code = action._main(Log(stream))
        assert "Traceback" not in stream.getvalue(), stream.getvalue()
        return Ran(
            code=code, log=stream.getvalue(), outputs=read_outputs(files["output"]), summary=read_text(files["summary"])
        )

    def pull(self, **change: Any) -> dict[str, Any]:
        repo = {"id": 1}
        found = {
            "number": 7,
            "user": {"login": "ann"},
            "head": {"sha": self.head, "repo": repo},
            "base": {"sha": self.base, "ref": "main", "repo": repo},
        }
        return {"pull_request": found | change, "repository": {"default_branch": "main"}}

    def group(self) -> dict[str, Any]:
        ref = f"refs/heads/gh-readonly-queue/main/pr-7-{self.base}"
        group = {"head_sha": self.head, "base_sha": self.base, "head_ref": ref, "base_ref": "refs/heads/main"}
        return {"merge_group": group, "repository": {"default_branch": "main"}}

    def add_workflow(self) -> None:
        """Commit a workflow to the base, and move the branch onto it."""
        self.world.repository.git("switch", "--quiet", "main")
        self.base = self.world.repository.commit("workflow", **{WORKFLOW: "name: prompts\n"})
        self.world.repository.git("switch", "--quiet", "work")
        self.world.repository.git("merge", "--quiet", "--ff-only", "main")

    def upload(self, ran: Ran, text: str | None = None, **facts: Any) -> None:
        """Upload the report of the run 1, as a step of the workflow does."""
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as archive:
            archive.writestr("report.json", text or Path(ran.outputs["report-json"]).read_text())
        runs = self.server.state["runs"].values()
        number = 30 + sum(len(run["artifacts"]) for run in runs)
        self.server.add_artifact(1, number, "evalgate-report", zipped.getvalue())
        self.server.state["runs"]["1"]["facts"] = {"path": WORKFLOW, "head_sha": self.head, **facts}

    @property
    def statuses(self) -> list[tuple[str, str, str]]:
        """Return (sha, state, description) of each status, oldest first."""
        return [(one["sha"], one["state"], one["description"]) for one in self.server.state["statuses"]]

    @property
    def comments(self) -> list[str]:
        return [one["body"] for one in self.server.state["comments"]]


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def read_outputs(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)<<(?:\w+)\n(.*)\n\w{32}$", read_text(path), re.MULTILINE))


@pytest.fixture
def hub(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    temp = tmp_path / "runner"
    temp.mkdir()
    server = GitHubServer({"token": "t0ken"})
    yield Hub(world, server, temp, monkeypatch)
    server.close()
    assert server.violations == []


def worse(system: str, user: str) -> str:
    """Answer correctly, unless the prompt asks for a brief answer."""
    return f"I do not know: {user}" if BRIEF in system else json.dumps({"answer": user})
