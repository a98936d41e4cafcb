"""A rollout in memory, the rows of its answers in a file, and the action's command `tick` as a scheduled job of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from action.gated_pull_request import Ran, read_outputs, read_text
from github_server import GitHubServer
from release.rollout.lives import RULES, Life, by

from evalgate.action import __main__ as action
from evalgate.action import tick_prompts
from evalgate.action.job import Job, Log
from evalgate.domain.rollout import RolloutRules, Stage
from evalgate.release.registry import Registry
from evalgate.services.github import GitHub

CONFIG = "release: {registry: 'sqlite:releases.sqlite3', rollout: {rows: rows.jsonl}}\n"
HOME = {"repository": {"default_branch": "main"}}
HALF = replace(RULES, stages=(Stage(share=5000, hours=24),))
"""Half of the users in one stage: few rows prove something."""
URL = "https://github.test/acme/prompts/actions/runs/1/attempts/1"


class Schedule:
    """The prompt `support` of a registry, and jobs that tick it at a time of the rollout's own clock."""

    def __init__(self, folder: Path, server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.life = Life()
        self.registry: Registry = self.life.registry
        self.server = server
        self.folder = folder
        self.hours = 0.0
        self.ref = "refs/heads/main"
        self._patch = monkeypatch
        (folder / "evalgate.yml").write_text(CONFIG, encoding="utf-8")
        monkeypatch.setattr(tick_prompts, "open_configured", lambda *given: self.registry)
        monkeypatch.setattr(tick_prompts, "make_actor", lambda job: by(self.hours, job.actor))
        monkeypatch.setattr(action, "_connect_github", self._connect)

    def run(
        self,
        hours: float,
        rows: list[dict[str, Any]] | None = None,
        event: str = "schedule",
        *,
        is_bug: bool = False,
        **inputs: str,
    ) -> Ran:
        """Run a job, some hours after the rollout's noon."""
        self.hours = hours
        if rows is not None:
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (self.folder / "rows.jsonl").write_text(text, encoding="utf-8")
        files = {name: self.folder / name for name in ("event", "output", "summary")}
        files["event"].write_text(json.dumps(HOME), encoding="utf-8")
        for name in ("output", "summary"):
            files[name].unlink(missing_ok=True)
        given = {"command": "tick", "github-token": "t0ken"}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        environment = {
            "EVALGATE_INPUTS": json.dumps(given),
            "EVALGATE_MATRIX": "null",
            "GITHUB_ACTOR": "ann",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(files["event"]),
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_REF": self.ref,
            "GITHUB_REPOSITORY": "acme/prompts",
            "GITHUB_RUN_ID": "1",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_SHA": "a" * 40,
            "GITHUB_STEP_SUMMARY": str(files["summary"]),
            "GITHUB_WORKSPACE": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
        }
        for name, value in environment.items():
            self._patch.setenv(name, value)
        stream = io.StringIO()
        code = action._main(Log(stream))
        assert is_bug or "Traceback" not in stream.getvalue(), stream.getvalue()
        outputs = read_outputs(files["output"])
        return Ran(code=code, log=stream.getvalue(), outputs=outputs, summary=read_text(files["summary"]))

    def _connect(self, job: Job, log: Log) -> GitHub | None:
        token = job.settings.github_token
        options: dict[str, Any] = {"note": log.say, "sleep": lambda _: None}
        return token and GitHub(token=token, repository="acme/prompts", api_url=self.server.url, **options)  # type: ignore[return-value]

    def start(self, rules: RolloutRules = HALF, hours: float = 0) -> None:
        self.life.start(rules, hours)

    def finish(self) -> None:
        """Let a tick finish the rollout, so that production has means to compare with."""
        assert self.life.tick(25, self.life.make_rows(1200, 0.3, 24)).action == "finish"

    def rows(self, keys: int = 100, since: float = 0.3, until: float = 3, **options: Any) -> list[dict[str, Any]]:
        """Return rows of the present stage."""
        return self.life.make_rows(keys, since, until, **options)

    def worse_rows(self, since: float = 0.3, until: float = 3) -> list[dict[str, Any]]:
        """Return rows of the present stage whose candidate is worse."""
        return self.life.make_rows(400, since, until, drop=0.5)

    @property
    def issues(self) -> list[dict[str, Any]]:
        return list(self.server.state["issues"].values())

    @property
    def comments(self) -> list[str]:
        return [one["body"] for one in self.server.state["comments"]]

    @property
    def writes(self) -> list[str]:
        return [call for call in self.server.calls() if not call.startswith("GET") and call != "POST /graphql"]


@pytest.fixture
def ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Schedule]:
    folder = tmp_path / "work"
    folder.mkdir()
    server = GitHubServer({"token": "t0ken"})
    yield Schedule(folder, server, monkeypatch)
    server.close()
    assert server.violations == []
