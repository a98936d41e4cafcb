"""The command `tick`: on a schedule, let the rollouts of all prompts grow, hold them, or take them back.

Each prompt has one issue for what a person has to look at. An error of one prompt does not stop the others.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from evalgate.action.gate_run import make_machine
from evalgate.action.job import OWN_VARIABLES
from evalgate.action.publish import make_sticky
from evalgate.action.release_commands import explain, keep_copy, make_actor, project_labels
from evalgate.action.tick_issue import TickIssues, TickNews, make_key
from evalgate.action.tick_problems import find_problems, find_settled
from evalgate.commands.release.status import RolloutStatus
from evalgate.commands.release.tick import Ticked, describe_tick, make_notify, tick
from evalgate.domain import Admission, combine_admissions
from evalgate.errors import EvalgateError, InputError
from evalgate.gate.configured_registry import open_configured, read_rollout_settings
from evalgate.gate.configured_rows import stream_configured_rows
from evalgate.gate.online_scoring import OnlineScorer, describe_cost
from evalgate.release.langfuse_projection import LabelFinding, find_projection
from evalgate.release.rollout.rollout_view import make_view
from evalgate.release.rollout.state import parse_state
from evalgate.report.escape import markdown, prose
from evalgate.report.fact_table import render_facts

if TYPE_CHECKING:
    from evalgate.action.job import Job, Log
    from evalgate.domain.rollout import RolloutSettings
    from evalgate.release.promotion import Actor
    from evalgate.release.registry import Registry
    from evalgate.services.github import GitHub

EVENTS: Final = ("schedule", "workflow_dispatch")
LONGEST_SUMMARY: Final = 800_000
"""Bytes of the job's summary; GitHub takes 1 MiB of a step."""
_LONGEST_SENTENCE = 1_000
_FRESH = datetime.timedelta(minutes=10)
"""For how long after an entry the labels in Langfuse are not looked at: its writer may still be moving them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """What became of one prompt: its sentences, its exit codes, and what its tick did, None after an error."""

    name: str
    codes: Sequence[Admission]
    sentences: Sequence[str]
    done: Ticked | None = None
    status: str = ""
    issue: str = ""

    @property
    def code(self) -> Admission:
        """The most severe exit code."""
        return combine_admissions(self.codes)

    def describe(self) -> dict[str, Any]:
        """Return the row of the output `ticks`."""
        done = self.done
        return {
            "name": self.name,
            "action": "error" if done is None else done.action,
            "code": "" if done is None else done.code,
            "sentence": prose("; ".join(self.sentences), most=_LONGEST_SENTENCE),
            "is_written": done is not None and done.is_written,
            "revision": None if done is None else done.stored.document.revision,
            "exit_code": int(self.code),
            "issue": self.issue,
        }


def run_ticks(job: Job, hub: GitHub | None, log: Log) -> int:
    """Tick the prompts of the registry, or those that the input `prompt` names, and return the exit code of the job.

    It is the most severe one of all prompts, as `fail-on` takes it. Raises EvalgateError, after the summary and the
    outputs are written, for an event that this command is not for and for a registry that cannot be read at all.
    """
    for name in OWN_VARIABLES:  # the commands of `rows` and `notify` need no token of the action
        os.environ.pop(name, None)
    try:
        _refuse_other_events(job)
        turns = _Round(job, hub, log).run()
    except EvalgateError as error:
        code = Admission(int(error.exit_code))
        _write(job, log, [], code, [explain(error)])
        raise
    code = combine_admissions(turn.code for turn in turns)
    _write(job, log, turns, code, [] if turns else ["the registry has no prompt"])
    return _choose_exit_code(job, turns)


def _refuse_other_events(job: Job) -> None:
    """Raise InputError for an event of a change, and for a branch whose rules are not those of the team."""
    event = job.event
    if event.name not in EVENTS:
        raise InputError(
            f"command: tick is for the events {' and '.join(EVENTS)}, and this is {event.name}",
            hint="a tick moves users to another version: give it a workflow of its own, `on: schedule`",
        )
    if event.default_branch and job.branch != event.default_branch:
        raise InputError(
            f"command: tick is for the default branch, {event.default_branch}, and this is {job.branch or 'no branch'}",
            hint="start the workflow on that branch: its configuration says where the rows are",
        )


class _Round:
    """One look at the prompts of a registry."""

    def __init__(self, job: Job, hub: GitHub | None, log: Log) -> None:
        self._job = job
        self._log = log
        self._settings: RolloutSettings = read_rollout_settings(job.config)
        self._folder = job.config.parent
        self._registry: Registry = open_configured(job.config, job.environment, log.say)
        now = datetime.datetime.now(datetime.UTC)
        self._issues = None if hub is None else TickIssues(make_sticky(job, hub, 0), now, log.warn)

    def run(self) -> list[_Turn]:
        """Tick each prompt. Raises EvalgateError if the names of all prompts are wanted and cannot be read."""
        named = _split_names(self._job.settings.prompt or "")
        return [self._take(name) for name in named or self._registry.list_names()]

    def _take(self, name: str) -> _Turn:
        """Tick one prompt. An error is its outcome alone."""
        try:
            return self._tick(name)
        except EvalgateError as error:
            self._log.faults(error)
            return _Turn(name=name, codes=[Admission(int(error.exit_code))], sentences=[f"{name}: {explain(error)}"])
        except Exception as error:
            self._log.bug(error)
            told = f"{name}: not done: unexpected {type(error).__name__}"
            return _Turn(name=name, codes=[Admission.NOT_EVALUATED], sentences=[told])

    def _tick(self, name: str) -> _Turn:
        by = make_actor(self._job)
        notify = make_notify(self._settings, self._folder)
        rows = partial(self._open_rows, name, by.at)
        done = tick(self._registry, name, rows, by, notify=notify, make_scorer=lambda: self._make_scorer(name, rows))
        self._log.say(describe_tick(done))
        if done.scoring is not None:
            self._log.say(f"{name}: {describe_cost(done.scoring)}")
        keep_copy(self._job, self._log, done.stored)
        if done.warning:
            self._log.warn(f"{name}: {done.warning}")
        told, codes = [describe_tick(done)], [Admission(int(done.exit_code))]
        moved = self._find_moved_labels(done, by)
        if moved:
            codes.append(Admission.INCONCLUSIVE)
        if done.is_written:
            code, sentences = project_labels(self._log, self._registry, [name])
            codes.append(Admission(int(code)))
            told += sentences
        status = _render_status(done, by.at)
        news = self._make_news(done, by, moved, status)
        told += [f"{name}: {one.sentence}" for one in news.problems if one.kind == "labels"]
        issues = self._issues
        url = None if issues is None else self._log.attempt("issue", lambda: issues.update(news))
        return _Turn(name=name, codes=codes, sentences=told, done=done, status=status, issue=url or "")

    def _open_rows(self, name: str, now: str) -> Iterable[bytes]:
        if self._settings.rows is None:
            raise InputError(f"{name}: nothing says where the rows are", hint="write `rows` in release.rollout")
        job = self._job
        return stream_configured_rows(
            self._settings.rows, job.config, job.environment, job.store, name=name, now=now, registry=self._registry
        )

    def _make_scorer(self, name: str, rows: Callable[[], Iterable[bytes]]) -> OnlineScorer:
        return OnlineScorer(
            config_path=self._job.config,
            name=name,
            open_rows=rows,
            machine=make_machine(self._job, self._log),
            on_event=self._log.progress,
        )

    def _find_moved_labels(self, done: Ticked, by: Actor) -> list[LabelFinding] | None:
        """Return the labels in Langfuse that were moved by hand before this tick; None if they were not looked at."""
        projection = find_projection(self._registry)
        document = done.before.document
        age = datetime.datetime.fromisoformat(by.at) - datetime.datetime.fromisoformat(document.at)
        if projection is None or done.action == "lost" or age < _FRESH:
            return None
        found = self._log.attempt("labels", lambda: projection.inspect(document))
        return None if found is None else [one for one in found if one.kind == "moved"]

    def _make_news(self, done: Ticked, by: Actor, moved: list[LabelFinding] | None, status: str) -> TickNews:
        name = done.stored.document.name
        return TickNews(
            key=make_key(self._job.config_name, name),
            name=name,
            problems=find_problems(done, moved or (), by.at),
            settled=find_settled(done, looked_at_labels=moved is not None),
            sentence=done.sentence,
            status=status,
            run_url=self._job.run_url,
        )


def _render_status(done: Ticked, now: str) -> str:
    """Render what the tick looked at, as `evalgate release status --format markdown` does.

    What it did is in its sentence: the rollout before it has the rows that it decided on.
    """
    document = done.before.document
    status = RolloutStatus(
        stored=done.before, state=parse_state(document), now=now, found=done.found, monitored=done.monitored
    )
    view = make_view(status)
    return f"What this tick looked at:\n\n{render_facts(view.title, view.facts, view.table)}"


def _write(job: Job, log: Log, turns: Sequence[_Turn], code: Admission, sentences: Sequence[str]) -> None:
    """Write the job's summary and the outputs. What cannot be written is a warning."""
    if job.settings.job_summary:
        told = [sentence for turn in turns for sentence in turn.sentences] + list(sentences)
        log.attempt("job summary", lambda: job.write_summary(_render_summary(told, [turn.status for turn in turns])))
    worst = next((turn for turn in turns if turn.code is code), None)
    outputs = {
        "failed": "false" if code is Admission.PASS else "true",
        "decision": "" if worst is None else worst.describe()["action"],
        "exit-code": str(int(code)),
        "ticks": json.dumps([turn.describe() for turn in turns]),
    }
    log.attempt("outputs", lambda: job.write_outputs(outputs))


def _render_summary(sentences: Sequence[str], statuses: Sequence[str]) -> str:
    """Render the sentences of all prompts, and then as many of the rollouts as fit."""
    rows = "".join(f"* {markdown(prose(sentence, most=_LONGEST_SENTENCE))}\n" for sentence in sentences)
    text, left = f"### evalgate: tick\n\n{rows}\n", LONGEST_SUMMARY
    left -= len(text.encode())
    for status in filter(None, statuses):
        left -= len(status.encode()) + 2
        if left < 0:
            return f"{text}More rollouts do not fit here: `evalgate release status`.\n"
        text += f"{status}\n\n"
    return text


def _choose_exit_code(job: Job, turns: Sequence[_Turn]) -> int:
    """Return the exit code that `fail-on` gives an outcome. What could not be done always fails the job."""
    silent = {"never": (Admission.FAIL, Admission.INCONCLUSIVE), "fail": (Admission.INCONCLUSIVE,), "inconclusive": ()}
    told = silent[job.settings.fail_on]
    return int(
        combine_admissions(code for turn in turns for code in turn.codes if turn.done is None or code not in told)
    )


def _split_names(given: str) -> list[str]:
    """Return the names of an input, each once: they are separated by commas or line ends."""
    return list(dict.fromkeys(name for part in re.split(r"[,\n]", given) if (name := part.strip())))
