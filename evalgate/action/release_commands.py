"""The commands that write to the registry: publish what was merged, promote a version, roll production back."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evalgate.action.job import Job, Log
from evalgate.action.merged_reports import MergedReports
from evalgate.change.workspace import find_repository
from evalgate.domain import combine_admissions
from evalgate.errors import EvalgateError, ExitCode, InputError, ServiceError
from evalgate.gate.options import Machine
from evalgate.release.promotion import Actor
from evalgate.report.escape import markdown

if TYPE_CHECKING:
    from evalgate.commands.release.publish import Publication
    from evalgate.release.label_move import LabelMove
    from evalgate.release.registry import Registry, StoredDocument
    from evalgate.services.github import GitHub


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What a command did: its sentences in order, its exit code, and its outputs."""

    code: int
    sentences: Sequence[str]
    outputs: Mapping[str, str] = field(default_factory=dict)


def run_command(job: Job, hub: GitHub | None, log: Log) -> int:
    """Run `publish`, `promote` or `rollback`, write the job's summary and outputs, and return the verb's exit code.

    Raises EvalgateError for what the verb raises, after it has written the summary and the outputs.
    """
    command = job.settings.command
    try:
        done = _publish(job, hub, log) if command == "publish" else _move_label(job, log)
    except EvalgateError as error:
        code = int(error.exit_code)
        _write(job, log, _Done(code=code, sentences=[explain(error)]))
        raise
    _write(job, log, done)
    return done.code


def _write(job: Job, log: Log, done: _Done) -> None:
    rows = "".join(f"* {markdown(sentence)}\n" for sentence in done.sentences)
    if job.settings.job_summary:
        text = f"### evalgate: {job.settings.command}\n\n{rows or 'No gate has a prompt to publish.'}\n"
        log.attempt("job summary", lambda: job.write_summary(text))
    failed = {"failed": "false" if done.code == 0 else "true"}
    log.attempt("outputs", lambda: job.write_outputs({**failed, **done.outputs}))


def _publish(job: Job, hub: GitHub | None, log: Log) -> _Done:
    """Publish the prompts of the checked-out commit. The error of a gate is an annotation, and stops no other gate."""
    from evalgate.commands.release.publish import PublishOptions, publish
    from evalgate.gate.configured_registry import open_configured

    git, settings = find_repository(job.config), job.settings
    head = git.resolve("HEAD")
    if job.event.head is not None and head != job.event.head:
        raise InputError(
            f"the checkout has {head[:7]}, and the event is about {job.event.head[:7]}",
            hint="check out the commit of the event: leave out `ref:` of actions/checkout",
        )
    offer = MergedReports(job, hub, log, head).find if hub is not None else lambda commit: ()
    options = PublishOptions(
        gates=() if settings.prompt is None else (settings.prompt,),
        reason=settings.reason,
        source=settings.source,
        default_branch=job.event.default_branch or None,
        offer=offer,
    )
    machine = Machine(
        environment=job.environment,
        store=job.store,
        home=job.temp / "evalgate-models",
        secrets=settings.secrets,
        note=log.say,
    )
    registry = open_configured(job.config, job.environment)
    done = publish(job.config, registry, make_actor(job), options, machine, on_event=log.progress)
    sentences = [_tell_publication(job, log, one) for one in done]
    versions = [
        {"name": one.gate, "version": one.version.version, "digest": one.version.digest}
        for one in done
        if one.version is not None and one.result == "published"
    ]
    code, told = project_labels(log, registry, [one.stored.document.name for one in done if one.stored is not None])
    sentences += told
    worst = combine_admissions(one.admission for one in done)
    return _Done(code=int(code or worst), sentences=sentences, outputs={"published": json.dumps(versions)})


def _tell_publication(job: Job, log: Log, one: Publication) -> str:
    """Write what became of a gate to the log, and return it as a sentence of the summary."""
    from evalgate.commands.release.publish import describe_lack, describe_publication

    if one.error is not None:
        log.faults(one.error)
        return f"{one.gate}: {explain(one.error)}"
    keep_copy(job, log, one.stored)
    sentence = describe_publication(one)
    log.say(sentence)
    if lack := describe_lack(one):
        log.warn(lack)
        return f"{sentence}; it has no sign-off, which production needs"
    return sentence


def _move_label(job: Job, log: Log) -> _Done:
    """Promote a version, or roll production back, in the registry of the checkout's configuration."""
    from evalgate.commands.release.promote import promote
    from evalgate.commands.release.rollback import roll_back_production
    from evalgate.gate.configured_registry import open_configured
    from evalgate.release.label_move import describe_move

    settings, actor = job.settings, make_actor(job)
    name, label = settings.prompt or "", settings.to or ""  # `read_settings` refuses a blank one
    registry = open_configured(job.config, job.environment)
    moved: LabelMove
    if settings.command == "promote":
        moved = promote(registry, name, label, actor, settings.reason or "", version=settings.version)
    else:
        moved = roll_back_production(registry, name, actor, settings.reason or "", to=settings.version)
    keep_copy(job, log, moved.stored)
    sentence = describe_move(moved)
    log.say(sentence)
    outputs = {"version": moved.version.version, "digest": moved.version.digest}
    code, told = project_labels(log, registry, [name])
    return _Done(code=int(code), sentences=[sentence, *told], outputs=outputs)


def project_labels(log: Log, registry: Registry, names: Sequence[str]) -> tuple[ExitCode, list[str]]:
    """Write the labels to Langfuse, if the registry is there, and return an exit code and sentences.

    What cannot be written leaves the release done.
    """
    from evalgate.commands.release.project import project_releases

    warnings, faults = project_releases(registry, names)
    for warning in warnings:
        log.warn(warning)
    if faults:
        log.faults(ServiceError(faults=faults))
    code = ExitCode.NOT_EVALUATED if faults else ExitCode.PASS
    return code, [*warnings, *(str(one.message) for one in faults)]


def keep_copy(job: Job, log: Log, stored: StoredDocument | None) -> None:
    """Keep a copy of the document in the store, from which a run without the registry's secret reads it."""
    from evalgate.release.local_copy import write_copy

    if stored is not None and not write_copy(job.store, stored):
        log.warn(f"the copy of {stored.document.name} cannot be written to the store")


def explain(error: EvalgateError) -> str:
    """Return a sentence on what an error prevented: a refusal on evidence, or something that could not be done."""
    told = "; ".join(fault.message for fault in error.faults)
    return f"{'refused' if error.exit_code is ExitCode.FAIL else 'not done'}: {told}"


def make_actor(job: Job) -> Actor:
    """Return who runs this job, now. On a schedule GitHub names the person who last changed the workflow's schedule."""
    now = datetime.datetime.now(datetime.UTC)
    return Actor(id=uuid.uuid4().hex, who=job.actor, at=now.strftime("%Y-%m-%dT%H:%M:%SZ"), run_url=job.run_url or None)
