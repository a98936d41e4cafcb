"""A job of GitHub Actions: its event and settings, its log, and the files that pass data to later steps.

`__main__` passes in the environment and the log's stream. Everything written to the log is escaped.
"""

from __future__ import annotations

import posixpath
import secrets
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from evalgate.action.action_inputs import comment_key, read_settings, status_context
from evalgate.action.event import read_event
from evalgate.commands.report import list_past_runs
from evalgate.domain import Report
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.tree import inside, is_absolute
from evalgate.report import html, markdown, terminal, workflow
from evalgate.store import report_json
from evalgate.store.atomic import write_file
from evalgate.store.store import FOLDER, Store

if TYPE_CHECKING:
    from evalgate.domain.history_rows import HistoryRun
    from evalgate.execute.engine import ProgressEvent

_T = TypeVar("_T")
_WIDTH = 120
_PROGRESS_SECONDS = 30.0
OWN_VARIABLES = ("EVALGATE_INPUTS", "EVALGATE_MATRIX", "EVALGATE_INTERPRETER")
"""The variables that action.yml sets; the inputs have the token."""


class Log:
    """The log of the job: plain lines, which are escaped, and workflow commands."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._last = clock()

    def say(self, text: str) -> None:
        """Write lines to the log; workflow commands in them are escaped."""
        self.write(workflow.escape_log(text).rstrip("\n") + "\n")

    def progress(self, event: ProgressEvent) -> None:
        """Write the progress of the run, at most one line every 30 seconds."""
        now = self._clock()
        if now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            self.say(f"evalgate: {event.describe()}")

    def warn(self, text: str) -> None:
        self.write(workflow.render_command("warning", text, title="evalgate") + "\n")

    def faults(self, error: EvalgateError) -> None:
        """Write each fault as an error annotation at its place."""
        for fault in error.shown:
            place = fault.place or Place(path="")
            text = fault.message if fault.hint is None else f"{fault.message}\nhint: {fault.hint}"
            line, column = place.line or None, place.column or None
            self.write(
                workflow.render_command("error", text, title="evalgate", file=place.path, line=line, col=column) + "\n"
            )

    def bug(self, error: BaseException) -> None:
        self.faults(EvalgateError(describe_bug(error), hint="this is a bug: please report it with the traceback below"))
        self.say("".join(traceback.format_exception(error)))

    def report(self, report: Report) -> None:
        """Write the report, with the runner's workflow commands stopped meanwhile."""
        self.write(workflow.stop_commands(terminal.render(report, width=_WIDTH, color=False), secrets.token_hex(16)))

    def write(self, lines: str) -> None:
        """Write lines unescaped; they come from `report.workflow` or `report.annotations`."""
        self._stream.write(lines)
        self._stream.flush()

    def attempt(self, what: str, action: Callable[[], _T]) -> _T | None:
        """Call `action`, which publishes something. An error is a warning and returns None, and changes no verdict."""
        try:
            return action()
        except EvalgateError as error:
            fault = error.faults[0]
            self.warn(f"{what}: {fault.message}" + (f" ({fault.hint})" if fault.hint else ""))
        except Exception as error:
            self.warn(f"{what}: {describe_bug(error)}")
        return None


def describe_bug(error: BaseException) -> str:
    return f"unexpected {type(error).__name__}: {error}"


class Job:
    """The event, the settings and the folders of a job.

    Raises InputError for inputs, an event or paths that action.yml and GitHub do not give.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._given = environment
        self.settings = read_settings(environment.get("EVALGATE_INPUTS", ""), environment.get("EVALGATE_MATRIX", ""))
        self.repository = self._require("GITHUB_REPOSITORY")
        self.event = read_event(
            self._require("GITHUB_EVENT_NAME"),
            _read_text(Path(self._require("GITHUB_EVENT_PATH"))),
            repository=self.repository,
            sha=self._require("GITHUB_SHA"),
        )
        self.key = comment_key(
            self.settings.comment_key,
            workflow=environment.get("GITHUB_WORKFLOW", ""),
            job=environment.get("GITHUB_JOB", ""),
            matrix=self.settings.matrix,
            config=self.config_name,
        )
        self.workspace = Path(self._require("GITHUB_WORKSPACE"))
        self.temp = Path(self._require("RUNNER_TEMP"))

    def context(self, branch: str) -> str:
        """Return the name of the commit status for this target branch; empty is the default branch."""
        return status_context(
            self.settings.status_context,
            self.settings.matrix,
            config=self.config_name,
            to="" if branch == self.event.default_branch else branch,
        )

    @property
    def config_name(self) -> str:
        """The path of the configuration from the top of the workspace, as it is written."""
        return posixpath.normpath(posixpath.join(self.settings.working_directory, self.settings.config))

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment with the providers' keys, without the variables of the action."""
        return {name: value for name, value in self._given.items() if name not in OWN_VARIABLES}

    @property
    def api_url(self) -> str:
        return self._given.get("GITHUB_API_URL") or "https://api.github.com"

    @property
    def repository_url(self) -> str:
        return f"{self._given.get('GITHUB_SERVER_URL') or 'https://github.com'}/{self.repository}"

    @property
    def workflow_path(self) -> str:
        """The path of the workflow's file in the repository, empty if it is not known."""
        name, _, _ = self._given.get("GITHUB_WORKFLOW_REF", "").partition("@")
        return name.removeprefix(f"{self.repository}/") if name.startswith(f"{self.repository}/") else ""

    @property
    def run_url(self) -> str:
        """The URL of this attempt of the run, empty if the run has no id."""
        run, attempt = self._given.get("GITHUB_RUN_ID", ""), self._given.get("GITHUB_RUN_ATTEMPT", "1")
        return f"{self.repository_url}/actions/runs/{run}/attempts/{attempt}" if run.isdecimal() else ""

    @property
    def branch(self) -> str:
        """The branch that the workflow runs on, empty for any other ref."""
        ref = self._given.get("GITHUB_REF", "")
        return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""

    @property
    def actor(self) -> str:
        """The login of the person who started the run. Raises InputError if the runner does not tell it."""
        return self._require("GITHUB_ACTOR")

    @property
    def config(self) -> Path:
        """The path of the configuration in the workspace. Raises InputError if it goes through a symbolic link."""
        return self._resolve_inside(posixpath.join(self.settings.working_directory, self.settings.config), "config")

    @property
    def store(self) -> Store:
        """The store of answers and verdicts. Raises InputError if it goes through a symbolic link in the workspace."""
        chosen = self.settings.cache_path
        if chosen is not None and is_absolute(chosen):
            return Store(root=self._resolve_absolute(chosen, "cache-path"))
        own = posixpath.join(posixpath.dirname(self.settings.config), FOLDER)
        place = posixpath.join(self.settings.working_directory, chosen or own)
        return Store(root=self._resolve_inside(place, "cache-path"))

    @property
    def store_path(self) -> str | None:
        """The path of the store from the top of the workspace; None if it is outside. Raises InputError as `store`."""
        root = self.store.root
        return root.relative_to(self.workspace).as_posix() if root.is_relative_to(self.workspace) else None

    @property
    def reports(self) -> Path:
        chosen = self.settings.report_dir
        if chosen is None:
            return self.temp / f"evalgate-report-{self.key}"
        return (
            self._resolve_absolute(chosen, "report-dir")
            if is_absolute(chosen)
            else self._resolve_inside(chosen, "report-dir")
        )

    def write_report(self, report: Report) -> tuple[Path, Path]:
        """Write the report in all formats; return the paths of the JSON and the Markdown. Raises InputError."""
        folder = self.reports
        try:
            for place in (folder / name for name in ("report.json", "report.md", "report.html")):
                if place.is_symlink():  # the change may have committed it
                    raise InputError(
                        f"{place} is a symbolic link", hint="set report-dir to a folder outside of the workspace"
                    )
            write_file(folder / "report.json", report_json.pieces(report))
            write_file(folder / "report.md", markdown.render(report))
            write_file(folder / "report.html", html.render(report, history=self._list_history(report)))
        except OSError as error:
            raise InputError(f"the report cannot be written to {folder}: {error.strerror or error}") from None
        return folder / "report.json", folder / "report.md"

    def _list_history(self, report: Report) -> Sequence[HistoryRun]:
        """Return the runs until that of the report, as far as the store has them; none without a store."""
        try:
            return list_past_runs(report, self.store.run_log)
        except InputError:
            return ()

    def write_summary(self, text: str) -> None:
        """Append to the job's summary."""
        self._append("GITHUB_STEP_SUMMARY", text)

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """Write the outputs of the step."""
        self._append("GITHUB_OUTPUT", workflow.render_outputs(values, lambda: secrets.token_hex(16)))

    def _append(self, variable: str, text: str) -> None:
        path = self._given.get(variable)
        if path is None:
            return
        try:
            with Path(path).open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise InputError(f"{variable} cannot be written: {error.strerror or error}") from None

    def _require(self, name: str) -> str:
        value = self._given.get(name)
        if not value:
            raise InputError(
                f"{name} is not set", hint="this command is for GitHub Actions; elsewhere use: evalgate run"
            )
        return value

    def _resolve_absolute(self, path: str, name: str) -> Path:
        """Return an absolute path. Raises InputError if it goes through a symbolic link in the workspace."""
        try:
            below = Path(posixpath.normpath(path)).relative_to(self.workspace)
        except ValueError:
            return Path(path)
        return self._resolve_inside(below.as_posix(), name)

    def _resolve_inside(self, path: str, name: str) -> Path:
        """Return a path in the workspace. Raises InputError if it leaves it, or goes through a symbolic link."""
        steps = posixpath.normpath(inside(path)).split("/")
        found = self.workspace
        for step in steps:
            found = found / step
            if found.is_symlink():
                raise InputError(
                    f"input {name}: {path} goes through a symbolic link", hint="give the path that it points to"
                )
        return found


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"GITHUB_EVENT_PATH cannot be read: {error}") from None
