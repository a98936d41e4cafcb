"""The commands with which a person moves a rollout: their options are the same, and each has a reason."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from evalgate.cli.release.actor import by_option, check_reason, dry_run_option, make_actor
from evalgate.cli.release.registry_option import add_registry_options, open_from_options
from evalgate.cli.release.rollout_options import report_change

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
