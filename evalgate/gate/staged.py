"""Versions in Langfuse that hold the label `staging`, for which a person asks for a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalgate.change.workspace import Workspace
from evalgate.domain import Config, Gate, GatePlan, digest
from evalgate.domain.langfuse_reference import LangfusePromptSource, is_langfuse
from evalgate.errors import InputError
from evalgate.gate.options import CallMode, Selection
from evalgate.gate.plans import make_plans, select_gates
from evalgate.gate.rules_digest import digest_rules
from evalgate.inputs.langfuse_names import find_gates, find_prompt_name
from evalgate.release.document import PublishedVersion
from evalgate.services.langfuse import Langfuse
from evalgate.services.langfuse_prompts import LangfusePrompt
from evalgate.store.store import Store

STAGING = "staging"
"""The label that asks for a verdict."""

_KEY = 32  # hexadecimal digits, 128 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedVersion:
    """A version that holds `staging`, and a gate of its prompt. `found` is what the server has of it."""

    gate: Gate
    found: LangfusePrompt

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def number(self) -> int:
        return self.found.version

    @property
    def source(self) -> str:
        """The name of the version as an option writes it: `langfuse:support@7`."""
        return str(LangfusePromptSource(name=self.name, version=self.number))

    @property
    def selection(self) -> Selection:
        """What is compared: this version with the gate's baseline, by the rules that are checked out."""
        return Selection(gates=(self.gate.name,), candidate=self.source)

    def __str__(self) -> str:
        return f"{self.gate.name}: {self.source}"


def uses_langfuse(config: Config) -> bool:
    """Return whether a configuration says that prompts are in Langfuse."""
    release = config.release
    has_registry = release is not None and release.is_langfuse
    return config.langfuse is not None or has_registry or any(is_langfuse(gate.prompt) for gate in config.gates)


def list_prompt_names(config: Config) -> tuple[str, ...]:
    """Return the names in Langfuse of all prompts that have a gate; that of a prompt in git is its gate's name."""
    return tuple(dict.fromkeys(find_prompt_name(gate) or gate.name for gate in config.gates))


def find_staged(config: Config, langfuse: Langfuse, name: str) -> tuple[StagedVersion, ...]:
    """Return the version of a prompt that holds `staging`, once for each of its gates; empty if none holds it.

    Raises InputError if several versions hold it, which two moves at the same moment leave, and ServiceError.
    """
    listing = langfuse.find_prompt(name, label=STAGING)
    holders = () if listing is None else listing.versions
    if len(holders) > 1:
        raise InputError(
            f"{name}: {STAGING} is on the versions {', '.join(map(str, holders))}, which two moves at once leave",
            hint="put the label on one of them again, in Langfuse",
        )
    found = langfuse.read(name, holders[0]) if holders else None
    if found is None or STAGING not in found.labels:  # it was deleted or moved between the two requests
        return ()
    return tuple(StagedVersion(gate=gate, found=found) for gate in find_gates(config, name))


def plan_staged(workspace: Workspace, one: StagedVersion, store: Store) -> GatePlan:
    """Return the plan of a version's gate. Raises EvalgateError if the gate cannot judge it."""
    (plan,) = make_plans(workspace, select_gates(workspace, one.selection), one.selection, CallMode(), store)
    return plan


def make_key(one: StagedVersion, plan: GatePlan, config: Config) -> str:
    """Return what a verdict on a version is known by: 32 hexadecimal digits.

    It is of the name and the number, of the content, because the number of a deleted version is given again, and of the
    gate's rules.
    """
    return digest(["langfuse", one.name, one.number, plan.candidate.digest, digest_rules(plan, config)])[:_KEY]


def find_published(config_path: Path, one: StagedVersion, plan: GatePlan, config: Config) -> PublishedVersion | None:
    """Return what a version was published as, so that its verdict is in the release document; None if it was not.

    So is a version that evalgate itself wrote when it moved `staging` to a published one. Raises EvalgateError.
    """
    from evalgate.release.langfuse_projection import find_projection
    from evalgate.release.publication import find_publication
    from evalgate.release.registry_access import open_with_secrets

    if config.release is None:
        return None
    folder = config_path.resolve().parent
    registry = open_with_secrets(
        config.release, folder, config.environment or {}, place=str(config_path), needs_token=False
    )
    last = registry.read(one.gate.name)
    known = find_publication(registry, last, plan.candidate.digest)
    projection = find_projection(registry)
    if known is not None or last is None or projection is None:
        return known
    shown = projection.identify(last.document, one.found)
    return None if shown is None else find_publication(registry, last, shown)


def is_same(before: LangfusePrompt, now: LangfusePrompt | None) -> bool:
    """Return whether a version still is what it was: a deleted number is given again to another content."""
    return now is not None and (before.prompt, before.config) == (now.prompt, now.config)


def sort_first(names: Sequence[str], first: str | None) -> list[str]:
    """Return names with one of them before all others."""
    return sorted(names, key=lambda name: name != first)
