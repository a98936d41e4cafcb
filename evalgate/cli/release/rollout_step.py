"""The commands with which a person moves a rollout: their options, their reason, and what is printed of a change."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, keep_copy, open_from_options, project_labels

if TYPE_CHECKING:
    from evalgate.release.promotion import Actor
    from evalgate.release.registry import Registry
    from evalgate.release.rollout_change import RolloutChange


class Step(Protocol):
    """What a person does to the rollout of a prompt, and why."""

    def __call__(self, registry: Registry, name: str, by: Actor, why: str, *, dry_run: bool) -> RolloutChange: ...


def make_step_command(verb: str) -> Callable[[Step], click.Command]:
    """Return a decorator that makes the command of a verb from what it does. Its docstring is the command's help."""

    def decorate(step: Step) -> click.Command:
        @click.command(verb)
        @click.argument("name")
        @click.option("--reason", required=True, metavar="TEXT", help="Why, for the history.")
        @by_option
        @dry_run_option
        @add_registry_options
        @functools.wraps(step, assigned=("__doc__",), updated=())
        def command(
            *, name: str, reason: str, by: str | None, dry_run: bool, config_path: Path, registry_url: str | None
        ) -> None:
            registry = open_from_options(config_path, registry_url)
            done = step(registry, name, make_actor(by), check_reason(reason), dry_run=dry_run)
            report_change(registry, config_path, registry_url, done)

        return command

    return decorate


def report_change(registry: Registry, config_path: Path, url: str | None, done: RolloutChange) -> None:
    """Print what changed, keep the copy for the hook, and write labels to Langfuse."""
    from evalgate.release.rollout_change import describe_rollout_change
    from evalgate.report.wrapped_text import wrap_words

    click.echo(wrap_words(describe_rollout_change(done), indent="  ", first=""))
    if done.stored is not None:
        keep_copy(config_path, url, done.stored)
        project_labels(registry, done.document.name)
