"""A job of GitHub Actions as evalgate sees it: its event and settings, its log, and the files it hands things over in.

The door gives it the environment and the log's stream; everything written there goes through its neutraliser.
"""

from __future__ import annotations

import posixpath
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from evalgate.action.action_inputs import comment_key, read_settings, status_context
from evalgate.action.event import read_event
from evalgate.domain import Report
from evalgate.errors import EvalgateError, InputError, Place
from evalgate.inputs.tree import inside, is_absolute
from evalgate.report import html, markdown, terminal, workflow
from evalgate.store import report_json
from evalgate.store.atomic import write_file
from evalgate.store.store import FOLDER, Store

if TYPE_CHECKING:
    from evalgate.execute.engine import ProgressEvent

_T = TypeVar("_T")
_WIDTH = 120
_PROGRESS_SECONDS = 30.0
_OWN = ("EVALGATE_INPUTS", "EVALGATE_MATRIX", "EVALGATE_INTERPRETER")


class Log:
    """The job's log: lines that are no commands, and commands that are meant."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._last = clock()

    def say(self, text: str) -> None:
        """Lines for the log; nothing in them is a command."""
        self.write(workflow.escape_log(text).rstrip("\n") + "\n")

    def progress(self, event: ProgressEvent) -> None:
        """How far the run is: a line every 30 seconds."""
        now = self._clock()
        if now - self._last >= _PROGRESS_SECONDS:
            self._last = now
            self.say(f"evalgate: {event.describe()}")

    def warn(self, text: str) -> None:
        self.write(workflow.render_command("warning", text, title="evalgate") + "\n")

    def faults(self, error: EvalgateError) -> None:
        """Each fault as an error of the job, at its place."""
        for fault in error.faults:
            place = fault.place or Place(path="")
            text = fault.message if fault.hint is None else f"{fault.message}\nhint: {fault.hint}"
            line, column = place.line or None, place.column or None
            self.write(
                workflow.render_command("error", text, title="evalgate", file=place.path, line=line, col=column) + "\n"
            )

    def bug(self, error: BaseException) -> None:
        self.faults(EvalgateError(describe_bug(error), hint="this is a bug: please report it with what follows"))
        self.say("".join(traceback.format_exception(error)))

    def report(self, report: Report) -> None:
        """The report, where the runner takes no commands meanwhile."""
        self.write(workflow.stop_commands(terminal.render(report, width=_WIDTH, color=False), secrets.token_hex(16)))

    def write(self, lines: str) -> None:
        """Lines as they are: those that `report.workflow` or `report.annotations` made."""
        self._stream.write(lines)
        self._stream.flush()

    def attempt(self, what: str, action: Callable[[], _T]) -> _T | None:
        """Publishing never changes a verdict: what goes wrong is a warning, and None."""
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
    """Raises InputError for inputs, an event or places that are not what action.yml and GitHub give."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._given = environment
        self.settings = read_settings(environment.get("EVALGATE_INPUTS", ""), environment.get("EVALGATE_MATRIX", ""))
        self.repository = self._require("GITHUB_REPOSITORY")
        self.event = read_event(
            self._require("GITHUB_EVENT_NAME"),
            _text(Path(self._require("GITHUB_EVENT_PATH"))),
            repository=self.repository,
            sha=self._require("GITHUB_SHA"),
        )
        self.key = comment_key(
            self.settings.comment_key,
            workflow=environment.get("GITHUB_WORKFLOW", ""),
            job=environment.get("GITHUB_JOB", ""),
            matrix=self.settings.matrix,
        )
        self.workspace = Path(self._require("GITHUB_WORKSPACE"))
        self.temp = Path(self._require("RUNNER_TEMP"))

    def context(self, branch: str) -> str:
        """The name of the status of a commit that goes to this branch; empty: to the default one."""
        return status_context(
            self.settings.status_context,
            self.settings.matrix,
            config=posixpath.normpath(posixpath.join(self.settings.working_directory, self.settings.config)),
            to="" if branch == self.event.default_branch else branch,
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """Where the providers' keys are; without what is the action's own."""
        return {name: value for name, value in self._given.items() if name not in _OWN}

    @property
    def api_url(self) -> str:
        return self._given.get("GITHUB_API_URL") or "https://api.github.com"

    @property
    def repository_url(self) -> str:
        return f"{self._given.get('GITHUB_SERVER_URL') or 'https://github.com'}/{self.repository}"

    @property
    def run_url(self) -> str:
        """The page of this very attempt."""
        run, attempt = self._given.get("GITHUB_RUN_ID", ""), self._given.get("GITHUB_RUN_ATTEMPT", "1")
        return f"{self.repository_url}/actions/runs/{run}/attempts/{attempt}" if run.isdecimal() else ""

    @property
    def config(self) -> Path:
        """The configuration's place in the workspace: no link on the way leads elsewhere."""
        return self._inside(posixpath.join(self.settings.working_directory, self.settings.config), "config")

    @property
    def store(self) -> Store:
        """Answers and verdicts: never in a folder that a link in the workspace chose."""
        chosen = self.settings.cache_path
        if chosen is not None and is_absolute(chosen):
            return Store(root=self._resolve_absolute(chosen, "cache-path"))
        own = posixpath.join(posixpath.dirname(self.settings.config), FOLDER)
        place = posixpath.join(self.settings.working_directory, chosen or own)
        return Store(root=self._inside(place, "cache-path"))

    @property
    def reports(self) -> Path:
        chosen = self.settings.report_dir
        if chosen is None:
            return self.temp / f"evalgate-report-{self.key}"
        return (
            self._resolve_absolute(chosen, "report-dir") if is_absolute(chosen) else self._inside(chosen, "report-dir")
        )

    def write_report(self, report: Report) -> tuple[Path, Path]:
        """Writes the report in all its formats; the paths of the JSON and the Markdown. Raises InputError."""
        folder = self.reports
        try:
            for place in (folder / name for name in ("report.json", "report.md", "report.html")):
                if place.is_symlink():  # one that a change has brought along
                    raise InputError(f"{place} is a link", hint="input report-dir: a folder outside of the workspace")
            write_file(folder / "report.json", report_json.pieces(report))
            write_file(folder / "report.md", markdown.render(report))
            write_file(folder / "report.html", html.render(report))
        except OSError as error:
            raise InputError(f"the report cannot be written to {folder}: {error.strerror or error}") from None
        return folder / "report.json", folder / "report.md"

    def write_summary(self, text: str) -> None:
        """Adds to the job's summary."""
        self._append("GITHUB_STEP_SUMMARY", text)

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """The outputs of the step."""
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
            raise InputError(f"{name} is not set", hint="this is for GitHub Actions; elsewhere: evalgate run")
        return value

    def _resolve_absolute(self, path: str, name: str) -> Path:
        """An absolute path, which is anywhere; one that leads into the workspace goes through no link there."""
        try:
            below = Path(posixpath.normpath(path)).relative_to(self.workspace)
        except ValueError:
            return Path(path)
        return self._inside(below.as_posix(), name)

    def _inside(self, path: str, name: str) -> Path:
        """A path of the workspace. Raises InputError where it leads out, or a link stands on the way."""
        steps = posixpath.normpath(inside(path)).split("/")
        found = self.workspace
        for step in steps:
            found = found / step
            if found.is_symlink():
                raise InputError(f"input {name}: {path} leads through a link", hint="name the place itself")
        return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"GITHUB_EVENT_PATH cannot be read: {error}") from None
